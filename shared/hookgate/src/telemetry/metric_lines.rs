//! Metrics in CloudWatch's embedded metric format: a line of JSON for each [`MetricLine`], or the log line of what they
//! count.
//!
//! The crates that write this format come with another way of counting (the `metrics` facade, or `metrique`'s
//! records and their queue), and none of them knows which values a dimension may have. Here that is checked
//! in one place, where the line is written.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;

use serde_json::{Map, Value, json};
use tracing::{Dispatch, Subscriber, dispatcher};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::merged::write_into;
use crate::metrics::{Dimension, MAX_VALUES, Metric, Unit};
use crate::{system_now, unix_ms};

/// The longest word of a dimension, in bytes; CloudWatch allows 1024 characters.
const MAX_WORD: usize = 64;

/// Values of metrics that belong together, and the words that tell them apart.
///
/// ```
/// use hookgate::MetricLine;
/// use hookgate::metrics::{Dimension, Metric};
///
/// MetricLine::new()
///     .count(Metric::EventsAccepted, 1)
///     .by(Dimension::Source, "stripe")
///     .emit();
/// ```
#[derive(Clone, Debug, Default)]
pub struct MetricLine {
    values: Vec<(Metric, Vec<u64>)>,
    words: Vec<(Dimension, String)>,
}

impl MetricLine {
    /// A line without values.
    pub fn new() -> MetricLine {
        MetricLine::default()
    }

    /// Adds one value, unless it is 0.
    #[must_use]
    pub fn count(self, metric: Metric, value: u64) -> MetricLine {
        if value == 0 {
            return self;
        }
        self.values(metric, &[value])
    }

    /// Adds values of one metric, 0 among them.
    #[must_use]
    pub fn values(mut self, metric: Metric, values: &[u64]) -> MetricLine {
        if !values.is_empty() {
            self.values.push((metric, values.to_vec()));
        }
        self
    }

    /// Adds the word of a dimension.
    #[must_use]
    pub fn by(mut self, dimension: Dimension, word: impl Into<String>) -> MetricLine {
        self.words.push((dimension, word.into()));
        self
    }

    /// Writes the line, where the current subscriber has [`MetricLines`]; elsewhere nothing happens.
    pub fn emit(self) {
        let dispatch = dispatcher::get_default(Dispatch::clone);
        if let Some(lines) = dispatch.downcast_ref::<MetricLines>() {
            lines.write(&self, |_| false);
        }
    }

    /// Writes the values into the log line that `log` writes, or into a line of their own if the filter leaves that out.
    /// The log line must have the dimensions' words among its fields, under the dimensions' names.
    pub fn emit_with(self, log: impl FnOnce()) {
        let dispatch = dispatcher::get_default(Dispatch::clone);
        match dispatch.downcast_ref::<MetricLines>() {
            None => log(),
            Some(lines) => {
                let mut log = Some(log);
                lines.write(&self, |values| {
                    let log = log.take();
                    log.is_some_and(|log| write_into(members(values), log).is_none())
                });
                // There were no values.
                if let Some(log) = log {
                    log();
                }
            }
        }
    }

    /// Leaves the values to the metric filter that counts the log line that `log` writes. They are in a line of their own
    /// if the log filter leaves that out.
    pub fn emit_unless_logged(self, log: impl FnOnce()) {
        if write_into(String::new(), log).is_some() {
            self.emit();
        }
    }

    /// The values in portions that one line may carry.
    fn portions(&self) -> impl Iterator<Item = Vec<(Metric, &[u64])>> {
        let lines = self
            .values
            .iter()
            .map(|(_, values)| values.chunks(MAX_VALUES).len());
        (0..lines.max().unwrap_or(0)).map(|line| {
            self.values
                .iter()
                .filter_map(|(metric, values)| {
                    Some((*metric, values.chunks(MAX_VALUES).nth(line)?))
                })
                .collect()
        })
    }
}

/// The writer of metric lines, a layer of the subscriber. It knows the allowed values of dimensions.
pub struct MetricLines {
    namespace: String,
    sources: BTreeSet<String>,
    writer: BoxMakeWriter,
}

