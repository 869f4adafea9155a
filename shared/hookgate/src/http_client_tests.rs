use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use hookgate_signature::{FetchFailure, MAX_DOCUMENT_BYTES};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::config::SecretRef;
use crate::{Documents, S3Bodies, SecretError, Secrets, StoredBody, chain, connect, system_now};

/// An authority that is in no machine's store.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    fn named(name: &str) -> Authority {
        let (key, mut params) = (KeyPair::generate().unwrap(), params(&[]));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().into();
        let issuer = Issuer::new(params, key);
        Authority { issuer, root }
    }

    /// A client that trusts this authority alone.
    fn client(&self) -> HttpClient {
        let mut store = RootCertStore::empty();
        store.add(self.root.clone()).unwrap();
        HttpClient::trusting(store).unwrap()
    }

    /// The function's own configuration, with that client.
    fn aws(&self, url: &str) -> SdkConfig {
        let variables = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "the-session"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_ENDPOINT_URL_DYNAMODB", url),
            ("AWS_ENDPOINT_URL_SSM", url),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let aws = connect(&HashMap::from(variables), Roots::Amazon).unwrap();
        aws.into_builder().http_client(self.client()).build()
    }

    fn certify(&self, params: CertificateParams) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], private)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

fn good() -> CertificateParams {
    params(&["127.0.0.1"])
}

#[derive(Clone)]
enum Manner {
    /// Answers each request with this response.
    Answers(String),
    /// Answers, and closes the connection without having said so.
    Closes(String),
    /// Takes requests and answers none.
    Silent,
    /// Takes connections, but no handshake.
    Deaf,
}

/// A server with TLS at a loopback port. It ends with the test.
struct Server {
    url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Server {
    async fn start(acceptor: TlsAcceptor, manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let state = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                state.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(
                    stream,
                    acceptor.clone(),
                    manner.clone(),
                    state.clone(),
                ));
            }
        });
        Server { url, seen }
    }

    fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, manner: Manner, seen: Arc<Seen>) {
    if let Manner::Deaf = manner {
        std::future::pending::<()>().await;
    }
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut text = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut text).await {
        let request = String::from_utf8_lossy(&text[..length]).into_owned();
        seen.requests.lock().unwrap().push(request);
        match &manner {
            Manner::Answers(response) => stream.write_all(response.as_bytes()).await.unwrap(),
            Manner::Closes(response) => {
                stream.write_all(response.as_bytes()).await.unwrap();
                return stream.shutdown().await.unwrap();
            }
            Manner::Silent | Manner::Deaf => {}
        }
    }
}

fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn documents(authority: &Authority) -> Documents {
    Documents::Fetched(OnceLock::from(authority.client()))
}

