//! The parts of the deployed stack that cost something each month, counted in its templates.

use hookgate::BoxError;
use hookgate::metrics::{Dimension, Metric};
use serde_yaml_ng::Value;

const TEMPLATE: &str = include_str!("../../../../template.yaml");
const ALARMS: &str = include_str!("../../../../infra/alarms.yaml");
const DASHBOARD: &str = include_str!("../../../../infra/dashboard.yaml");

/// Numbers of a stack's parts.
#[derive(Debug)]
pub(super) struct Stack {
    /// The metrics that the alarms watch: an alarm is charged for each of its metrics.
    pub(super) alarm_metrics: usize,
    /// The dashboards.
    pub(super) dashboards: usize,
    /// The series of metrics that do not depend on sources.
    pub(super) series: usize,
    /// The series of metrics of each source.
    pub(super) series_per_source: usize,
    /// True if the table can be restored to any point in time, unless a parameter says otherwise.
    pub(super) backups: bool,
    /// True if Lambda logs the start and the end of each invocation.
    pub(super) system_lines: bool,
    /// A line of the API's access log, in bytes.
    pub(super) access_line_bytes: usize,
    /// The days for which bodies are stored in the bucket.
    pub(super) bucket_days: u64,
}

/// The values of an access log's variables, as long as they are in reality. A provider has no identity.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>
const ACCESS_VARIABLES: &[(&str, &str)] = &[
    ("requestId", "JKJaXmPLvHcESHA="),
    ("requestTimeEpoch", "1791633600000"),
    ("requestTime", "10/Oct/2026:12:00:00 +0000"),
    ("identity.sourceIp", "198.51.100.17"),
    ("identity.userArn", "-"),
    ("httpMethod", "POST"),
    ("path", "/webhooks/stripe"),
    ("routeKey", "ANY /webhooks/{source}"),
    ("status", "200"),
    ("responseLatency", "17"),
    ("integrationLatency", "16"),
    ("integrationErrorMessage", "-"),
    ("integrationStatus", "200"),
    ("error.message", "-"),
];

impl Stack {
    /// Counts them.
    ///
    /// Series by the reason of a refusal are left out: a gateway has one only for reasons that occur.
    pub(super) fn count() -> Result<Stack, BoxError> {
        let alarms = resources(ALARMS, "AWS::CloudWatch::Alarm")?;
        let functions = resources(TEMPLATE, "AWS::Serverless::Function")?.len();
        let template: Value = serde_yaml_ng::from_str(TEMPLATE)?;
        let table = &template["Resources"]["Table"]["Properties"];
        let backups = &table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
        let logging = &template["Resources"]["Ingest"]["Properties"]["LoggingConfig"];
        let stage = &template["Resources"]["ApiStage"]["Properties"];
        let access = stage["AccessLogSettings"]["Format"].as_str();
        let level = default(&template, &logging["SystemLogLevel"]);
        let bucket_days = &template["Parameters"]["ArchiveRetentionDays"]["Default"];
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
            backups: matches!(default(&template, backups).as_str(), "true"),
            system_lines: !matches!(level.as_str(), "WARN"),
            access_line_bytes: access_line(access.ok_or("the stage has no access log")?)?.len(),
            bucket_days: bucket_days.as_u64().ok_or("the bucket has no retention")?,
        })
    }
}

/// The text of a value, which may be a reference to a parameter: then its default.
fn default(template: &Value, value: &Value) -> String {
    match value {
        Value::Tagged(tagged) if tagged.tag == "Ref" => {
            let parameter = tagged.value.as_str().unwrap_or_default();
            default(template, &template["Parameters"][parameter]["Default"])
        }
        Value::Bool(value) => value.to_string(),
        value => value.as_str().unwrap_or_default().to_owned(),
    }
}

/// A line of the access log of this format.
fn access_line(format: &str) -> Result<String, BoxError> {
    let line = ACCESS_VARIABLES
        .iter()
        .fold(format.to_owned(), |line, (name, value)| {
            line.replace(&format!("$context.{name}\""), &format!("{value}\""))
        });
    match line.split_once("$context.") {
        Some((_, unknown)) => Err(format!("an access log's unknown variable: {unknown}").into()),
        None => Ok(line),
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
