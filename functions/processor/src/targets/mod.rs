//! Route targets. Each target is a file in this folder and a line in the list below.
//!
//! Each target is a type with three functions. `parse(name, handlers)` reads the text after its word in
//! `hookgate.toml` and, at startup, returns an error for the user. `name()` returns that text again, for log lines and
//! operators. `run(event, body)` does the work.

mod handler;

use bytes::Bytes;
use hookgate::{Event, Route};

use crate::handlers::{Effect, HandlerError, Handlers};

/// A route and its target.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) route: Route,
    pub(crate) target: Target,
}

/// Declares the kinds of targets: the word in `hookgate.toml`, then the type.
macro_rules! targets {
    ($($word:literal => $kind:ident($target:ty)),+ $(,)?) => {
        /// The target of a route.
        #[derive(Debug)]
        pub(crate) enum Target {
            $($kind($target),)+
        }

        impl Target {
            /// Reads a target as `hookgate.toml` writes it: `handler:order_created`.
            ///
            /// # Errors
            /// Says which kinds there are, or what is wrong with the name.
            pub(crate) fn parse(text: &str, handlers: &Handlers) -> Result<Target, String> {
                let (word, name) = text.split_once(':').unwrap_or((text, ""));
                match word {
                    $($word => <$target>::parse(name, handlers).map(Target::$kind),)+
                    _ => Err(format!("unknown target `{text}`; write {}", [$(concat!("`", $word, ":NAME`")),+].join(" or "))),
                }
            }

            /// The target as `hookgate.toml` writes it.
            pub(crate) fn name(&self) -> &str {
                match self { $(Target::$kind(target) => target.name(),)+ }
            }

            /// Does the target's work for an event.
            pub(crate) async fn run(&self, event: &Event, body: &Bytes) -> Result<Effect, HandlerError> {
                match self { $(Target::$kind(target) => target.run(event, body).await,)+ }
            }
        }
    };
}

targets! {
    "handler" => Handler(handler::HandlerTarget),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_it_is_named_and_another_is_refused_with_what_there_is() {
        let handlers = Handlers::built_in();
        let parse = |text| Target::parse(text, &handlers).map(|target| target.name().to_owned());
        assert_eq!(parse("handler:log").as_deref(), Ok("handler:log"));
        assert_eq!(
            parse("lambda:x"),
            Err("unknown target `lambda:x`; write `handler:NAME`".to_owned())
        );
        assert_eq!(
            parse("log"),
            Err("unknown target `log`; write `handler:NAME`".to_owned())
        );
        let unknown = parse("handler:order_creatd").unwrap_err();
        assert!(
            unknown.starts_with("unknown handler `order_creatd`; there are log, "),
            "{unknown}"
        );
        assert!(parse("handler:").is_err());
    }
}
