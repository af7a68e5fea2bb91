//! Metrics and health: `/metrics`, `/livez`, `/readyz`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::metrics::Metrics;
use crate::outages::Outages;

/// What the endpoints report.
#[derive(Clone, Default)]
pub struct Health {
    /// The process has begun: it acts, or another replica does.
    pub ready: Arc<AtomicBool>,
    /// Watches that are broken; for long: not ready.
    pub outages: Arc<Outages>,
}

/// The routes.
pub fn router(metrics: Arc<Metrics>, health: Health) -> Router {
    let ready = move || {
        let begun = health.ready.load(Ordering::Relaxed);
        let broken = health.outages.long(Instant::now());
        let ready = begun && broken.is_empty();
        let answer = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        std::future::ready((answer, broken))
    };
    Router::new()
        .route("/metrics", get(move || std::future::ready(metrics.text())))
        .route("/livez", get(|| std::future::ready(StatusCode::OK)))
        .route("/readyz", get(ready))
}
