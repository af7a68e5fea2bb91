//! The way to a worker's admin port. A trait, so that tests talk to workers that do not exist.

use std::time::Duration;

use futures::future::BoxFuture;
use protocol::admin::{ADMIN_PORT, Refused, WorkerStatus};
use serde::Serialize;

use crate::limits::{ADMIN_ANSWER_BYTES_MAX, ADMIN_IDLE, ADMIN_TIMEOUT};
use crate::orders::Order;

/// Why a worker did not do as it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// No answer: try again.
    #[error("{0}")]
    Silent(String),
    /// It answered no, and why.
    #[error("refused with {code}: {message}")]
    Refused {
        /// HTTP status.
        code: u16,
        /// Its words.
        message: String,
    },
}

/// A worker to talk to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    /// The pod's name.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's address.
    pub ip: String,
}

/// Asks and orders workers.
pub trait AdminClient: Send + Sync {
    /// `GET /v1/status`.
    fn status<'a>(
        &'a self,
        worker: &'a Worker,
        token: &'a str,
    ) -> BoxFuture<'a, Result<WorkerStatus, AdminError>>;

    /// `POST /v1/…`.
    fn order<'a>(
        &'a self,
        worker: &'a Worker,
        token: &'a str,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<(), AdminError>>;
}

/// Workers over HTTP, by pod address.
#[derive(Clone, Debug)]
pub struct HttpAdmin {
    http: reqwest::Client,
}

impl HttpAdmin {
    /// A client that never follows redirects or proxies: a worker is talked to, nobody else.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(ADMIN_TIMEOUT)
            .connect_timeout(Duration::from_secs(1))
            .pool_idle_timeout(ADMIN_IDLE)
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { http })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, AdminError> {
        let silent = |error: reqwest::Error| AdminError::Silent(error.without_url().to_string());
        let mut answer = request.send().await.map_err(silent)?;
        let code = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(silent)? {
            if body.len() + chunk.len() > ADMIN_ANSWER_BYTES_MAX {
                return Err(AdminError::Silent("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if code.is_success() {
            return Ok(body);
        }
        let message = serde_json::from_slice::<Refused>(&body)
            .map_or_else(|_| String::new(), |refused| refused.message);
        Err(AdminError::Refused { code: code.as_u16(), message })
    }

    async fn post<T: Serialize>(
        &self,
        worker: &Worker,
        token: &str,
        what: &str,
        order: &T,
    ) -> Result<(), AdminError> {
        let request = self.http.post(url(worker, what)).bearer_auth(token).json(order);
        self.send(request).await.map(drop)
    }
}

fn url(worker: &Worker, what: &str) -> String {
    if worker.ip.contains(':') {
        format!("http://[{}]:{ADMIN_PORT}/v1/{what}", worker.ip)
    } else {
        format!("http://{}:{ADMIN_PORT}/v1/{what}", worker.ip)
    }
}

impl AdminClient for HttpAdmin {
    fn status<'a>(
        &'a self,
        worker: &'a Worker,
        token: &'a str,
    ) -> BoxFuture<'a, Result<WorkerStatus, AdminError>> {
        Box::pin(async move {
            let request = self.http.get(url(worker, "status")).bearer_auth(token);
            let body = self.send(request).await?;
            serde_json::from_slice(&body)
                .map_err(|error| AdminError::Silent(format!("the answer does not parse: {error}")))
        })
    }

    fn order<'a>(
        &'a self,
        worker: &'a Worker,
        token: &'a str,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<(), AdminError>> {
        Box::pin(async move {
            match order {
                Order::Acquire(order) => self.post(worker, token, "acquire", order).await,
                Order::Release(order) => self.post(worker, token, "release", order).await,
                Order::Savepoint(order) => self.post(worker, token, "savepoint", order).await,
                Order::TakeOver(order) => self.post(worker, token, "takeover", order).await,
                Order::Proven(order) => self.post(worker, token, "proven", order).await,
            }
        })
    }
}
