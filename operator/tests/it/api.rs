//! The API server: HTTP requests onto the store, with disturbances.

use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::promises;
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
    /// Not answered, and done so many passes later: the last word of an operator that led before.
    Late(u32),
    /// A reading from a world of some passes before.
    Stale,
}

/// A write that is under way still.
#[derive(Clone)]
struct Owed {
    passes: u32,
    head: http::request::Parts,
    body: Value,
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
    /// One line for each write, with its number among the requests.
    pub(crate) log: Vec<(u64, String)>,
    /// Writes that arrive late.
    owed: Vec<Owed>,
    /// What stale readings come from.
    pub(crate) old: Option<Arc<Store>>,
    /// Every reading is stale.
    pub(crate) reads_old: bool,
    /// Two operators take turns at every request.
    pub(crate) takes_turns: bool,
    /// Promises that a write broke.
    pub(crate) broken: Vec<String>,
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
            let takes_turns = server.lock().unwrap().takes_turns;
            if takes_turns {
                tokio::task::yield_now().await;
            }
            let (status, answer) = server.lock().unwrap().handle(&head, &body);
            let response = Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .body(Body::from(answer.into_bytes()))
                .expect("a response");
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    Client::new(service, "default")
}

impl Server {
    fn handle(&mut self, head: &http::request::Parts, body: &Value) -> (StatusCode, String) {
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
        if write {
            self.log.push((self.requests, format!("{} {}", head.method, head.uri.path())));
            self.broken.extend(promises::broken(&self.store, head, body));
        }
        if let Some(Fault::Late(passes)) = fault {
            self.owed.push(Owed { passes, head: head.clone(), body: body.clone() });
            return failure((504, "Timeout"));
        }
        let answer = match (fault, self.old.clone()) {
            (fault, Some(old)) if !write && (self.reads_old || fault == Some(Fault::Stale)) => {
                read(&old, head)
            }
            _ => self.serve(head, body),
        };
        let dies = write && self.deaths.contains(&self.writes);
        let fault = if dies { Some(Fault::Crash) } else { fault };
        match (fault, answer) {
            (Some(Fault::Crash), _) => {
                self.dead = true;
                failure((500, "the operator is dead"))
            }
            (Some(Fault::AppliedWithoutAnswer), _) => failure((504, "Timeout")),
            (_, Ok(answer)) => (StatusCode::OK, answer),
            (_, Err(refusal)) => failure(refusal),
        }
    }

    /// Another pass is over: what is due arrives.
    pub(crate) fn deliver(&mut self) {
        for owed in &mut self.owed {
            owed.passes -= 1;
        }
        let (due, rest) = std::mem::take(&mut self.owed).into_iter().partition(|o| o.passes == 0);
        self.owed = rest;
        for Owed { head, body, .. } in due {
            // Nobody waits for the answer any more.
            drop(self.serve(&head, &body));
        }
    }

    /// Something is still to arrive.
    pub(crate) fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    fn serve(&mut self, head: &http::request::Parts, body: &Value) -> Result<String, Refusal> {
        if head.method == Method::GET {
            return read(&self.store, head);
        }
        let (plural, namespace, name, subresource) = target(head.uri.path());
        if head.method == Method::POST {
            let name = body["metadata"]["name"].as_str().expect("a name").to_owned();
            let made = self.store.create(&(plural, namespace, name), body.clone());
            return made.map(|made| made.text().to_owned());
        }
        let key: Key = (plural, namespace, name.expect("a name"));
        match head.method {
            Method::PATCH => {
                let kind = head.headers["content-type"].to_str().expect("text");
                if key.0 == "streamjobs" && subresource.as_deref() == Some("status") {
                    let bytes = body["status"].to_string().len();
                    assert!(bytes <= STATUS_BYTES_MAX, "a status of {bytes} bytes: {body:#}");
                }
                let status = if subresource.as_deref() == Some("status") { "status" } else { "" };
                let done = if kind.contains("apply-patch") {
                    self.store.apply(&key, status, body)
                } else {
                    self.store.merge_patch(&key, body)
                };
                done.map(|done| done.text().to_owned())
            }
            Method::DELETE => {
                let uid = body["preconditions"]["uid"].as_str();
                self.store.delete(&key, uid)?;
                Ok(json!({"kind": "Status", "status": "Success"}).to_string())
            }
            _ => Err((405, "MethodNotAllowed")),
        }
    }
}

fn read(store: &Store, head: &http::request::Parts) -> Result<String, Refusal> {
    let (plural, namespace, name, _) = target(head.uri.path());
    if let Some(name) = name {
        let found = store.objects.get(&(plural, namespace, name)).ok_or((404, "NotFound"))?;
        return Ok(found.text().to_owned());
    }
    let selector = selector(head.uri.query().unwrap_or_default());
    let items = store.list(&plural, &namespace, selector.as_deref());
    let items: Vec<&str> = items.iter().map(|item| item.text()).collect();
    Ok(format!(r#"{{"metadata":{{"resourceVersion":"1"}},"items":[{}]}}"#, items.join(",")))
}

fn failure((code, reason): Refusal) -> (StatusCode, String) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code,
    });
    (StatusCode::from_u16(code).expect("a status"), body.to_string())
}

/// Plural, namespace, name and subresource of a path.
pub(crate) fn target(path: &str) -> (String, String, Option<String>, Option<String>) {
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
