//! The parts of `template.yaml` that a first creation and a change of the deployed stack rely on.

use std::collections::BTreeSet;

use hookgate_tests::template::{Template, list, text, unconditional, written};
use serde_yaml_ng::Value;

/// The resources that a property refers to by `!Ref`, and those that it is told to wait for.
fn waits_for(template: &Template, name: &str) -> BTreeSet<String> {
    let resource = template.resource(name);
    let mut found = BTreeSet::new();
    references(&resource["Properties"], &mut found);
    let told = &resource["DependsOn"];
    if !told.is_null() {
        found.extend(list(told).into_iter().map(|on| text(on).to_owned()));
    }
    found
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Mapping(mapping) => mapping.values().for_each(|value| references(value, found)),
        Value::Sequence(items) => items.iter().for_each(|item| references(item, found)),
        Value::Tagged(tagged) if tagged.tag == "Ref" => {
            found.insert(text(&tagged.value).to_owned());
        }
        Value::Tagged(tagged) if tagged.tag == "Sub" && tagged.value.is_string() => {
            let named = text(&tagged.value).split("${").skip(1);
            found.extend(named.filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())));
        }
        Value::Tagged(tagged) => references(&tagged.value, found),
        _ => {}
    }
}

#[test]
fn the_parts_of_the_api_are_made_one_after_the_other_and_its_stage_last() {
    let template = Template::read();
    let kinds = ["Integration", "Route", "Stage"].map(|kind| format!("AWS::ApiGatewayV2::{kind}"));
    let mut left: BTreeSet<&str> = kinds
        .iter()
        .flat_map(|kind| template.of_type(kind).map(|(name, _)| name))
        .collect();
    let all: BTreeSet<String> = left.iter().map(|name| (*name).to_owned()).collect();
    let mut made: BTreeSet<String> = BTreeSet::new();
    let mut last = "";
    while !left.is_empty() {
        let mut ready = left.iter().filter(|name| {
            let waits = waits_for(&template, name);
            waits.intersection(&all).all(|part| made.contains(part))
        });
        let next = *ready.next().expect("no circle");
        assert_eq!(ready.next(), None, "it can be made beside {next}");
        left.remove(next);
        made.insert(next.to_owned());
        last = next;
    }
    assert_eq!(last, "ApiStage");
}

#[test]
fn api_gateway_is_known_by_the_api_alone() {
    let template = Template::read();
    for name in ["ApiMayInvokeIngest", "ApiMayInvokeAdmin"] {
        let permission = template.properties(name);
        assert!(written(&permission["SourceArn"]).contains("${AWS::AccountId}:${Api}/*/*/"));
        // API Gateway is not documented to say it; a condition on what is not said rejects every request.
        assert!(permission["SourceAccount"].is_null(), "{name}");
    }
}

#[test]
fn a_release_makes_a_new_version_of_each_function_that_runs_by_alias() {
    let template = Template::read();
    let mut by_alias = 0;
    for (name, function) in template.of_type("AWS::Serverless::Function") {
        let properties = &function["Properties"];
        if properties["AutoPublishAlias"].is_null() {
            continue;
        }
        assert_eq!(
            written(&properties["AutoPublishCodeSha256"]),
            "!Ref Release",
            "{name}"
        );
        by_alias += 1;
    }
    assert_eq!(by_alias, 2);
    // The transform makes the version's logical id of its first ten characters, and ids are alphanumeric.
    let release = template.parameter("Release");
    assert_eq!(release["AllowedPattern"], "[A-Za-z0-9]{0,10}");
    assert_eq!(release["Default"], "");
}

#[test]
fn the_functions_own_filter_decides_what_is_logged() {
    let template = Template::read();
    for (name, function) in template.of_type("AWS::Serverless::Function") {
        let level = &function["Properties"]["LoggingConfig"]["ApplicationLogLevel"];
        assert_eq!(level, "TRACE", "{name}");
    }
}

#[test]
fn lambda_logs_no_line_of_its_own_for_an_invocation_that_went_well_unless_asked() {
    let template = Template::read();
    for (name, function) in template.of_type("AWS::Serverless::Function") {
        let level = &function["Properties"]["LoggingConfig"]["SystemLogLevel"];
        assert_eq!(written(level), "!Ref SystemLogLevel", "{name}");
    }
    assert_eq!(template.parameter("SystemLogLevel")["Default"], "WARN");
}

#[test]
fn a_dashboard_is_named_by_its_region() {
    let dashboard = Template::of("infra/dashboard.yaml");
    let name = &dashboard.properties("Dashboard")["DashboardName"];
    assert_eq!(written(name), "!Sub ${Gateway}-${AWS::Region}");
}

