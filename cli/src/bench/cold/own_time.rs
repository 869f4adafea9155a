//! What ingest itself takes for a request, beyond its calls to AWS.

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use hookgate::HttpDocuments;
use hookgate::config::Config;
use hookgate::ports::{Bodies, Clock, EventQueue, EventStore, Outbox, PortError, SystemClock};
use hookgate::{Body, ClaimCheck, Event, EventKey, Message, Place, Sources};
use hookgate_ingest::Ingest;
use hookgate_ledger::Record;
use http::Request;

use super::subjects::{CONFIG, Ground, SECRET};
use crate::BoxError;
use crate::bench::PATH;

impl Ground {
    /// The median time that ingest itself takes for a request: its ports answer at once. Microseconds.
    pub(super) async fn own_time_us(&self) -> Result<f64, BoxError> {
        let variables = [("BENCH".to_owned(), SECRET.to_owned())].into();
        let secrets = hookgate::Secrets::new(variables, None);
        let sources = Sources::load(
            &Config::parse(CONFIG)?,
            secrets,
            Place::Local,
            SystemClock.now(),
        )
        .await?;
        let ingest = Ingest::new(
            sources,
            AtOnce,
            AtOnce,
            None::<AtOnce>,
            HttpDocuments::default(),
            SystemClock,
        );
        let mut took = Vec::new();
        for number in 0..5000 {
            let (headers, body) = self.signed(&format!("own_{number}"))?;
            let mut request = Request::post(PATH);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let request = request.body(Bytes::from(body))?;
            let start = Instant::now();
            let answer = ingest.handle(request).await;
            took.push(start.elapsed().as_secs_f64() * 1e6);
            if !answer.status().is_success() {
                return Err("ingest refuses a good request".into());
            }
        }
        Ok(super::median(&mut took))
    }
}

/// Ports that answer at once. Messages are written out all the same, as an adapter would.
#[derive(Debug)]
struct AtOnce;

impl EventStore for AtOnce {
    async fn record(&self, _: &Event<Body>, _: SystemTime) -> Result<Record, PortError> {
        Ok(Record::New)
    }

    async fn mark_enqueued(&self, _: &EventKey, _: u32) -> Result<(), PortError> {
        Ok(())
    }
}

impl EventQueue for AtOnce {
    async fn send(&self, message: &Message) -> Result<(), PortError> {
        let written = message
            .to_json()
            .map_err(|error| PortError::new("write", error))?;
        std::hint::black_box(written);
        Ok(())
    }
}

impl Outbox for AtOnce {
    async fn keep(&self, _: &Message) -> Result<(), PortError> {
        Ok(())
    }
}

impl Bodies for AtOnce {
    async fn keep(&self, _: &ClaimCheck, _: &Bytes) -> Result<(), PortError> {
        Ok(())
    }

    async fn fetch(&self, _: &ClaimCheck) -> Result<Option<Bytes>, PortError> {
        Ok(None)
    }
}
