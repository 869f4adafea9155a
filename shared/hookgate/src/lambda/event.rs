//! HTTP requests in the event formats of Lambda's callers. Reading one never panics, whatever it contains.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::COOKIE;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use thiserror::Error;

/// X-Ray's header. Lambda passes the trace in the context of the invocation.
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// An event from an HTTP API, a Function URL, a REST API or a load balancer. It is parsed by [`read`](HttpEvent::read), so
/// that a malformed one is answered with 400 and does not fail the invocation.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct HttpEvent(Box<RawValue>);

/// A service that invokes the function with HTTP requests. Each has its own response format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// An HTTP API, by payload version 2.0, or a Function URL.
    HttpApi,
    /// A REST API.
    RestApi,
    /// A load balancer.
    LoadBalancer,
}

/// An error in a request that no proper client makes. Its text repeats nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadRequest {
    /// The event is not an HTTP request.
    #[error("the event is not an HTTP request")]
    Event,
    /// The method is not a token of HTTP's grammar.
    #[error("the method is not a valid HTTP method")]
    Method,
    /// The path or the query has characters that are not allowed in a URL.
    #[error("the path or the query has characters that must be percent-encoded")]
    Target,
    /// A header has characters that are not allowed in its name or value.
    #[error("a header has characters that are not allowed in headers")]
    Header,
    /// The body is not the base64 that the event says it is.
    #[error("the body is not valid base64")]
    Body,
}

/// The members of all event formats.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Members {
    route_key: Option<String>,
    path_parameters: Option<BTreeMap<String, String>>,
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    path: Option<String>,
    http_method: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    query_string_parameters: Option<BTreeMap<String, String>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    request_context: Context,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Context {
    http: Option<Http>,
    elb: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

impl HttpEvent {
    /// Parses the request as its sender made it: the path without API Gateway's stage, the body as bytes. `trace` is X-Ray's,
    /// from the context of the invocation.
    ///
    /// # Errors
    /// [`BadRequest`] if it is malformed.
    pub fn read(&self, trace: Option<&str>) -> (Caller, Result<Request<Bytes>, BadRequest>) {
        match serde_json::from_str::<Members>(self.0.get()) {
            Ok(members) => (members.caller(), members.request(trace)),
            Err(_) => (Caller::HttpApi, Err(BadRequest::Event)),
        }
    }
}

impl Members {
    fn caller(&self) -> Caller {
        if self.request_context.elb.is_some() {
            Caller::LoadBalancer
        } else if self.http_method.is_some() {
            Caller::RestApi
        } else {
            Caller::HttpApi
        }
    }

    fn request(mut self, trace: Option<&str>) -> Result<Request<Bytes>, BadRequest> {
        let (method, uri, mut headers) = (self.method()?, self.uri()?, self.headers()?);
        if let Some(trace) = trace.and_then(|trace| HeaderValue::from_str(trace).ok()) {
            headers.insert(TRACE, trace);
        }
        let mut request = Request::new(self.body()?);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn method(&self) -> Result<Method, BadRequest> {
        let http = self.request_context.http.as_ref();
        let method = http.map(|http| &http.method).or(self.http_method.as_ref());
        let method = method.ok_or(BadRequest::Event)?;
        Method::from_bytes(method.as_bytes()).map_err(|_| BadRequest::Method)
    }

    fn uri(&self) -> Result<Uri, BadRequest> {
        let path = self.path().ok_or(BadRequest::Event)?;
        let query = self.query()?;
        let target = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        let target = PathAndQuery::try_from(target).map_err(|_| BadRequest::Target)?;
        Ok(Uri::from(target))
    }

    /// The path without the base path of a domain, which an HTTP API may leave in front of what its route matched.
    fn path(&self) -> Option<String> {
        let path = self.raw_path.as_ref().or(self.path.as_ref())?;
        let matched = self.matched().filter(|matched| path.ends_with(matched));
        Some(matched.unwrap_or_else(|| path.clone()))
    }

    /// The path that the route matched: `/webhooks/a` of `ANY /webhooks/{source}`.
    fn matched(&self) -> Option<String> {
        let (_, route) = self.route_key.as_ref()?.split_once(' ')?;
        let parameters = self.path_parameters.iter().flatten();
        let filled = parameters.fold(route.to_owned(), |route, (name, value)| {
            let plain = route.replace(&format!("{{{name}}}"), value);
            plain.replace(&format!("{{{name}+}}"), value)
        });
        filled.starts_with('/').then_some(filled)
    }

    /// The query as it was sent. A REST API decodes it and does not pass on the original, so it is encoded again.
    fn query(&self) -> Result<String, BadRequest> {
        if let Some(raw) = &self.raw_query_string {
            return Ok(raw.clone());
        }
        let several = self.multi_value_query_string_parameters.iter().flatten();
        let several =
            several.flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let mut pairs: Vec<(&String, &String)> = several.collect();
        if pairs.is_empty() {
            pairs.extend(self.query_string_parameters.iter().flatten());
        }
        if self.caller() == Caller::RestApi {
            return serde_urlencoded::to_string(pairs).map_err(|_| BadRequest::Target);
        }
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        Ok(pairs.collect::<Vec<_>>().join("&"))
    }

    /// Lists of values come first, because they contain repeated headers.
    fn headers(&self) -> Result<HeaderMap, BadRequest> {
        let mut headers = HeaderMap::new();
        let lists = self.multi_value_headers.iter().flatten();
        for (name, value) in
            lists.flat_map(|(name, all)| all.iter().map(move |value| (name, value)))
        {
            append(&mut headers, name, value)?;
        }
        if headers.is_empty() {
            for (name, value) in self.headers.iter().flatten() {
                append(&mut headers, name, value)?;
            }
        }
        if let Some(cookies) = &self.cookies {
            append(&mut headers, COOKIE.as_str(), &cookies.join("; "))?;
        }
        Ok(headers)
    }

    fn body(&mut self) -> Result<Bytes, BadRequest> {
        let body = self.body.take().unwrap_or_default();
        if self.is_base64_encoded {
            let decoded = STANDARD.decode(body).map_err(|_| BadRequest::Body)?;
            return Ok(decoded.into());
        }
        Ok(body.into())
    }
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), BadRequest> {
    let name = HeaderName::try_from(name).map_err(|_| BadRequest::Header)?;
    let value = HeaderValue::try_from(value).map_err(|_| BadRequest::Header)?;
    let appended = headers.try_append(name, value);
    appended.map(drop).map_err(|_| BadRequest::Header)
}
