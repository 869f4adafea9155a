//! The parts of the deployed stack that cost something each month, counted in its templates.

use hookgate::BoxError;
use hookgate::metrics::{Dimension, Metric};
use serde::Serialize;
use serde_yaml_ng::Value;

const TEMPLATE: &str = include_str!("../../../../template.yaml");
const ALARMS: &str = include_str!("../../../../infra/alarms.yaml");
const DASHBOARD: &str = include_str!("../../../../infra/dashboard.yaml");

/// Numbers of a stack's parts.
#[derive(Debug, Serialize)]
pub(super) struct Stack {
    /// The metrics that the alarms watch: an alarm is charged for each of its metrics.
    pub(super) alarm_metrics: usize,
    /// The dashboards.
    pub(super) dashboards: usize,
    /// The series of metrics that do not depend on sources.
    pub(super) series: usize,
    /// The series of metrics of each source.
    pub(super) series_per_source: usize,
}

impl Stack {
    /// Counts them.
    ///
    /// Series by the reason of a refusal are left out: a gateway has one only for reasons that occur.
    pub(super) fn count() -> Result<Stack, BoxError> {
        let alarms = resources(ALARMS, "AWS::CloudWatch::Alarm")?;
        let functions = resources(TEMPLATE, "AWS::Serverless::Function")?.len();
        let by = |dimension: Dimension| {
            let metrics = Metric::ALL.iter();
            let metrics = metrics.filter(|metric| metric.dimensions().contains(&dimension));
            metrics.count()
        };
        Ok(Stack {
            alarm_metrics: alarms.iter().filter(by_default).map(metrics_of).sum(),
            dashboards: resources(DASHBOARD, "AWS::CloudWatch::Dashboard")?.len(),
            series: Metric::ALL.len() + functions * by(Dimension::Function),
            series_per_source: by(Dimension::Source),
        })
    }
}

/// The resources of a type in a template.
fn resources(template: &str, kind: &str) -> Result<Vec<Value>, BoxError> {
    let template: Value = serde_yaml_ng::from_str(template)?;
    let resources = template["Resources"].as_mapping();
    let resources = resources.ok_or("a template has no resources")?.values();
    let of_kind = resources.filter(|resource| resource["Type"] == kind);
    Ok(of_kind.cloned().collect())
}

/// True for an alarm that a stack with an HTTP API has when no parameter asks for more.
fn by_default(alarm: &&Value) -> bool {
    let condition = &alarm["Condition"];
    condition.is_null() || condition == "HasApi"
}

/// The number of metrics that an alarm watches: one, or those of its expressions.
fn metrics_of(alarm: &Value) -> usize {
    let Some(queries) = alarm["Properties"]["Metrics"].as_sequence() else {
        return 1;
    };
    let metrics = queries
        .iter()
        .filter(|query| query.get("MetricStat").is_some());
    metrics.count()
}