#[test]
fn the_table_s_key_is_used_by_way_of_dynamodb_alone() {
    let template = Template::read();
    for role in ["IngestRole", "ProcessorRole", "SweeperRole", "AdminRole"] {
        let statements = template.statements(role);
        let found = statements
            .iter()
            .find(|statement| statement["Sid"] == "UseDataKeyByTable");
        let condition = &found.expect("a statement")["Condition"]["StringEquals"];
        let service = written(unconditional(&condition["kms:ViaService"]));
        assert_eq!(
            service, "!Sub dynamodb.${AWS::Region}.${AWS::URLSuffix}",
            "{role}"
        );
    }
}

/// The alarms that may be set off by failures that a busy gateway has all the time.
const SHARES: [&str; 7] = [
    "AttemptsFailing",
    "IngestErrors",
    "IngestThrottles",
    "ProcessorErrors",
    "RequestsThrottled",
    "ServerErrors",
    "TableThrottles",
];

#[test]
fn alarms_on_failures_look_at_their_share() {
    let alarms = Template::of("infra/alarms.yaml");
    for name in SHARES {
        let properties = alarms.properties(name);
        let share = &list(&properties["Metrics"])[0]["Expression"];
        assert!(text(share).contains("100 * "), "{name}: {share:?}");
        let threshold = written(&properties["Threshold"]);
        assert!(threshold.ends_with("Percent"), "{name}: {threshold}");
    }
}

#[test]
fn an_alarm_watches_at_most_ten_metrics_and_reads_each_that_it_names() {
    let alarms = Template::of("infra/alarms.yaml");
    for (name, alarm) in alarms.of_type("AWS::CloudWatch::Alarm") {
        let queries = &alarm["Properties"]["Metrics"];
        if queries.is_null() {
            continue;
        }
        let queries = list(queries);
        let stats = queries
            .iter()
            .filter(|query| !query["MetricStat"].is_null());
        assert!(stats.count() <= 10, "{name}");
        let returned = queries.iter().filter(|query| query["ReturnData"].is_null());
        assert_eq!(returned.count(), 1, "{name}");
        let expressions = queries.iter().map(|query| &query["Expression"]);
        let expressions = expressions.filter(|expression| !expression.is_null());
        let expressions: Vec<String> = expressions.map(written).collect();
        let words = expressions
            .iter()
            .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
        let read: BTreeSet<&str> = words.collect();
        for query in &queries[1..] {
            assert!(read.contains(text(&query["Id"])), "{name}: {query:?}");
        }
    }
}

#[test]
fn each_watched_source_has_an_alarm_that_goes_off_when_nothing_is_counted() {
    let alarms = Template::of("infra/alarms.yaml");
    for place in 0..5 {
        let name = format!("SourceSilent{}", place + 1);
        let alarm = alarms.resource(&name);
        assert_eq!(alarm["Condition"], format!("Watches{}", place + 1));
        let properties = &alarm["Properties"];
        assert_eq!(properties["TreatMissingData"], "breaching");
        let source = &list(&properties["Dimensions"])[0]["Value"];
        assert_eq!(
            select(source),
            format!("!Select {place}, !Ref WatchedSources")
        );
        assert_eq!(
            written(&properties["EvaluationPeriods"]),
            "!Ref SilenceHours"
        );
    }
}

/// A `!Select` as it is written.
fn select(value: &Value) -> String {
    let Value::Tagged(tagged) = value else {
        panic!("a !Select: {value:?}");
    };
    let place = tagged.value[0].as_u64().expect("a place");
    format!("{} {place}, {}", tagged.tag, written(&tagged.value[1]))
}

#[test]
fn api_gateways_own_url_is_switched_off_only_where_a_domain_is_left() {
    let template = Template::read();
    let disabled = &template.properties("Api")["DisableExecuteApiEndpoint"];
    assert_eq!(unconditional(disabled), &Value::Bool(true));
    let condition = template.condition("HidesExecuteApi");
    let Value::Tagged(tagged) = condition else {
        panic!("an !And: {condition:?}");
    };
    assert_eq!(tagged.tag, "And");
    assert_eq!(written(&tagged.value[0]), "!Condition HasDomain");
    let mapping = template.properties("ApiMapping");
    assert_eq!(written(&mapping["Stage"]), "!Ref ApiStage");
    let key = "!If HasBasePath, !Ref BasePath, !Ref AWS::NoValue";
    assert_eq!(written(&mapping["ApiMappingKey"]), key);
}

#[test]
fn every_log_group_takes_the_key_for_logs() {
    let template = Template::read();
    for (name, logs) in template.of_type("AWS::Logs::LogGroup") {
        let key = unconditional(&logs["Properties"]["KmsKeyId"]);
        assert_eq!(written(key), "!Ref LogsKeyArn", "{name}");
    }
}