impl MetricLines {
    /// Lines of this namespace of CloudWatch's, written to `writer`, which tell these sources apart and no
    /// others.
    pub fn new<S, W>(
        namespace: &str,
        sources: impl IntoIterator<Item = S>,
        writer: W,
    ) -> MetricLines
    where
        S: Into<String>,
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        MetricLines {
            namespace: namespace.to_owned(),
            sources: sources.into_iter().map(Into::into).collect(),
            writer: BoxMakeWriter::new(writer),
        }
    }

    /// Writes each portion of a line, unless `written` says that it is.
    fn write(&self, line: &MetricLine, mut written: impl FnMut(&Map<String, Value>) -> bool) {
        let words = line.words.iter();
        let words: Vec<(Dimension, &str)> = words
            .map(|(dimension, word)| (*dimension, word.as_str()))
            .filter(|(dimension, word)| self.admits(*dimension, word))
            .collect();
        for portion in line.portions() {
            let mut values = self.values(&portion, &words);
            if written(&values) {
                continue;
            }
            let words = words.iter();
            values.extend(words.map(|(dimension, word)| (dimension.name().into(), (*word).into())));
            let line = Value::Object(values);
            // In one write, so that no other line comes in between. A failure cannot be reported anywhere.
            let _ = self
                .writer
                .make_writer()
                .write_all(format!("{line}\n").as_bytes());
        }
    }

    /// True for a word that may become a dimension's value: a configured source, or one of the code's own words.
    fn admits(&self, dimension: Dimension, word: &str) -> bool {
        let fixed = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        word.len() <= MAX_WORD
            && match dimension {
                Dimension::Source => self.sources.contains(word),
                Dimension::Reason | Dimension::Function => fixed(word),
            }
    }

    /// The members that make a line one of metrics, without its words.
    fn values(
        &self,
        values: &[(Metric, &[u64])],
        words: &[(Dimension, &str)],
    ) -> Map<String, Value> {
        let mut line = Map::new();
        line.insert("_aws".into(), self.directives(values, words));
        for (metric, values) in values {
            let value = match (metric.unit(), values) {
                (Unit::Count, [value]) => (*value).into(),
                (_, values) => values.to_vec().into(),
            };
            line.insert(metric.name().into(), value);
        }
        line
    }

    /// The line's metrics, and the dimensions of each.
    fn directives(&self, values: &[(Metric, &[u64])], words: &[(Dimension, &str)]) -> Value {
        let mut directives: Vec<(Vec<Vec<&str>>, Vec<Value>)> = Vec::new();
        for (metric, _) in values {
            let dimensions = dimension_sets(*metric, words);
            let metric = json!({ "Name": metric.name(), "Unit": metric.unit().name() });
            match directives
                .iter_mut()
                .find(|(known, _)| *known == dimensions)
            {
                Some((_, metrics)) => metrics.push(metric),
                None => directives.push((dimensions, vec![metric])),
            }
        }
        let directives: Vec<Value> = directives
            .into_iter()
            .map(|(dimensions, metrics)| {
                json!({ "Namespace": self.namespace, "Dimensions": dimensions, "Metrics": metrics })
            })
            .collect();
        json!({ "Timestamp": unix_ms(system_now()), "CloudWatchMetrics": directives })
    }
}

/// An object's members as JSON, without its braces.
fn members(object: &Map<String, Value>) -> String {
    let json = Value::Object(object.clone()).to_string();
    json[1..json.len() - 1].to_owned()
}

/// The total, and each of the metric's dimensions that the line has.
fn dimension_sets(metric: Metric, words: &[(Dimension, &str)]) -> Vec<Vec<&'static str>> {
    let dimensions = metric.dimensions().iter();
    let present = dimensions.filter(|dimension| words.iter().any(|(d, _)| d == *dimension));
    let sets = present.map(|dimension| vec![dimension.name()]);
    std::iter::once(Vec::new()).chain(sets).collect()
}

/// A layer only to be found by [`MetricLine::emit`]: `tracing`'s own events are none of its business.
impl<S: Subscriber> Layer<S> for MetricLines {}

impl fmt::Debug for MetricLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricLines")
            .field("namespace", &self.namespace)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}
