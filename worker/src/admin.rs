//! The admin port, `/v1`: the operator reads the status and gives orders. Bearer token, one generation, typed
//! refusals.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::acquire::Stop;
use protocol::admin::{
    AcquireOrder, ProvenOrder, Refused, ReleaseOrder, SavepointOrder, SlotPhase, TakeOverOrder,
    WorkerStatus,
};
use protocol::{Fingerprint, Generation, Nonce, SlotIndex};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use crate::board::Board;
use crate::exit::LastWords;
use crate::limits::{ORDER_BYTES_MAX, TAKEOVERS_REMEMBERED};
use crate::orders::Orders;

/// Fences the transactional id of a slot: `init_transactions`, nothing else (O5). Blocks.
pub type Fence = dyn Fn(Generation, SlotIndex) -> Result<(), Stop> + Send + Sync;

/// What the port answers from and acts on.
pub struct Admin {
    /// Identity of the job.
    pub job_uid: String,
    /// The generation that this process serves.
    pub generation: Generation,
    /// The plan that it runs.
    pub plan_fingerprint: Fingerprint,
    /// None: everybody who reaches the port may order; only for loopback.
    pub token: Option<String>,
    /// Where orders go.
    pub orders: Arc<Orders>,
    /// Where status comes from.
    pub board: Arc<Board>,
    /// How the process before this one ended; shown until a slot has something to say.
    pub before: Option<LastWords>,
    /// How to fence.
    pub fence: Box<Fence>,
    /// Incarnations that were fenced from here.
    pub fenced: Mutex<BTreeSet<Nonce>>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("generation", &self.generation).finish_non_exhaustive()
    }
}

type Shared = State<Arc<Admin>>;

/// A refusal as it is answered.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(Refused { message: self.1 })).into_response()
    }
}

type Answer = Result<Json<WorkerStatus>, Refusal>;

/// The routes.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/acquire", post(acquire))
        .route("/v1/release", post(release))
        .route("/v1/savepoint", post(savepoint))
        .route("/v1/takeover", post(take_over))
        .route("/v1/proven", post(proven))
        .fallback(|| async {
            Refusal(StatusCode::NOT_FOUND, "no such path; see /v1/status".into())
        })
        .method_not_allowed_fallback(|| async {
            Refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "status is read by GET, orders go by POST".into(),
            )
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&admin), authorize))
        .layer(DefaultBodyLimit::max(ORDER_BYTES_MAX))
        .with_state(admin)
}

/// What may be read without a token, for the port of metrics: the status, and no order.
pub fn readable(admin: Arc<Admin>) -> Router {
    Router::new().route("/v1/status", get(status)).with_state(admin)
}

async fn authorize(State(admin): Shared, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    if admin.token.as_deref().is_none_or(|token| presents(header, token)) {
        return next.run(request).await;
    }
    let message = "the bearer token is missing or wrong".to_owned();
    Refusal(StatusCode::UNAUTHORIZED, message).into_response()
}

/// Compares in a time that depends on the lengths alone.
fn presents(header: Option<&[u8]>, token: &str) -> bool {
    header
        .and_then(|header| header.strip_prefix(b"Bearer "))
        .is_some_and(|presented| presented.ct_eq(token.as_bytes()).into())
}

impl Admin {
    fn status(&self) -> WorkerStatus {
        let mut slots: Vec<_> = self.board.entries(false).into_iter().map(|e| e.status).collect();
        for slot in &mut slots {
            let starting =
                matches!(slot.phase, SlotPhase::Warming | SlotPhase::Warm | SlotPhase::Acquiring);
            if let Some(before) = self.before.as_ref().filter(|_| starting && slot.reason.is_none())
            {
                slot.reason = Some(before.reason);
                slot.message = Some(format!("the process before ended: {}", before.message));
            }
        }
        slots.sort_by_key(|slot| slot.slot);
        WorkerStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            job_uid: self.job_uid.clone(),
            generation: self.generation,
            plan_fingerprint: self.plan_fingerprint.to_string(),
            proven: Some(self.orders.standing().proven),
            slots,
            source_partitions: self.board.source_partitions(),
        }
    }

    fn check_generation(&self, ordered: Generation) -> Result<(), Refusal> {
        if ordered == self.generation {
            return Ok(());
        }
        let message = format!(
            "the order is for generation {ordered}, this worker serves generation {}",
            self.generation
        );
        Err(Refusal(StatusCode::CONFLICT, message))
    }
}

