//! Metrics and health: `/metrics`, `/livez`, `/readyz`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::metrics::Metrics;

/// What the endpoints report.
#[derive(Clone, Default)]
pub struct Health {
    /// The kinds are installed and the watches run, or another replica acts.
    pub ready: Arc<AtomicBool>,
}

/// The routes.
pub fn router(metrics: Arc<Metrics>, health: Health) -> Router {
    let ready = move || {
        let ready = health.ready.load(Ordering::Relaxed);
        let answer = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        std::future::ready(answer)
    };
    Router::new()
        .route("/metrics", get(move || std::future::ready(metrics.text())))
        .route("/livez", get(|| std::future::ready(StatusCode::OK)))
        .route("/readyz", get(ready))
}
