//! Statements that the operators' pages must contain, because the stack declares them.

use std::collections::BTreeSet;

use hookgate::metrics::Metric;
use hookgate_tests::template::{Template, list, root, text, unconditional, written};
use serde_yaml_ng::Value;

/// The namespace in which both nested templates find the functions' metrics.
const NAMESPACE: &str = "Hookgate/${Gateway}";

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).expect("a page of the docs")
}

/// The sections of a page: heading and text.
fn sections(page: &str) -> Vec<(&str, &str)> {
    let sections = page.split("\n## ").skip(1);
    let parted = sections.map(|section| section.split_once('\n').unwrap_or((section, "")));
    parted.collect()
}

#[test]
fn every_alarm_has_a_section_that_says_what_it_means_and_what_to_do() {
    let alarms = Template::of("infra/alarms.yaml");
    let page = page("alarms.md");
    let sections = sections(&page);
    let declared: BTreeSet<&str> = alarms
        .of_type("AWS::CloudWatch::Alarm")
        .map(|(name, alarm)| {
            // One alarm for each of several sources has one section.
            let name = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
            let link = format!("docs/alarms.md#{}", name.to_lowercase());
            assert!(text(&alarm["Properties"]["AlarmDescription"]).ends_with(&link));
            name
        })
        .collect();
    assert_eq!(declared, sections.iter().map(|(name, _)| *name).collect());
    for (name, section) in sections {
        for part in ["**Means:** ", "**Do:** "] {
            assert!(section.contains(part), "{name}: {part}");
        }
    }
}

#[test]
fn every_alarm_is_heard_and_ends() {
    let alarms = Template::of("infra/alarms.yaml");
    for (name, alarm) in alarms.of_type("AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        for action in ["AlarmActions", "OKActions"] {
            assert_eq!(list(&properties[action]).len(), 1, "{name}: {action}");
        }
        assert!(!properties["TreatMissingData"].is_null(), "{name}");
    }
}

#[test]
fn alarms_and_dashboard_show_the_metrics_that_there_are() {
    let template = Template::read();
    let filters = template.of_type("AWS::Logs::MetricFilter");
    let counted = filters.map(|(_, filter)| {
        let [counts] = list(&filter["Properties"]["MetricTransformations"])[..] else {
            panic!("one metric of each filter");
        };
        text(&counts["MetricName"])
    });
    let given_out = Metric::ALL.iter().map(|metric| metric.name());
    let ours: BTreeSet<&str> = given_out.chain(counted).collect();
    let mut shown = BTreeSet::new();
    for (name, alarm) in Template::of("infra/alarms.yaml").of_type("AWS::CloudWatch::Alarm") {
        let mut watched = Vec::new();
        metrics(&alarm["Properties"], &mut watched);
        assert!(!watched.is_empty(), "{name}");
        shown.extend(
            watched
                .into_iter()
                .filter_map(|(space, metric)| (space == NAMESPACE).then_some(metric)),
        );
    }
    let dashboard = std::fs::read_to_string(root().join("infra/dashboard.yaml")).unwrap();
    let single = dashboard.split("[\"Hookgate/${Gateway}\", \"").skip(1);
    let searched = dashboard.split("MetricName=\\\"").skip(1);
    let named = single
        .chain(searched)
        .filter_map(|rest| rest.split(['"', '\\']).next());
    shown.extend(named.map(str::to_owned));
    let shown: BTreeSet<&str> = shown.iter().map(String::as_str).collect();
    assert_eq!(shown, ours);
}

#[test]
fn accepted_events_are_counted_in_ingests_lines_in_all_and_by_source() {
    let template = Template::read();
    let filters = template.of_type("AWS::Logs::MetricFilter");
    let filters = filters.map(|(_, filter)| &filter["Properties"]);
    let ingest = filters.filter(|filter| written(&filter["LogGroupName"]).contains("IngestLogs"));
    let mut dimensions = Vec::new();
    for filter in ingest {
        assert_eq!(
            text(&filter["FilterPattern"]),
            "{ $.outcome = \"accepted\" }"
        );
        let counts = list(&filter["MetricTransformations"])[0];
        assert_eq!(text(&counts["MetricName"]), Metric::EventsAccepted.name());
        assert_eq!(text(&counts["MetricValue"]), "1");
        let by = counts["Dimensions"].as_sequence().into_iter().flatten();
        let by = by.map(|one| (text(&one["Key"]), text(&one["Value"])));
        dimensions.push(by.collect::<Vec<_>>());
    }
    dimensions.sort();
    assert_eq!(dimensions, [vec![], vec![("source", "$.source")]]);
}

/// Namespace and name of each metric in an alarm's properties.
fn metrics(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Mapping(mapping) => {
            if let (Some(space), Some(name)) = (value.get("Namespace"), value.get("MetricName")) {
                let word = |value: &Value| match value {
                    Value::Tagged(tagged) if tagged.tag == "Sub" => text(&tagged.value).to_owned(),
                    value => value.as_str().unwrap_or("one of AWS's").to_owned(),
                };
                found.push((word(space), word(name)));
            }
            mapping.values().for_each(|value| metrics(value, found));
        }
        Value::Sequence(items) => items.iter().for_each(|item| metrics(item, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_is_json() {
    let dashboard = Template::of("infra/dashboard.yaml");
    let body = &dashboard.properties("Dashboard")["DashboardBody"];
    let Value::Tagged(sub) = body else {
        panic!("a !Sub")
    };
    let body: serde_json::Value = serde_json::from_str(text(&sub.value[0])).unwrap();
    let page = page("dashboard.md");
    for widget in body["widgets"].as_array().unwrap() {
        let title = widget["properties"]["title"].as_str().unwrap();
        let title = title.split(',').next().unwrap();
        assert!(page.contains(&format!("| {title} |")), "{title}");
    }
}

#[test]
fn every_statement_has_its_line_among_the_permissions() {
    let page = page("permissions.md");
    let mut declared = BTreeSet::new();
    for file in ["template.yaml", "infra/alarms.yaml"] {
        let template = Template::of(file);
        let mut found = Vec::new();
        for kind in [
            "AWS::IAM::Role",
            "AWS::SQS::QueuePolicy",
            "AWS::S3::BucketPolicy",
            "AWS::SNS::TopicPolicy",
        ] {
            for (_, resource) in template.of_type(kind) {
                sids(&resource["Properties"], &mut found);
            }
        }
        declared.extend(found);
    }
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let lines: BTreeSet<String> = lines.map(str::to_owned).collect();
    assert_eq!(declared, lines);
}

fn sids(value: &Value, found: &mut Vec<String>) {
    match unconditional(value) {
        Value::Mapping(mapping) => {
            found.extend(mapping.get("Sid").map(|sid| text(sid).to_owned()));
            mapping.values().for_each(|value| sids(value, found));
        }
        Value::Sequence(items) => items.iter().for_each(|item| sids(item, found)),
        _ => {}
    }
}

#[test]
fn every_parameter_and_output_has_its_line_in_the_deployment_page() {
    let page = page("deploy.md");
    let template = Template::read();
    for name in template.parameters().chain(template.outputs()) {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn every_metric_has_its_line() {
    let page = page("metrics.md");
    for metric in Metric::ALL {
        let dimensions = metric.dimensions().iter();
        let dimensions: Vec<_> = dimensions
            .map(|dimension| format!("`{}`", dimension.name()))
            .collect();
        let unit = metric.unit().name();
        let line = format!(
            "| `{}` | {unit} | {} |",
            metric.name(),
            dimensions.join(", ")
        );
        assert!(page.contains(&line), "{line}");
    }
}