fn order<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal(StatusCode::BAD_REQUEST, format!("the order does not parse: {error}"))
    })
}

async fn status(State(admin): Shared) -> Json<WorkerStatus> {
    Json(admin.status())
}

async fn acquire(State(admin): Shared, body: Bytes) -> Answer {
    let order: AcquireOrder = order(&body)?;
    admin.check_generation(order.generation)?;
    if admin.orders.standing().release.is_some() {
        let message =
            "this generation has been told to release; from there only a newer one goes on";
        return Err(Refusal(StatusCode::CONFLICT, message.to_owned()));
    }
    tracing::info!(?order, "order to acquire");
    admin.orders.change(|standing| standing.acquire = Some(order));
    Ok(Json(admin.status()))
}

async fn release(State(admin): Shared, body: Bytes) -> Answer {
    let order: ReleaseOrder = order(&body)?;
    admin.check_generation(order.generation)?;
    tracing::info!(?order, "order to release");
    admin.orders.change(|standing| standing.release = Some(order));
    Ok(Json(admin.status()))
}

async fn savepoint(State(admin): Shared, body: Bytes) -> Answer {
    let order: SavepointOrder = order(&body)?;
    admin.check_generation(order.generation)?;
    if !is_savepoint_name(&order.name) {
        let message = "the name of a savepoint has 1 to 253 of a-z, 0-9, '-' and '.'";
        return Err(Refusal(StatusCode::BAD_REQUEST, message.to_owned()));
    }
    tracing::info!(?order, "order for a savepoint");
    admin.orders.change(|standing| standing.savepoint = Some(order));
    Ok(Json(admin.status()))
}

async fn proven(State(admin): Shared, body: Bytes) -> Answer {
    let order: ProvenOrder = order(&body)?;
    admin.check_generation(order.generation)?;
    tracing::info!(?order, "declared healthy");
    admin.orders.change(|standing| standing.proven = true);
    Ok(Json(admin.status()))
}

/// The name becomes part of an object key.
pub(crate) fn is_savepoint_name(name: &str) -> bool {
    crds::ObjectName::new(name).is_ok()
}

async fn take_over(State(admin): Shared, body: Bytes) -> Answer {
    let order: TakeOverOrder = order(&body)?;
    admin.check_generation(order.generation)?;
    let conflict = |message: &str| Err(Refusal(StatusCode::CONFLICT, message.to_owned()));
    if order.fence_generation > admin.generation {
        return conflict("the slot to fence belongs to a newer generation than this worker");
    }
    let own = order.fence_generation == admin.generation
        && admin.board.entries(false).iter().any(|e| e.status.slot == order.fence_slot);
    if own {
        return conflict("the slot to fence is one of this worker");
    }
    let mut fenced = admin.fenced.lock().await;
    if !fenced.contains(&order.fence_nonce) {
        if fenced.len() >= TAKEOVERS_REMEMBERED {
            fenced.clear();
        }
        tracing::warn!(?order, "fencing a slot on the operator's word");
        run_fence(&admin, order.fence_generation, order.fence_slot).await?;
        fenced.insert(order.fence_nonce);
    }
    drop(fenced);
    Ok(Json(admin.status()))
}

async fn run_fence(admin: &Arc<Admin>, of: Generation, slot: SlotIndex) -> Result<(), Refusal> {
    let shared = Arc::clone(admin);
    let result = tokio::task::spawn_blocking(move || (shared.fence)(of, slot)).await;
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(stop)) => Err(Refusal(StatusCode::BAD_GATEWAY, stop.to_string())),
        Err(error) => Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

#[cfg(test)]
mod tests;
