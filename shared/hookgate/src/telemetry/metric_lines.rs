//! Metrics in CloudWatch's embedded metric format, one line for one event of the metrics' target.
//!
//! A layer of our own, because the crates that write this format come with another way of counting
//! (the `metrics` facade, or `metrique`'s records and their queue), and none of them knows which values
//! a dimension may have. Here that is checked in one place, where the line is made.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;

use crate::metrics::{Dimension, MAX_VALUES, Metric};
use crate::{system_now, unix_ms};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;

/// The longest word of a dimension, in bytes; CloudWatch takes 1024 characters.
const MAX_WORD: usize = 64;

/// Makes metric lines, and knows what metrics may be told apart by.
#[derive(Clone, Debug)]
pub struct MetricLines<W = ()> {
    namespace: String,
    sources: BTreeSet<String>,
    writer: W,
}

impl MetricLines {
    /// Lines of this namespace of CloudWatch's, which tell these sources apart and no others.
    pub fn new<S: Into<String>>(
        namespace: &str,
        sources: impl IntoIterator<Item = S>,
    ) -> MetricLines {
        MetricLines {
            namespace: namespace.to_owned(),
            sources: sources.into_iter().map(Into::into).collect(),
            writer: (),
        }
    }

    pub(crate) fn writing_to<W>(self, writer: W) -> MetricLines<W> {
        MetricLines {
            namespace: self.namespace,
            sources: self.sources,
            writer,
        }
    }
}

impl<W> MetricLines<W> {
    /// Whether a word may become a dimension's value: a configured source, or one of our own words.
    fn admits(&self, dimension: Dimension, word: &str) -> bool {
        let fixed = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        match dimension {
            Dimension::Source => self.sources.contains(word),
            Dimension::Reason | Dimension::Function => fixed(word),
        }
    }

    fn line(&self, event: &Event<'_>) -> Option<Value> {
        let mut found = Found::default();
        event.record(&mut found);
        found
            .words
            .retain(|(dimension, word)| word.len() <= MAX_WORD && self.admits(*dimension, word));
        if found.values.is_empty() {
            return None;
        }
        let mut line = Map::new();
        line.insert("_aws".into(), found.directives(&self.namespace));
        for (dimension, word) in found.words {
            line.insert(dimension.name().into(), word.into());
        }
        for (metric, value) in found.values {
            line.insert(metric.name().into(), value);
        }
        Some(Value::Object(line))
    }
}

impl<S, W> Layer<S> for MetricLines<W>
where
    S: Subscriber,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if let Some(line) = self.line(event) {
            // In one write, so that no other line comes in between. There is nobody to tell of a failure.
            let _ = self
                .writer
                .make_writer()
                .write_all(format!("{line}\n").as_bytes());
        }
    }
}

/// What an event says that is a metric or a dimension.
#[derive(Default)]
struct Found {
    values: Vec<(Metric, Value)>,
    words: Vec<(Dimension, String)>,
}

impl Found {
    fn value(&mut self, field: &Field, value: Value) {
        self.values
            .extend(Metric::named(field.name()).map(|metric| (metric, value)));
    }

    /// Which members are metrics, and by what each is told apart.
    fn directives(&self, namespace: &str) -> Value {
        let directives = self.values.iter().map(|(metric, _)| {
            json!({
                "Namespace": namespace,
                "Dimensions": self.dimension_sets(*metric),
                "Metrics": [{ "Name": metric.name(), "Unit": metric.unit().name() }],
            })
        });
        let mut merged: Vec<Value> = Vec::new();
        for mut directive in directives {
            let same = merged
                .iter_mut()
                .find(|other| other["Dimensions"] == directive["Dimensions"]);
            match same.and_then(|other| other["Metrics"].as_array_mut()) {
                Some(metrics) => metrics.push(directive["Metrics"][0].take()),
                None => merged.push(directive),
            }
        }
        json!({ "Timestamp": unix_ms(system_now()), "CloudWatchMetrics": merged })
    }

    /// The total, and each of the metric's dimensions that the line has.
    fn dimension_sets(&self, metric: Metric) -> Vec<Vec<&'static str>> {
        let dimensions = metric.dimensions().iter();
        let present =
            dimensions.filter(|dimension| self.words.iter().any(|(d, _)| d == *dimension));
        let sets = present.map(|dimension| vec![dimension.name()]);
        std::iter::once(Vec::new()).chain(sets).collect()
    }
}

impl Visit for Found {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let mut all = Dimension::ALL.into_iter();
        let dimension = all.find(|dimension| dimension.name() == field.name());
        self.words
            .extend(dimension.map(|dimension| (dimension, value.to_owned())));
    }

    /// A list of values, as its `Debug` writes it.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let list = serde_json::from_str::<Vec<u64>>(&format!("{value:?}"));
        let list = list.unwrap_or_default();
        if (1..=MAX_VALUES).contains(&list.len()) {
            self.value(field, list.into());
        }
    }
}
