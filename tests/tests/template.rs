//! The parts of `template.yaml` that the code relies on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hookgate::{OPERATION_TIMEOUT, table};
use hookgate_processor::MAX_RECEIVES;
use hookgate_tests::template::{Template, list, root, seconds, text, unconditional, written};
use serde_yaml_ng::Value;

const FUNCTION: &str = "AWS::Serverless::Function";

/// A resource as a role writes it, and the calls that are allowed on it.
type Allowed = (&'static str, &'static [&'static str]);

/// The large bodies.
const BODIES: &str = "!Sub ${ArchiveBucket.Arn}/bodies/*";

/// The table and its index.
const BOTH_QUEUES: &str = "!GetAtt Queue.Arn, !GetAtt ReplayQueue.Arn";
const TABLE_AND_INDEX: &str = "!GetAtt Table.Arn, !Sub ${Table.Arn}/index/by-received";

/// Statements that come with a parameter: the customer's key, and traces, for which AWS has no resources.
const OPTIONAL: [Allowed; 3] = [
    ("!Ref DataKeyArn", &["kms:Decrypt", "kms:GenerateDataKey"]),
    (
        "!Ref DataKeyArn",
        &[
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
            "kms:GenerateDataKeyWithoutPlaintext",
        ],
    ),
    ("*", &["xray:PutTraceSegments", "xray:PutTelemetryRecords"]),
];

/// The functions, and what each may do: no call that is not here, on nothing else.
#[rustfmt::skip]
const ALLOWED: &[(&str, &[Allowed])] = &[
    ("Ingest", &[
        ("!GetAtt Table.Arn", &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]),
        ("!GetAtt Queue.Arn", &["sqs:SendMessage"]),
        (BODIES, &["s3:PutObject"]),
        ("!Sub arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${ParameterPrefix}/*", &["ssm:GetParameters"]),
        ("!Sub arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${SecretPrefix}/*", &["secretsmanager:GetSecretValue"]),
        ("!Ref SecretsKeyArn", &["kms:Decrypt"]),
        ("!GetAtt IngestLogs.Arn", &["logs:CreateLogStream", "logs:PutLogEvents"]),
    ]),
    ("Processor", &[
        ("!GetAtt Table.Arn", &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]),
        (BOTH_QUEUES, &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]),
        (BOTH_QUEUES, &["sqs:SendMessage"]),
        ("!GetAtt DeadLetterQueue.Arn", &["sqs:SendMessage"]),
        (BODIES, &["s3:GetObject"]),
        ("!GetAtt ArchiveBucket.Arn", &["s3:ListBucket"]),
        ("*", &["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]),
        ("!GetAtt ProcessorLogs.Arn", &["logs:CreateLogStream", "logs:PutLogEvents"]),
    ]),
    ("Sweeper", &[
        (TABLE_AND_INDEX, &["dynamodb:Query"]),
        ("!GetAtt Table.Arn", &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:DeleteItem"]),
        ("!GetAtt Table.Arn", &["dynamodb:PutItem"]),
        (BOTH_QUEUES, &["sqs:SendMessage"]),
        ("!GetAtt SweeperLogs.Arn", &["logs:CreateLogStream", "logs:PutLogEvents"]),
    ]),
    ("Admin", &[
        (TABLE_AND_INDEX, &["dynamodb:Query"]),
        ("!GetAtt Table.Arn", &["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem"]),
        ("!GetAtt Table.Arn", &["dynamodb:UpdateItem"]),
        ("!GetAtt Queue.Arn", &["sqs:SendMessage", "sqs:GetQueueAttributes"]),
        ("!GetAtt DeadLetterQueue.Arn", &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"]),
        (BODIES, &["s3:GetObject"]),
        ("!GetAtt ArchiveBucket.Arn", &["s3:ListBucket"]),
        ("!GetAtt AdminLogs.Arn", &["logs:CreateLogStream", "logs:PutLogEvents"]),
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

/// SAM builds a function in its own folder, where cargo reads `.cargo/config.toml`. cargo-lambda chooses `abort` for
/// a workspace that names nothing.
#[test]
fn a_panic_ends_ingest_and_no_function_that_has_more_work_in_hand() {
    let aborts = |path: &str| {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        let mut choices = text
            .lines()
            .filter_map(|line| line.strip_prefix("panic = "));
        choices.next().map(|choice| choice == "\"abort\"")
    };
    assert_eq!(aborts("Cargo.toml"), Some(false));
    for (name, function) in Template::read().of_type(FUNCTION) {
        let folder = text(&function["Properties"]["CodeUri"]);
        let own = aborts(&format!("{folder}/.cargo/config.toml"));
        assert_eq!(own, (name == "Ingest").then_some(true), "{name}");
    }
    let release = root().join(".github/workflows/release.yml");
    let release = std::fs::read_to_string(release).unwrap();
    assert!(release.contains("working-directory: functions/ingest\n"));
}

#[test]
fn the_processor_says_which_messages_failed_and_has_six_times_its_timeout_to_do_so() {
    let template = Template::read();
    let processor = template.function("Processor");
    let mapping = &processor["Events"]["Messages"]["Properties"];
    assert_eq!(written(&mapping["Queue"]), "!GetAtt Queue.Arn");
    assert_eq!(
        list(&mapping["FunctionResponseTypes"]),
        ["ReportBatchItemFailures"]
    );
    assert_eq!(mapping["BatchSize"].as_u64(), Some(10));
    let timeout = "!Ref ProcessorTimeoutSeconds";
    assert_eq!(written(&processor["Timeout"]), timeout);
    let visibility = &template.properties("Queue")["VisibilityTimeout"];
    assert_eq!(
        written(visibility),
        format!("!FindInMap VisibilityTimeouts, {timeout}, Seconds")
    );
    let window = seconds(&template.parameter("BatchWindowSeconds")["MaxValue"]);
    for timeout in list(&template.parameter("ProcessorTimeoutSeconds")["AllowedValues"]) {
        let timeout = seconds(timeout);
        let row = template.mapping("VisibilityTimeouts", &timeout.as_secs().to_string());
        assert!(seconds(&row["Seconds"]) >= 6 * timeout + window);
    }
}

#[test]
fn each_wait_ends_before_the_one_around_it() {
    let template = Template::read();
    let function = |name| seconds(&template.function(name)["Timeout"]);
    let api = |name| template.properties(name)["TimeoutInMillis"].as_u64();
    let api = |name| Duration::from_millis(api(name).unwrap());
    let waits = [
        OPERATION_TIMEOUT,
        hookgate_ingest::BUDGET,
        function("Ingest"),
        api("ApiIntegration"),
    ];
    assert!(
        waits.is_sorted_by(|shorter, longer| shorter < longer),
        "{waits:?}"
    );
    assert!(function("Admin") < api("AdminIntegration"));
}

#[test]
fn a_replay_goes_on_from_one_sweep_to_the_next_and_no_sweep_waits_for_its_turn() {
    let template = Template::read();
    let sweeper = template.function("Sweeper");
    let schedule = &sweeper["Events"]["EveryMinute"]["Properties"]["Schedule"];
    assert_eq!(text(schedule), "rate(1 minute)");
    assert_eq!(seconds(&sweeper["Timeout"]), Duration::from_secs(60));
    let throttled = &sweeper["EventInvokeConfig"];
    assert_eq!(throttled["MaximumRetryAttempts"].as_u64(), Some(0));
    assert_eq!(throttled["MaximumEventAgeInSeconds"].as_u64(), Some(60));
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
            policy["maxReceiveCount"].as_u64() > Some(u64::from(MAX_RECEIVES)),
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
fn replays_have_a_queue_like_the_other_and_fewer_instances() {
    let template = Template::read();
    let (queue, replays) = (
        template.properties("Queue"),
        template.properties("ReplayQueue"),
    );
    for name in [
        "VisibilityTimeout",
        "MessageRetentionPeriod",
        "RedrivePolicy",
    ] {
        assert_eq!(queue[name], replays[name], "{name}");
    }
    let events = &template.function("Processor")["Events"];
    let of = |name: &str| &events[name]["Properties"];
    assert_eq!(written(&of("Replays")["Queue"]), "!GetAtt ReplayQueue.Arn");
    for name in [
        "BatchSize",
        "MaximumBatchingWindowInSeconds",
        "FunctionResponseTypes",
    ] {
        assert_eq!(of("Replays")[name], of("Messages")[name], "{name}");
    }
    let most = &of("Replays")["ScalingConfig"]["MaximumConcurrency"];
    assert_eq!(written(most), "!Ref ReplayConcurrency");
    let default = |name: &str| template.parameter(name)["Default"].as_u64();
    assert!(default("ReplayConcurrency") < default("ProcessorConcurrency"));
    let allowed = &template.properties("DeadLetterQueue")["RedriveAllowPolicy"]["sourceQueueArns"];
    assert_eq!(list(allowed).len(), 2);
}

#[test]
fn throughput_is_warmed_capped_and_polled_for_as_the_parameters_say() {
    let template = Template::read();
    let table = template.properties("Table");
    let index = list(&table["GlobalSecondaryIndexes"])[0];
    // A cap of the table alone would let the index throttle its writes.
    for place in [table, index] {
        let cap = unconditional(&place["OnDemandThroughput"]);
        assert_eq!(written(&cap["MaxWriteRequestUnits"]), "!Ref MaxWriteUnits");
        assert_eq!(written(&cap["MaxReadRequestUnits"]), "!Ref MaxReadUnits");
        let warm = unconditional(&place["WarmThroughput"]);
        assert_eq!(written(&warm["WriteUnitsPerSecond"]), "!Ref WarmWriteUnits");
        assert_eq!(written(&warm["ReadUnitsPerSecond"]), "!Ref WarmReadUnits");
    }
    let default = |name: &str| template.parameter(name)["Default"].as_i64();
    assert_eq!(default("MaxWriteUnits"), Some(0), "no cap");
    assert_eq!(default("WarmWriteUnits"), Some(0), "nothing that costs");
    assert_eq!(default("ProvisionedPollers"), Some(0));
    let mapping = &template.function("Processor")["Events"]["Messages"]["Properties"];
    let pollers = unconditional(&mapping["ProvisionedPollerConfig"]);
    assert_eq!(
        written(&pollers["MinimumPollers"]),
        "!Ref ProvisionedPollers"
    );
    assert_eq!(
        written(&pollers["MaximumPollers"]),
        "!Ref ProvisionedPollersMaximum"
    );
    // Lambda accepts one of both.
    let absent = "!Ref AWS::NoValue";
    let branches = |name: &str| match &mapping[name] {
        Value::Tagged(tagged) => list(&tagged.value),
        other => panic!("{name} is unconditional: {other:?}"),
    };
    assert_eq!(written(branches("ScalingConfig")[1]), absent);
    assert_eq!(written(branches("ProvisionedPollerConfig")[2]), absent);
    let most = &branches("ScalingConfig")[2]["MaximumConcurrency"];
    assert_eq!(written(most), "!Ref ProcessorConcurrency");
}

#[test]
fn the_functions_find_in_their_environment_what_they_read_there() {
    let template = Template::read();
    let all = [
        ("ARCHIVE_BUCKET", "!Ref ArchiveBucket"),
        ("HOOKGATE_CONFIG", "/opt/hookgate.toml"),
        ("HOOKGATE_LOG", "!Ref LogFilter"),
        (
            "HOOKGATE_METRICS_NAMESPACE",
            "!Sub Hookgate/${AWS::StackName}",
        ),
        ("HOOKGATE_QUEUE_URL", "!Ref Queue"),
        ("HOOKGATE_TABLE", "!Ref Table"),
    ];
    for (name, _) in template.of_type(FUNCTION) {
        let function = template.function(name);
        let mut expected = BTreeMap::from(all);
        if name == "Processor" || name == "Admin" {
            expected.insert("HOOKGATE_DLQ_URL", "!Ref DeadLetterQueue");
        }
        if name == "Processor" || name == "Sweeper" {
            expected.insert("HOOKGATE_REPLAY_QUEUE_URL", "!Ref ReplayQueue");
        }
        if name == "Processor" {
            expected.insert("HANDLER_SETTINGS", "!Ref HandlerSettings");
        }
        let variables = function["Environment"]["Variables"].as_mapping().unwrap();
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
            written(list(&function["Layers"])[0]),
            "!Ref Configuration",
            "{name}"
        );
    }
}

#[test]
fn the_configuration_is_packed_from_the_folder_that_everybody_edits_it_in() {
    let template = Template::read();
    let build = &template.resource("Configuration")["Metadata"];
    assert_eq!(build["BuildMethod"], "makefile");
    assert_eq!(build["WorkingDirectory"], ".");
    let folder = text(&template.properties("Configuration")["ContentUri"]);
    let makefile = std::fs::read_to_string(root().join(folder).join("Makefile")).unwrap();
    assert!(
        makefile.contains("build-Configuration:\n\tcp hookgate.toml \"$(ARTIFACTS_DIR)\"\n"),
        "{makefile}"
    );
    assert!(root().join("hookgate.toml").is_file());
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
        // The only managed policies are those that whoever deploys names for handlers.
        let managed = &template.properties(&role)["ManagedPolicyArns"];
        match *name {
            "Processor" => assert_eq!(
                written(managed),
                "!If HasPolicies, !Ref ProcessorPolicyArns, !Ref AWS::NoValue"
            ),
            _ => assert!(managed.is_null(), "{role} writes its policies out"),
        }
        let statements = template.statements(&role);
        let granted: BTreeSet<(String, Vec<&str>)> = statements
            .iter()
            .map(|statement| {
                let actions = list(&statement["Action"]).into_iter().map(text).collect();
                (written(&statement["Resource"]), actions)
            })
            .collect();
        let allowed: BTreeSet<(String, Vec<&str>)> = allowed
            .iter()
            .chain(&OPTIONAL)
            .map(|(resource, actions)| ((*resource).to_owned(), actions.to_vec()))
            .collect();
        assert_eq!(granted, allowed, "{name}");
    }
}

#[test]
fn no_role_has_a_wildcard_but_below_a_prefix_of_its_own_and_where_aws_knows_no_resources() {
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
            if ["WriteTraces", "JoinNetwork"].contains(&text(&statement["Sid"])) {
                continue;
            }
            for resource in list(&statement["Resource"]) {
                let written = written(resource);
                let fixed = written.strip_suffix("Prefix}/*").unwrap_or(&written);
                let fixed = fixed.strip_suffix("/bodies/*").unwrap_or(fixed);
                assert!(!fixed.contains('*'), "{role}: {written}");
            }
        }
    }
}

#[test]
fn what_is_kept_is_encrypted_and_outlives_the_stack() {
    let template = Template::read();
    let table = template.properties("Table");
    let recovery = &table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
    assert_eq!(written(recovery), "!Ref PointInTimeRecovery");
    // DynamoDB encrypts by itself; the queues and the bucket are told, with the customer's key or AWS's.
    let key = unconditional(&table["SSESpecification"]);
    assert_eq!(written(&key["KMSMasterKeyId"]), "!Ref DataKeyArn");
    for (name, queue) in template.of_type("AWS::SQS::Queue") {
        let either = ["SqsManagedSseEnabled", "KmsMasterKeyId"].map(|p| &queue["Properties"][p]);
        assert!(either.iter().all(|property| !property.is_null()), "{name}");
    }
    let bucket = template.properties("ArchiveBucket");
    assert!(!bucket["BucketEncryption"].is_null());
    // A table that is protected cannot be deleted by a first creation that failed either.
    let kept = [
        ("Table", "Retain"),
        ("ArchiveBucket", "RetainExceptOnCreate"),
        ("DeadLetterQueue", "RetainExceptOnCreate"),
    ];
    for (name, policy) in kept {
        let resource = template.resource(name);
        assert_eq!(resource["DeletionPolicy"], policy, "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
    for (name, logs) in template.of_type("AWS::Logs::LogGroup") {
        assert!(
            !logs["Properties"]["RetentionInDays"].is_null(),
            "{name} is not kept for ever"
        );
    }
}

#[test]
fn a_large_body_is_kept_at_least_as_long_as_a_message_that_needs_it() {
    let template = Template::read();
    let life = |name: &str| seconds(&template.properties(name)["MessageRetentionPeriod"]);
    let longest = life("Queue").max(life("ReplayQueue"));
    let lives = longest + life("DeadLetterQueue");
    let days = u32::try_from(lives.as_secs().div_ceil(86_400)).unwrap();
    let retention = template.parameter("ArchiveRetentionDays");
    assert!(retention["MinValue"].as_u64() > Some(u64::from(days)));
    let default = retention["Default"]
        .as_u64()
        .map(|days| Duration::from_secs(days * 86_400));
    assert!(default >= Some(table::LEDGER_RETENTION));
}

#[test]
fn nothing_is_read_or_written_without_tls() {
    let template = Template::read();
    let policies = ["AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"];
    let policies = policies.iter().flat_map(|kind| template.of_type(kind));
    let policies: Vec<_> = policies.collect();
    assert_eq!(policies.len(), 4);
    for (name, policy) in policies {
        let statements = list(&policy["Properties"]["PolicyDocument"]["Statement"]);
        let tls = statements
            .iter()
            .find(|statement| statement["Sid"] == "OverTlsOnly");
        let tls = tls.unwrap_or_else(|| panic!("{name} wants TLS"));
        assert_eq!(
            tls["Condition"]["Bool"]["aws:SecureTransport"], "false",
            "{name}"
        );
        assert!(
            statements
                .iter()
                .all(|statement| statement["Effect"] == "Deny"),
            "{name}"
        );
    }
}

#[test]
fn only_the_functions_that_send_may_send() {
    let template = Template::read();
    let senders = |policy: &str, statement: &str| {
        let statements = list(&template.properties(policy)["PolicyDocument"]["Statement"]);
        let denied = statements
            .into_iter()
            .find(|found| found["Sid"] == statement);
        let condition = &denied.expect("a statement")["Condition"];
        // What SQS moves by itself has no principal, and has to pass.
        assert_eq!(condition["Null"]["aws:PrincipalArn"], "false");
        let senders = list(&condition["ArnNotLike"]["aws:PrincipalArn"]);
        let senders = senders
            .into_iter()
            .map(|sender| written(unconditional(sender)));
        senders.collect::<Vec<_>>()
    };
    assert_eq!(
        senders("QueuePolicy", "OnlyTheGatewaySends"),
        [
            "!GetAtt IngestRole.Arn",
            "!GetAtt ProcessorRole.Arn",
            "!GetAtt SweeperRole.Arn",
            "!GetAtt AdminRole.Arn",
            "!Ref SenderArn"
        ]
    );
    assert_eq!(
        senders("ReplayQueuePolicy", "OnlySweeperAndProcessorSend"),
        [
            "!GetAtt ProcessorRole.Arn",
            "!GetAtt SweeperRole.Arn",
            "!Ref SenderArn"
        ]
    );
    assert_eq!(
        senders("DeadLetterQueuePolicy", "OnlyTheProcessorSends"),
        ["!GetAtt ProcessorRole.Arn"]
    );
}

#[test]
fn the_operators_routes_want_iam_and_the_senders_want_none() {
    let template = Template::read();
    for (name, route) in template.of_type("AWS::ApiGatewayV2::Route") {
        let properties = &route["Properties"];
        let admin = text(&properties["RouteKey"]).contains("/admin/");
        assert_eq!(
            properties["AuthorizationType"] == "AWS_IAM",
            admin,
            "{name}"
        );
    }
    assert_eq!(template.properties("AdminUrl")["AuthType"], "AWS_IAM");
    assert_eq!(template.properties("IngestUrl")["AuthType"], "NONE");
    // An open Function URL takes both permissions.
    let invoke = template.properties("AnyoneMayInvokeIngestByItsUrl");
    assert_eq!(invoke["InvokedViaFunctionUrl"], true);
    assert_eq!(invoke["Action"], "lambda:InvokeFunction");
    let url = template.properties("AnyoneMayCallIngestUrl");
    assert_eq!(url["FunctionUrlAuthType"], "NONE");
    assert_eq!(url["Action"], "lambda:InvokeFunctionUrl");
}
