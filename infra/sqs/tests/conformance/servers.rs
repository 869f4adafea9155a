//! The independent servers, and how a case is asked of one.

use std::any::Any;
use std::future::Future;

use crate::deviations::{DEVIATIONS, Deviation};
use crate::server::Server;

/// A server that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    Ministack,
    Fauxqs,
}

impl Other {
    fn url(self) -> String {
        let name = match self {
            Other::Ministack => "HOOKGATE_TEST_MINISTACK_URL",
            Other::Fauxqs => "HOOKGATE_TEST_FAUXQS_URL",
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "tests/scripts/run.sh starts the servers and says where they are"
        )]
        let url = std::env::var(name);
        url.unwrap_or_else(|_| panic!("{name} is not set: run tests/scripts/run.sh"))
    }

    /// Asks a case of this server, which passes it or deviates in the way that is known.
    pub(crate) async fn ask<F>(self, name: (&str, &str), case: fn(Server) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let server = Server::at(&self.url());
        match self.deviation(name) {
            None => case(server).await,
            Some(known) => known.check(self, failure(case(server)).await),
        }
    }

    fn deviation(self, (path, case): (&str, &str)) -> Option<&'static Deviation> {
        let module = path.split("::").nth(1);
        let named = |known: &Deviation| known.case == case || Some(known.case) == module;
        let mut known = DEVIATIONS.iter();
        known.find(|known| known.servers.contains(&self) && named(known))
    }
}

impl Deviation {
    /// Fails when the case passed, or failed otherwise than it is known to.
    fn check(&self, server: Other, failure: Option<String>) {
        let Deviation {
            case, seen, why, ..
        } = self;
        let failure = failure.unwrap_or_else(|| {
            panic!("{server:?} passes {case} now: take it off the known deviations")
        });
        let known = failure.contains(seen);
        assert!(known, "{server:?} fails {case} in a new way: {failure}");
        println!("{server:?} is known to deviate: {why}");
    }
}

/// The message of a case that fails.
async fn failure(case: impl Future<Output = ()> + Send + 'static) -> Option<String> {
    let failed = tokio::spawn(case).await.err()?;
    Some(text(failed.into_panic().as_ref()))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let formatted = panic.downcast_ref::<String>().cloned();
    formatted.or(literal).unwrap_or_default()
}
