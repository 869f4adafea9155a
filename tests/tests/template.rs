//! What the code relies on in `template.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hookgate_aws::{OPERATION_TIMEOUT, table};
use hookgate_ledger::MAX_ATTEMPTS;
use hookgate_tests::template::{Template, list, root, seconds, text, written};
use serde_yaml_ng::Value;

const FUNCTION: &str = "AWS::Serverless::Function";

/// A resource as a role writes it, and the calls that are allowed on it.
type Allowed = (&'static str, &'static [&'static str]);

/// The functions, and what each may do: no call that is not here, on nothing else.
#[rustfmt::skip]
const ALLOWED: &[(&str, &[Allowed])] = &[
    ("Ingest", &[
        ("!GetAtt Table.Arn", &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]),
        ("!GetAtt Queue.Arn", &["sqs:SendMessage"]),
        ("!Sub arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${ParameterPrefix}/*", &["ssm:GetParameter"]),
        ("!Sub arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${SecretPrefix}/*", &["secretsmanager:GetSecretValue"]),
        ("!Ref SecretsKeyArn", &["kms:Decrypt"]),
        ("!GetAtt IngestLogs.Arn", &["logs:CreateLogStream", "logs:PutLogEvents"]),
    ]),
    ("Processor", &[
        ("!GetAtt Table.Arn", &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]),
        ("!GetAtt Queue.Arn", &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]),
        ("!GetAtt DeadLetterQueue.Arn", &["sqs:SendMessage"]),
        ("!GetAtt ProcessorLogs.Arn", &["logs:CreateLogStream", "logs:PutLogEvents"]),
    ]),
    ("Sweeper", &[
        ("!Sub ${Table.Arn}/index/by-received", &["dynamodb:Query"]),
        ("!GetAtt Table.Arn", &["dynamodb:GetItem", "dynamodb:DeleteItem"]),
        ("!GetAtt Queue.Arn", &["sqs:SendMessage"]),
        ("!GetAtt SweeperLogs.Arn", &["logs:CreateLogStream", "logs:PutLogEvents"]),
    ]),
];

#[test]
fn every_function_crate_is_deployed_from_its_own_binary() {
    let template = Template::read();
    let deployed: BTreeSet<&str> = template
        .of_type(FUNCTION)
        .map(|(_, function)| {
            assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda");
            text(&function["Metadata"]["BuildProperties"]["Binary"])
        })
        .collect();
    let folders = std::fs::read_dir(root().join("functions")).unwrap();
    let crates = folders
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").exists());
    let crates: Vec<String> = crates
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(deployed, crates.iter().map(String::as_str).collect());
}

#[test]
fn the_processor_says_which_messages_failed_and_has_six_times_its_timeout_to_do_so() {
    let template = Template::read();
    let processor = template.properties("Processor");
    let mapping = &processor["Events"]["Messages"]["Properties"];
    assert_eq!(written(&mapping["Queue"]), "!GetAtt Queue.Arn");
    assert_eq!(
        list(&mapping["FunctionResponseTypes"]),
        ["ReportBatchItemFailures"]
    );
    assert_eq!(mapping["BatchSize"].as_u64(), Some(10));
    let visibility = seconds(&template.properties("Queue")["VisibilityTimeout"]);
    assert!(visibility >= 6 * seconds(&processor["Timeout"]));
}

#[test]
fn each_wait_ends_before_the_one_around_it() {
    let template = Template::read();
    let function = seconds(&template.properties("Ingest")["Timeout"]);
    let api = template.properties("ApiIntegration")["TimeoutInMillis"]
        .as_u64()
        .unwrap();
    let waits = [
        OPERATION_TIMEOUT,
        ingest::BUDGET,
        function,
        Duration::from_millis(api),
    ];
    assert!(
        waits.is_sorted_by(|shorter, longer| shorter < longer),
        "{waits:?}"
    );
}

#[test]
fn the_table_is_the_one_that_the_code_reads_and_writes() {
    let template = Template::read();
    let declared = template.properties("Table");
    assert_eq!(
        keys(&declared["KeySchema"]),
        [(table::PK, "HASH"), (table::SK, "RANGE")]
    );
    assert_eq!(
        declared["TimeToLiveSpecification"]["AttributeName"],
        table::EXPIRES
    );
    assert_eq!(declared["TimeToLiveSpecification"]["Enabled"], true);
    assert_eq!(declared["BillingMode"], "PAY_PER_REQUEST");
    let [index] = list(&declared["GlobalSecondaryIndexes"])[..] else {
        panic!("one index");
    };
    assert_eq!(index["IndexName"], table::INDEX);
    assert_eq!(
        keys(&index["KeySchema"]),
        [(table::INDEX_PK, "HASH"), (table::INDEX_SK, "RANGE")]
    );
    assert_eq!(index["Projection"]["ProjectionType"], "KEYS_ONLY");
    for attribute in list(&declared["AttributeDefinitions"]) {
        assert_eq!(attribute["AttributeType"], "S");
    }
}

fn keys(schema: &Value) -> Vec<(&str, &str)> {
    let keys = list(schema).into_iter();
    keys.map(|key| (text(&key["AttributeName"]), text(&key["KeyType"])))
        .collect()
}

