//! The template, deployed on the AWS-compatible server: its API, its event source mapping, its wiring.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

use crate::deployment::{Deployment, Variables};
use crate::emulator::built;
use crate::gateway::Answer;
use crate::provider::Signed;
use crate::servers::{Stack, provisioned, signed_for};
use crate::template::root;

/// The CloudFormation that the template translates to, as `tests/scripts/run.sh` says it.
const TEMPLATE: &str = "HOOKGATE_TEST_TEMPLATE";

/// Writes one file into an archive, as it is.
const ZIP: &str =
    "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').write(sys.argv[2], sys.argv[3])";

/// Interval at which the server is polled for its progress.
const POLL: Duration = Duration::from_millis(200);

/// Maximum number of polls.
const POLLS: u32 = 300;

/// A deployed stack.
#[derive(Debug)]
pub struct Cloud {
    /// The template's own table and queues.
    pub stack: Stack,
    url: String,
    host: String,
    admin_host: String,
    http: reqwest::Client,
}

impl Cloud {
    /// Deploys the template with some parameters, with the functions as they were built and a
    /// deployment's configuration.
    pub async fn deploy(deployment: &Deployment, parameters: &[(&str, &str)]) -> Cloud {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let url = deployment.stack.url.clone();
        let stack = deployment.stack.clone();
        let mut cloud = Cloud {
            stack,
            url,
            host: String::new(),
            admin_host: String::new(),
            http,
        };
        let template = cloud.packaged(deployment).await;
        let architecture = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x86_64"
        };
        // The deployment's own table and queues have its name.
        let name = format!("{}-stack", cloud.stack.name);
        let mut request = vec![
            ("Action".to_owned(), "CreateStack".to_owned()),
            ("StackName".to_owned(), name.clone()),
            ("TemplateBody".to_owned(), template.to_string()),
            (
                "Capabilities.member.1".to_owned(),
                "CAPABILITY_IAM".to_owned(),
            ),
        ];
        let own = [("Architecture", architecture)];
        let parameters = parameters.iter().chain(&own);
        for (index, (key, value)) in (1..).zip(parameters) {
            let member = format!("Parameters.member.{index}");
            request.push((format!("{member}.ParameterKey"), (*key).to_owned()));
            request.push((format!("{member}.ParameterValue"), (*value).to_owned()));
        }
        cloud.call(&request).await;
        let outputs = cloud.created(&name).await;
        let output = |key: &str| output(&outputs, key).to_owned();
        cloud.stack.table = output("TableName");
        cloud.stack.queue_url = output("QueueUrl");
        cloud.stack.dead_letter_queue_url = output("DeadLetterQueueUrl");
        cloud.host = host(&output("ApiUrl"));
        cloud.admin_host = host(&output("AdminUrl"));
        cloud
    }

    /// Sends a request to the API.
    pub async fn send(&self, path: &str, signed: &Signed) -> Answer {
        let mut request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("host", &self.host);
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        let request = request
            .header("content-type", "application/json")
            .body(signed.body.clone());
        let response = request.send().await.expect("the API answers");
        let status = response.status().as_u16();
        let answer: Value = response.json().await.expect("a JSON answer");
        let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        Answer {
            status,
            word: text("status"),
            key: text("event"),
        }
    }

    /// The response of the operators' API, to an identity of the account or to an unsigned request.
    pub async fn ask(&self, path: &str, signed: bool) -> (u16, Value) {
        let mut request = self
            .http
            .get(format!("{}{path}", self.url))
            .header("host", &self.admin_host);
        if signed {
            request = request
                .header("authorization", signed_for("execute-api"))
                .header("x-amz-date", "20260101T000000Z");
        }
        let response = request.send().await.expect("the operators' API answers");
        let status = response.status().as_u16();
        (status, response.json().await.expect("a JSON answer"))
    }

    /// The code of an event's last state, and how often it was claimed.
    pub async fn ended(&self, key: &str) -> (String, String) {
        for _ in 0..POLLS {
            let state = self.stack.state(key).await;
            if matches!(state.0.as_str(), "D" | "X") {
                return state;
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("{key} did not end");
    }

    /// The translated template with code and layers where it says they are.
    ///
    /// Changed for this server alone: it mounts no layers, runs functions on this machine, takes
    /// a mapping's greatest concurrency for a text, and knows no alarms with metric math.
    async fn packaged(&self, deployment: &Deployment) -> Value {
        let text = std::fs::read_to_string(provisioned(TEMPLATE)).expect("a translated template");
        let mut template: Value = serde_json::from_str(&text).expect("a template is JSON");
        self.put(&format!("/{}", self.stack.name), Vec::new()).await;
        let resources = template["Resources"]
            .as_object_mut()
            .expect("a template has resources");
        for resource in resources.values_mut() {
            let binary = resource["Metadata"]["BuildProperties"]["Binary"]
                .as_str()
                .map(str::to_owned);
            let kind = resource["Type"]
                .as_str()
                .expect("a resource has a type")
                .to_owned();
            let properties = resource["Properties"]
                .as_object_mut()
                .expect("a resource has properties");
            match kind.as_str() {
                "AWS::Lambda::Function" => {
                    let binary = binary.expect("a function names its binary");
                    let code = self.upload(&binary, &built(&binary), "bootstrap").await;
                    properties.insert("Code".to_owned(), code);
                    add_variables(properties, deployment.ingest_variables());
                }
                "AWS::Lambda::LayerVersion" => {
                    let layer = self
                        .upload("layer", &deployment.config(), "hookgate.toml")
                        .await;
                    properties.insert("Content".to_owned(), layer);
                }
                "AWS::CloudFormation::Stack" => {
                    let file = nested(&properties["TemplateURL"]);
                    let path = format!("/{}/{file}", self.stack.name);
                    self.put(&path, without_metric_math(&file)).await;
                    properties["TemplateURL"] = json!(format!("{}{path}", self.url));
                }
                "AWS::Lambda::EventSourceMapping" => {
                    properties.remove("ScalingConfig");
                }
                _ => {}
            }
        }
        template
    }

    async fn upload(&self, name: &str, file: &Path, as_name: &str) -> Value {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let archive = folder.path().join("archive.zip");
        let zip = Command::new("python3")
            .args(["-c", ZIP])
            .arg(&archive)
            .arg(file)
            .arg(as_name)
            .status();
        assert!(zip.expect("python3 runs").success(), "{name} is packed");
        let (bucket, key) = (&self.stack.name, format!("{name}.zip"));
        self.put(
            &format!("/{bucket}/{key}"),
            std::fs::read(archive).expect("an archive"),
        )
        .await;
        json!({ "S3Bucket": bucket, "S3Key": key })
    }

    async fn put(&self, path: &str, body: Vec<u8>) {
        let request = self
            .http
            .put(format!("{}{path}", self.url))
            .header("authorization", signed_for("s3"));
        let response = request.body(body).send().await.expect("the server answers");
        assert!(
            response.status().is_success(),
            "PUT {path}: {}",
            response.status()
        );
    }

    async fn call(&self, parameters: &[(String, String)]) -> String {
        let pairs = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        let response = self
            .http
            .post(&self.url)
            .header("authorization", signed_for("cloudformation"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(pairs.collect::<Vec<_>>().join("&"))
            .send()
            .await
            .expect("the server answers");
        let status = response.status();
        let text = response.text().await.expect("an answer");
        assert!(status.is_success(), "{text}");
        text
    }

    /// The stack's description, once it is created.
    async fn created(&self, name: &str) -> String {
        for _ in 0..POLLS {
            let stack = self
                .call(&[
                    ("Action".to_owned(), "DescribeStacks".to_owned()),
                    ("StackName".to_owned(), name.to_owned()),
                ])
                .await;
            if stack.contains("CREATE_COMPLETE") {
                return stack;
            }
            assert!(stack.contains("CREATE_IN_PROGRESS"), "{stack}");
            tokio::time::sleep(POLL).await;
        }
        panic!("the stack is not created");
    }
}

/// Adds what a function on this machine needs; what the template sets itself stays.
fn add_variables(properties: &mut Map<String, Value>, variables: Variables) {
    let own = &mut properties["Environment"]["Variables"];
    for (name, value) in variables {
        if own.get(name).is_none() || name == "HOOKGATE_CONFIG" {
            own[name] = json!(value);
        }
    }
}

/// The file of a nested template, out of the place where the translation puts it.
fn nested(url: &Value) -> String {
    let url = url.as_str().expect("a URL");
    let (_, file) = url.split_once(".com/").expect("a file in a bucket");
    file.to_owned()
}

/// A nested template, for a server whose alarms watch single metrics only.
fn without_metric_math(file: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(root().join(file)).expect("a nested template");
    let mut template: Yaml = serde_yaml_ng::from_str(&text).expect("a template is YAML");
    let resources = template["Resources"].as_mapping_mut().expect("resources");
    for (_, resource) in resources.iter_mut() {
        let properties = resource["Properties"].as_mapping_mut().expect("properties");
        if properties.remove("Metrics").is_some() {
            properties.insert("Namespace".into(), "Hookgate/other".into());
            properties.insert("MetricName".into(), "EventsRejected".into());
            properties.insert("Statistic".into(), "Sum".into());
            properties.insert("Period".into(), 300.into());
        }
    }
    serde_yaml_ng::to_string(&template)
        .expect("a template is YAML")
        .into_bytes()
}

/// A URL's host.
fn host(url: &str) -> String {
    let (_, after) = url.split_once("://").expect("a URL has a scheme");
    after.split('/').next().unwrap_or_default().to_owned()
}

fn output<'a>(stack: &'a str, key: &str) -> &'a str {
    let after = stack.split_once(&format!("<OutputKey>{key}</OutputKey>"));
    let value = after.and_then(|(_, rest)| rest.split_once("<OutputValue>")?.1.split_once('<'));
    value
        .unwrap_or_else(|| panic!("no output {key}: {stack}"))
        .0
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
