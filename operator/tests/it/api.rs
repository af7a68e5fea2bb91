//! The API server: HTTP requests onto the store, with disturbances.

use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::store::{Key, Refusal, Store};

/// What a status may take.
const STATUS_BYTES_MAX: usize = 8192;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered without being done.
    Status(u16),
    /// Done, but the answer is lost.
    AppliedWithoutAnswer,
    /// Done; then the operator dies: nothing more of this pass happens.
    Crash,
}

#[derive(Clone, Default)]
pub(crate) struct Server {
    pub(crate) store: Store,
    /// What happens to the request of this number.
    pub(crate) fault: Option<(u64, Fault)>,
    /// The operator dies after the writes of these numbers.
    pub(crate) deaths: Vec<u64>,
    pub(crate) requests: u64,
    pub(crate) writes: u64,
    /// The operator died in this pass.
    pub(crate) dead: bool,
    /// One line for each write.
    pub(crate) log: Vec<String>,
}

pub(crate) type Shared = Arc<Mutex<Server>>;

/// A client of the server.
pub(crate) fn client(server: &Shared) -> Client {
    let server = Arc::clone(server);
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = Arc::clone(&server);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.expect("a body in memory");
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let (status, answer) = server.lock().unwrap().handle(&head, &body);
            let response = Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .body(Body::from(answer.to_string().into_bytes()))
                .expect("a response");
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    Client::new(service, "default")
}

impl Server {
    fn handle(&mut self, head: &http::request::Parts, body: &Value) -> (StatusCode, Value) {
        let write = head.method != Method::GET;
        self.requests += 1;
        self.writes += u64::from(write);
        if self.dead {
            return failure((500, "the operator is dead"));
        }
        let fault = self.fault.filter(|(at, _)| self.requests == *at).map(|(_, fault)| fault);
        if let Some(Fault::Status(code)) = fault {
            return failure((code, "injected"));
        }
        let answer = self.serve(head, body);
        if write {
            self.log.push(format!("{} {}", head.method, head.uri.path()));
        }
        let dies = write && self.deaths.contains(&self.writes);
        let fault = if dies { Some(Fault::Crash) } else { fault };
        match (fault, answer) {
            (Some(Fault::Crash), _) => {
                self.dead = true;
                failure((500, "the operator is dead"))
            }
            (Some(_), _) => failure((504, "Timeout")),
            (None, Ok(answer)) => (StatusCode::OK, answer),
            (None, Err(refusal)) => failure(refusal),
        }
    }

    fn serve(&mut self, head: &http::request::Parts, body: &Value) -> Result<Value, Refusal> {
        let (plural, namespace, name, subresource) = target(head.uri.path());
        let Some(name) = name else {
            if head.method == Method::POST {
                let name = body["metadata"]["name"].as_str().expect("a name").to_owned();
                return self.store.create(&(plural, namespace, name), body.clone());
            }
            let selector = selector(head.uri.query().unwrap_or_default());
            let items = self.store.list(&plural, &namespace, selector.as_deref());
            return Ok(json!({"metadata": {"resourceVersion": "1"}, "items": items}));
        };
        let key: Key = (plural, namespace, name);
        match head.method {
            Method::GET => self.store.get(&key).cloned().ok_or((404, "NotFound")),
            Method::PATCH => {
                let kind = head.headers["content-type"].to_str().expect("text");
                if key.0 == "streamjobs" && subresource.as_deref() == Some("status") {
                    let bytes = body["status"].to_string().len();
                    assert!(bytes <= STATUS_BYTES_MAX, "a status of {bytes} bytes: {body:#}");
                }
                let status = if subresource.as_deref() == Some("status") { "status" } else { "" };
                if kind.contains("apply-patch") {
                    self.store.apply(&key, status, body)
                } else {
                    self.store.merge_patch(&key, body)
                }
            }
            Method::DELETE => {
                let uid = body["preconditions"]["uid"].as_str();
                self.store.delete(&key, uid)?;
                Ok(json!({"kind": "Status", "status": "Success"}))
            }
            _ => Err((405, "MethodNotAllowed")),
        }
    }
}

fn failure((code, reason): Refusal) -> (StatusCode, Value) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code,
    });
    (StatusCode::from_u16(code).expect("a status"), body)
}

/// Plural, namespace, name and subresource of a path.
fn target(path: &str) -> (String, String, Option<String>, Option<String>) {
    let words: Vec<&str> = path.trim_matches('/').split('/').collect();
    let rest = if words[0] == "api" { &words[2..] } else { &words[3..] };
    assert_eq!(rest[0], "namespaces", "{path}");
    let word = |index: usize| rest.get(index).map(|word| (*word).to_owned());
    (rest[2].to_owned(), rest[1].to_owned(), word(3), word(4))
}

fn selector(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("labelSelector="))?;
    let decoded = value.replace("%2F", "/").replace("%3D", "=").replace("%2C", ",");
    Some(decoded)
}