#[test]
fn each_queue_has_a_dead_letter_queue_and_no_message_outlives_the_memory_of_its_event() {
    let template = Template::read();
    let mut dead_letter_queues = BTreeSet::new();
    for (name, queue) in template.of_type("AWS::SQS::Queue") {
        let policy = &queue["Properties"]["RedrivePolicy"];
        if policy.is_null() {
            continue;
        }
        let target = written(&policy["deadLetterTargetArn"]);
        let target = target
            .trim_start_matches("!GetAtt ")
            .trim_end_matches(".Arn")
            .to_owned();
        let life = seconds(&queue["Properties"]["MessageRetentionPeriod"]);
        let afterlife = seconds(&template.properties(&target)["MessageRetentionPeriod"]);
        assert!(life + afterlife < table::LEDGER_RETENTION, "{name}");
        assert!(
            policy["maxReceiveCount"].as_u64() > Some(u64::from(MAX_ATTEMPTS)),
            "{name}"
        );
        dead_letter_queues.insert(target);
    }
    let without = template
        .of_type("AWS::SQS::Queue")
        .filter(|(_, queue)| queue["Properties"]["RedrivePolicy"].is_null());
    let without: BTreeSet<String> = without.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(without, dead_letter_queues);
}

#[test]
fn the_functions_find_in_their_environment_what_they_read_there() {
    let template = Template::read();
    let both = [
        ("HOOKGATE_CONFIG", "/opt/hookgate.toml"),
        ("HOOKGATE_LOG", "!Ref LogFilter"),
        ("HOOKGATE_QUEUE_URL", "!Ref Queue"),
        ("HOOKGATE_TABLE", "!Ref Table"),
    ];
    for (name, function) in template.of_type(FUNCTION) {
        let mut expected = BTreeMap::from(both);
        if name == "Processor" {
            expected.insert("HOOKGATE_DLQ_URL", "!Ref DeadLetterQueue");
        }
        let variables = function["Properties"]["Environment"]["Variables"]
            .as_mapping()
            .unwrap();
        let variables: BTreeMap<&str, String> = variables
            .iter()
            .map(|(name, value)| (text(name), written(value)))
            .collect();
        let variables = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(expected, variables, "{name}");
        assert_eq!(
            written(list(&function["Properties"]["Layers"])[0]),
            "!Ref Configuration",
            "{name}"
        );
    }
    let layer = text(&template.properties("Configuration")["ContentUri"]);
    assert!(
        layer.ends_with("hookgate.toml") && root().join(layer).is_file(),
        "{layer}"
    );
}

#[test]
fn each_function_may_make_its_own_calls_and_no_others() {
    let template = Template::read();
    let functions: BTreeSet<&str> = template.of_type(FUNCTION).map(|(name, _)| name).collect();
    assert_eq!(functions, ALLOWED.iter().map(|(name, _)| *name).collect());
    for (name, allowed) in ALLOWED {
        let function = template.properties(name);
        assert_eq!(
            written(&function["Role"]),
            format!("!GetAtt {name}Role.Arn")
        );
        assert!(
            function["Policies"].is_null(),
            "{name}'s policies are its role's"
        );
        let role = format!("{name}Role");
        assert!(
            template.properties(&role)["ManagedPolicyArns"].is_null(),
            "{role} writes its policies out"
        );
        let statements = template.statements(&role);
        let granted: Vec<(String, Vec<&str>)> = statements
            .iter()
            .map(|statement| {
                let actions = list(&statement["Action"]).into_iter().map(text).collect();
                (written(&statement["Resource"]), actions)
            })
            .collect();
        let allowed: Vec<(String, Vec<&str>)> = allowed
            .iter()
            .map(|(resource, actions)| ((*resource).to_owned(), actions.to_vec()))
            .collect();
        assert_eq!(granted, allowed, "{name}");
    }
}

#[test]
fn no_role_has_a_wildcard_but_below_a_prefix_of_its_own() {
    let template = Template::read();
    for (role, _) in template.of_type("AWS::IAM::Role") {
        for statement in template.statements(role) {
            assert_eq!(statement["Effect"], "Allow", "{role}");
            assert!(
                list(&statement["Action"])
                    .into_iter()
                    .all(|action| !text(action).contains('*')),
                "{role}"
            );
            for resource in list(&statement["Resource"]) {
                let written = written(resource);
                let fixed = written.strip_suffix("Prefix}/*").unwrap_or(&written);
                assert!(!fixed.contains('*'), "{role}: {written}");
            }
        }
    }
}

#[test]
fn what_is_kept_is_encrypted_and_outlives_the_stack() {
    let template = Template::read();
    let table = template.properties("Table");
    assert_eq!(table["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(
        table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        true
    );
    for (name, queue) in template.of_type("AWS::SQS::Queue") {
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{name}");
    }
    for (name, table) in template.of_type("AWS::DynamoDB::Table") {
        assert_eq!(table["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(table["UpdateReplacePolicy"], "Retain", "{name}");
    }
    for (name, logs) in template.of_type("AWS::Logs::LogGroup") {
        assert!(
            !logs["Properties"]["RetentionInDays"].is_null(),
            "{name} is not kept for ever"
        );
    }
}
