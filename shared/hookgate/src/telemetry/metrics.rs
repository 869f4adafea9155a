//! The list of metrics. A function emits them as a [`MetricLine`](crate::MetricLine).

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A time.
    Milliseconds,
}

impl Unit {
    /// CloudWatch's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Milliseconds => "Milliseconds",
        }
    }
}

/// A dimension of a metric. Nothing that a sender chooses is ever one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The name of a configured source.
    Source,
    /// The reason of a refusal: one of the fixed words.
    Reason,
    /// The function.
    Function,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Dimension; 3] = [Dimension::Source, Dimension::Reason, Dimension::Function];

    /// Its name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Source => "source",
            Dimension::Reason => "reason",
            Dimension::Function => "function",
        }
    }
}

macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $name:ident: $unit:ident by $dimensions:expr,)+) => {
        /// A metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Metric {
            /// All of them.
            pub const ALL: &[Metric] = &[$(Metric::$name),+];

            /// Its name in CloudWatch.
            pub fn name(self) -> &'static str {
                match self { $(Metric::$name => stringify!($name),)+ }
            }

            /// Its unit.
            pub fn unit(self) -> Unit {
                match self { $(Metric::$name => Unit::$unit,)+ }
            }

            /// Its dimensions, each on its own; there is always a total as well.
            pub fn dimensions(self) -> &'static [Dimension] {
                match self { $(Metric::$name => $dimensions,)+ }
            }
        }
    };
}

const BY_SOURCE: &[Dimension] = &[Dimension::Source];

metrics! {
    /// Ingest took an event that it did not know.
    EventsAccepted: Count by BY_SOURCE,
    /// Ingest was sent an event again.
    EventsDuplicate: Count by BY_SOURCE,
    /// Ingest answered a request with an error.
    EventsRejected: Count by &[Dimension::Source, Dimension::Reason],
    /// An event id came again with another body.
    PayloadMismatch: Count by BY_SOURCE,
    /// An event was handled.
    EventsProcessed: Count by BY_SOURCE,
    /// An event matched no route; counted in `EventsProcessed` too.
    EventsUnhandled: Count by BY_SOURCE,
    /// An attempt failed and will be retried.
    EventsFailed: Count by BY_SOURCE,
    /// A message was sent to the dead-letter queue.
    EventsDeadLettered: Count by BY_SOURCE,
    /// A message was held, because its route is paused or its circuit breaker is open.
    EventsHeld: Count by BY_SOURCE,
    /// From the arrival of an event's request until it was handled; replays are left out.
    EndToEndLatency: Milliseconds by BY_SOURCE,
    /// Rows of the outbox that are due after a sweep.
    OutboxDepth: Count by &[],
    /// Messages that are held after a sweep.
    HeldDepth: Count by &[],
    /// A sweep came to its end without an error.
    SweeperRuns: Count by &[],
    /// Messages that a replay sent.
    EventsReplayed: Count by &[],
    /// A function's process started.
    ColdStarts: Count by &[Dimension::Function],
}

/// The maximum number of values of one metric in a line.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
pub const MAX_VALUES: usize = 100;