#[tokio::test]
async fn documents_of_a_trusted_server_come_over_one_connection() {
    let authority = Authority::named("a");
    let answers = Manner::Answers(response("200 OK", "{}"));
    let server = Server::start(authority.certify(good()), answers).await;
    let documents = documents(&authority);
    for path in ["/a", "/b"] {
        let url = format!("{}{path}", server.url);
        assert_eq!(documents.get(&url).await.unwrap(), b"{}");
    }
    assert_eq!(server.connections(), 1);
    assert!(server.requests()[1].starts_with("GET /b HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_server_with_a_wrong_name_an_old_certificate_or_an_unknown_authority_gets_no_request() {
    let (authority, stranger) = (Authority::named("a"), Authority::named("b"));
    let mut expired = good();
    expired.not_before = date_time_ymd(2019, 1, 1);
    expired.not_after = date_time_ymd(2020, 1, 1);
    for (acceptor, problem) in [
        (
            authority.certify(params(&["other.example"])),
            "not valid for name",
        ),
        (authority.certify(expired), "expired"),
        (stranger.certify(good()), "UnknownIssuer"),
    ] {
        let server = Server::start(acceptor, Manner::Answers(response("200 OK", "{}"))).await;
        let refused = documents(&authority).get(&server.url).await;
        assert_eq!(refused.unwrap_err(), FetchFailure::Unreachable);
        let refused = get_item(&authority.aws(&server.url)).await.unwrap_err();
        assert!(refused.contains(problem), "{refused}");
        assert_eq!(server.requests(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_document_that_is_moved_missing_or_too_large_is_refused() {
    let authority = Authority::named("a");
    let longest = "x".repeat(MAX_DOCUMENT_BYTES);
    let found = "302 Found\r\nlocation: /elsewhere";
    for (answer, expected) in [
        (response("200 OK", &longest), Ok(MAX_DOCUMENT_BYTES)),
        (
            response("200 OK", &format!("{longest}x")),
            Err(FetchFailure::TooLarge),
        ),
        (response(found, ""), Err(FetchFailure::Redirect)),
        (
            response("404 Not Found", "{}"),
            Err(FetchFailure::Status(404)),
        ),
    ] {
        let server = Server::start(authority.certify(good()), Manner::Answers(answer)).await;
        let document = documents(&authority).get(&server.url).await;
        assert_eq!(document.map(|document| document.len()), expected);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_document_that_does_not_come_in_time_is_given_up() {
    let authority = Authority::named("a");
    for manner in [Manner::Silent, Manner::Deaf] {
        let server = Server::start(authority.certify(good()), manner).await;
        let document = documents(&authority).get(&server.url).await;
        assert_eq!(document, Err(FetchFailure::Unreachable));
    }
}

/// A call of the SDK to DynamoDB.
async fn get_item(aws: &SdkConfig) -> Result<(), String> {
    let call = aws_sdk_dynamodb::Client::new(aws).get_item();
    let call = call
        .table_name("t")
        .key("id", AttributeValue::S("k".into()));
    call.send().await.map(drop).map_err(|error| chain(&error))
}

#[tokio::test]
async fn the_sdk_calls_its_endpoint_over_one_connection_with_the_credentials_of_the_environment() {
    let authority = Authority::named("a");
    let answers = Manner::Answers(response("200 OK", "{}"));
    let server = Server::start(authority.certify(good()), answers).await;
    let aws = authority.aws(&server.url);
    for _ in 0..3 {
        get_item(&aws).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    let request = &server.requests()[0];
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("/eu-west-1/dynamodb/aws4_request"),
        "{request}"
    );
    assert!(request.contains("Credential=AKID/"), "{request}");
    assert!(
        request.contains("x-amz-security-token: the-session\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn a_connection_that_the_server_closed_while_it_was_idle_is_replaced() {
    let authority = Authority::named("a");
    let closes = Manner::Closes(response("200 OK", "{}"));
    let server = Server::start(authority.certify(good()), closes).await;
    let aws = authority.aws(&server.url);
    for _ in 0..3 {
        get_item(&aws).await.unwrap();
    }
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_call_that_is_not_answered_in_time_is_tried_once_more_over_another_connection() {
    let authority = Authority::named("a");
    let server = Server::start(authority.certify(good()), Manner::Silent).await;
    let failed = get_item(&authority.aws(&server.url)).await.unwrap_err();
    assert!(failed.contains("timeout"), "{failed}");
    assert_eq!((server.requests().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_handshake_is_given_up_before_the_call_is() {
    let authority = Authority::named("a");
    let server = Server::start(authority.certify(good()), Manner::Deaf).await;
    let aws = authority.aws("http://127.0.0.1:9").into_builder();
    let bodies = S3Bodies::new(&aws.endpoint_url(&server.url).build(), "archive");
    let stored = StoredBody {
        key: "k".into(),
        bytes: 0,
        sha256: [0; 32],
    };
    let failed = bodies.get(&stored).await.unwrap_err();
    assert_eq!(server.connections(), 2, "{}", chain(&failed));
}

#[tokio::test]
async fn a_secret_is_asked_for_in_json_and_again_while_its_store_has_too_many_requests() {
    let authority = Authority::named("a");
    let error = r#"{"__type":"com.amazonaws.ssm#ThrottlingException:http://errors"}"#;
    let answers = Manner::Answers(response("400 Bad Request", error));
    let server = Server::start(authority.certify(good()), answers).await;
    let secrets = Secrets::new(HashMap::new(), Some(authority.aws(&server.url)));
    let parameter = SecretRef::Ssm("/hub".to_owned());
    let now = system_now();
    let failed = secrets.fetch(&[&parameter], now, now).await.remove(0);
    let Some(SecretError::Unavailable(failed)) = failed.err() else {
        panic!("the store did answer");
    };
    let expected = "read the parameters failed: SSM answered 400 ThrottlingException";
    assert_eq!(chain(&*failed), expected);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    let signed = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    for part in [
        "POST / HTTP/1.1\r\n",
        "content-type: application/x-amz-json-1.1\r\n",
        "x-amz-target: AmazonSSM.GetParameters\r\n",
        "/eu-west-1/ssm/aws4_request, ",
        signed,
        r#"{"Names":["/hub"],"WithDecryption":true}"#,
    ] {
        assert!(requests[0].contains(part), "{part}: {}", requests[0]);
    }
}
