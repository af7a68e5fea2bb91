//! Metrics and probes on a port of their own, without a token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use protocol::admin::SlotPhase;

use crate::board::{Board, Entry};
use crate::limits::LIVENESS_MAX;
use crate::metrics::{self, Metrics};

/// What the port answers from.
#[derive(Clone, Debug)]
pub struct Probes {
    /// The slots.
    pub board: Arc<Board>,
    /// Their metrics.
    pub metrics: Arc<Metrics>,
    /// Slots that this process hosts: ready only when all of them are on the board.
    pub slots: usize,
}

/// The routes: `/metrics`, `/livez`, `/readyz`, `/startupz`.
pub fn router(probes: Probes) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/startupz", get(|| async { "up" }))
        .with_state(probes)
}

async fn scrape(State(probes): State<Probes>) -> impl IntoResponse {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], probes.metrics.render())
}

async fn live(State(probes): State<Probes>) -> (StatusCode, String) {
    answer(stuck(&probes.board.entries(false), Instant::now(), LIVENESS_MAX))
}

async fn ready(State(probes): State<Probes>) -> (StatusCode, String) {
    answer(not_ready(&probes.board.entries(false), probes.slots))
}

fn answer(fault: Option<String>) -> (StatusCode, String) {
    match fault {
        None => (StatusCode::OK, "ok".to_owned()),
        Some(fault) => (StatusCode::SERVICE_UNAVAILABLE, fault),
    }
}

/// The first slot whose thread has not come by for too long. A restore or replay may take long, and a slot that has
/// ended or is blocked has no thread to come by.
fn stuck(entries: &[Entry], now: Instant, at_most: Duration) -> Option<String> {
    entries.iter().find_map(|entry| {
        let ended = matches!(
            entry.status.phase,
            SlotPhase::Released | SlotPhase::Sealed | SlotPhase::Blocked
        );
        let unseen = now.saturating_duration_since(entry.seen);
        (!ended && !entry.restoring && unseen > at_most)
            .then(|| format!("slot {} has not come by for {unseen:?}", entry.status.slot))
    })
}

/// The first slot that is not warm, or is blocked.
fn not_ready(entries: &[Entry], slots: usize) -> Option<String> {
    if entries.len() < slots {
        return Some(format!("{} of {slots} slots have started", entries.len()));
    }
    entries.iter().find_map(|entry| match entry.status.phase {
        SlotPhase::Warming => Some(format!("slot {} is warming up", entry.status.slot)),
        SlotPhase::Blocked => Some(format!(
            "slot {} is blocked: {}",
            entry.status.slot,
            entry.status.message.as_deref().unwrap_or("no reason given")
        )),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use protocol::{Nonce, SlotIndex};

    use super::*;

    fn entry(phase: SlotPhase, unseen: u64, restoring: bool, now: Instant) -> Entry {
        let board = Board::default();
        board.add(SlotIndex(0), Nonce::from_bits(1));
        let mut entry = board.entries(false).remove(0);
        entry.status.phase = phase;
        entry.restoring = restoring;
        entry.seen = now
            .checked_sub(Duration::from_secs(unseen))
            .expect("later than the start of the clock");
        entry
    }

    #[test]
    fn only_a_silent_thread_that_should_come_by_fails_liveness() {
        let table = [
            (SlotPhase::Running, 59, false, true),
            (SlotPhase::Running, 61, false, false),
            (SlotPhase::Warming, 61, true, true),
            (SlotPhase::Acquiring, 61, false, false),
            (SlotPhase::Released, 3600, false, true),
            (SlotPhase::Sealed, 3600, false, true),
            (SlotPhase::Blocked, 3600, false, true),
        ];
        let now = Instant::now() + Duration::from_hours(2);
        for (phase, unseen, restoring, lives) in table {
            let entries = [entry(phase, unseen, restoring, now)];
            assert_eq!(stuck(&entries, now, LIVENESS_MAX).is_none(), lives, "{phase:?} {unseen}");
        }
    }

    #[test]
    fn ready_is_warm_or_further_and_all_of_them() {
        let now = Instant::now() + Duration::from_secs(10);
        for (phase, ready) in [
            (SlotPhase::Warming, false),
            (SlotPhase::Warm, true),
            (SlotPhase::Acquiring, true),
            (SlotPhase::Running, true),
            (SlotPhase::Released, true),
            (SlotPhase::Blocked, false),
        ] {
            let entries = [entry(phase, 0, false, now)];
            assert_eq!(not_ready(&entries, 1).is_none(), ready, "{phase:?}");
            assert!(not_ready(&entries, 2).is_some(), "the second slot is missing");
        }
    }
}
