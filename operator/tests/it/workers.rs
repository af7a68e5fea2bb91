//! Workers that do not exist: one state machine per pod, driven by orders.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use operator::admin_client::{AdminClient, AdminError, Worker};
use operator::orders::Order;
use protocol::admin::{ReadBack, SavepointPart, SlotPhase, SlotStatus, WorkerStatus};
use protocol::reason::Reason;
use protocol::{Generation, Nonce, SlotIndex};

use crate::api::Shared;

/// A pod's worker.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    pub(crate) generation: u64,
    pub(crate) ordinal: u32,
    pub(crate) slots: u32,
    pub(crate) phase: SlotPhase,
    pub(crate) release: Option<bool>,
    pub(crate) take_over: bool,
    pub(crate) savepoint: Option<String>,
    /// The savepoint whose part it wrote last.
    pub(crate) written: Option<String>,
    pub(crate) trouble: Option<Reason>,
    /// Never gets warm.
    pub(crate) stuck: bool,
    /// Ends whenever it has processed for a while.
    pub(crate) crashes: bool,
    /// How often it was started again.
    pub(crate) restarts: u32,
}

impl Fake {
    pub(crate) fn new(generation: u64, ordinal: u32, slots: u32) -> Self {
        Self {
            generation,
            ordinal,
            slots,
            phase: SlotPhase::Warming,
            release: None,
            take_over: false,
            savepoint: None,
            written: None,
            trouble: None,
            stuck: false,
            crashes: false,
            restarts: 0,
        }
    }

    pub(crate) fn owns(&self) -> bool {
        operator::machine::OWNING.contains(&self.phase)
    }

    pub(crate) fn status(&self, uid: &str) -> WorkerStatus {
        let slot = |index: u32| SlotStatus {
            slot: SlotIndex(self.ordinal * self.slots + index),
            phase: self.phase,
            reason: self.trouble,
            message: self.trouble.map(|_| "as the test wants it".to_owned()),
            nonce: Nonce::from_bits(170),
            shards: Vec::new(),
            lag: 0,
            commits: 0,
            commit_ms: 0.0,
            commit_interval_ms: 0,
            rows: 0,
            late_rows: 0,
            bad_rows: 0,
            replayed_rows: 0,
            state_bytes: 0,
            checkpoint: None,
            savepoint: self.savepoint.clone().or(self.written.clone()).map(|name| SavepointPart {
                complete: self.phase == SlotPhase::Paused || self.written.as_ref() == Some(&name),
                name,
                bytes: 7,
                manifest: None,
                rows: BTreeMap::new(),
                read_back: Some(ReadBack { reason: None, message: None }),
            }),
            gap_ms: None,
        };
        WorkerStatus {
            version: "test".to_owned(),
            job_uid: uid.to_owned(),
            generation: Generation(self.generation),
            plan_fingerprint: String::new(),
            proven: None,
            slots: (0..self.slots).map(slot).collect(),
            source_partitions: BTreeMap::new(),
        }
    }
}

/// What happens to one call of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallFault {
    /// It does not arrive.
    Lost,
    /// It arrives, and the answer does not.
    Unanswered,
}

/// All workers by address, and what went wrong with orders.
#[derive(Clone, Default)]
pub(crate) struct Fleet {
    pub(crate) workers: BTreeMap<String, Fake>,
    pub(crate) orders: u64,
    /// Calls of any worker.
    pub(crate) calls: u64,
    /// What happens to the call of this number.
    pub(crate) fault: Option<(u64, CallFault)>,
    /// Orders that no written intent covers.
    pub(crate) violations: Vec<String>,
    /// Slots that were fenced, with their generation.
    pub(crate) fenced: Vec<(u64, u32)>,
}

/// The admin client of the tests.
pub(crate) struct Admin {
    pub(crate) fleet: Arc<Mutex<Fleet>>,
    pub(crate) server: Shared,
}

impl Admin {
    /// An order to acquire or release needs the intent in the status of the job (I6).
    fn covered(&self, order: &Order) -> bool {
        let server = self.server.lock().unwrap();
        let jobs = server.store.list("streamjobs", "default", None);
        jobs.iter().any(|job| {
            let status = &job["status"];
            let current = status["current"]["number"].as_u64();
            let acquiring = status["acquiring"].as_u64();
            match order {
                Order::Acquire(order) => {
                    let generation = Some(order.generation.0);
                    acquiring == generation || current == generation && acquiring.is_none()
                }
                Order::Release(order) => {
                    let generation = Some(order.generation.0);
                    acquiring.is_some() && current == generation
                        || status["releasing"].as_u64() == generation
                }
                Order::Savepoint(_) | Order::TakeOver(_) | Order::Proven(_) => true,
            }
        })
    }
}

impl AdminClient for Admin {
    fn status<'a>(
        &'a self,
        worker: &'a Worker,
        token: &'a str,
    ) -> BoxFuture<'a, Result<WorkerStatus, AdminError>> {
        assert!(!token.is_empty());
        let mut fleet = self.fleet.lock().unwrap();
        let heard = fleet.call().is_none();
        let found = fleet.workers.get(&worker.ip).filter(|_| heard).map(|fake| fake.status("uid"));
        Box::pin(async move { found.ok_or_else(|| AdminError::Silent("gone".to_owned())) })
    }

    fn order<'a>(
        &'a self,
        worker: &'a Worker,
        _: &'a str,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<(), AdminError>> {
        let dead = self.server.lock().unwrap().dead;
        let covered = self.covered(order);
        let mut fleet = self.fleet.lock().unwrap();
        if dead {
            return Box::pin(async { Err(AdminError::Silent("the operator is dead".to_owned())) });
        }
        fleet.orders += 1;
        if !covered {
            fleet.violations.push(format!("{order:?} to {} without intent", worker.pod));
        }
        if let Order::TakeOver(order) = order {
            fleet.fenced.push((order.fence_generation.0, order.fence_slot.0));
        }
        let silent = |why: &str| Err(AdminError::Silent(why.to_owned()));
        let fault = fleet.call();
        let answer = match (fault, fleet.workers.get_mut(&worker.ip)) {
            (Some(CallFault::Lost), _) => silent("lost"),
            (Some(CallFault::Unanswered), Some(fake)) => {
                drop(obey(fake, order));
                silent("unanswered")
            }
            (None, Some(fake)) => obey(fake, order),
            (_, None) => silent("gone"),
        };
        Box::pin(async move { answer })
    }
}

/// The admin client of the patrol: it only looks, and what it misses is found by the next round, so that its calls are
/// not disturbed.
pub(crate) struct Visitor {
    pub(crate) fleet: Arc<Mutex<Fleet>>,
}

impl AdminClient for Visitor {
    fn status<'a>(
        &'a self,
        worker: &'a Worker,
        _: &'a str,
    ) -> BoxFuture<'a, Result<WorkerStatus, AdminError>> {
        let fleet = self.fleet.lock().unwrap();
        let found = fleet.workers.get(&worker.ip).map(|fake| fake.status("uid"));
        Box::pin(async move { found.ok_or_else(|| AdminError::Silent("gone".to_owned())) })
    }

    fn order<'a>(
        &'a self,
        _: &'a Worker,
        _: &'a str,
        _: &'a Order,
    ) -> BoxFuture<'a, Result<(), AdminError>> {
        Box::pin(async { Err(AdminError::Silent("the patrol orders nothing".to_owned())) })
    }
}

fn obey(fake: &mut Fake, order: &Order) -> Result<(), AdminError> {
    let generation = match order {
        Order::Acquire(order) => order.generation,
        Order::Release(order) => order.generation,
        Order::Savepoint(order) => order.generation,
        Order::TakeOver(order) => order.generation,
        Order::Proven(order) => order.generation,
    };
    let refuse = |message: &str| Err(AdminError::Refused { code: 409, message: message.into() });
    if generation.0 != fake.generation {
        return refuse("another generation");
    }
    match order {
        Order::Acquire(_) if fake.release.is_some() => return refuse("told to release"),
        Order::Acquire(order) => {
            fake.take_over |= order.take_over;
            if matches!(fake.phase, SlotPhase::Warming | SlotPhase::Warm) {
                fake.phase = SlotPhase::Acquiring;
            }
        }
        Order::Release(order) => fake.release = Some(order.seal),
        Order::Savepoint(order) if order.resume => {
            if fake.phase == SlotPhase::Paused {
                fake.written = fake.savepoint.take();
                fake.phase = SlotPhase::Running;
            }
            fake.savepoint = None;
        }
        Order::Savepoint(order) => fake.savepoint = Some(order.name.clone()),
        Order::TakeOver(_) | Order::Proven(_) => {}
    }
    Ok(())
}

impl Fleet {
    /// Counts a call; what happens to it.
    fn call(&mut self) -> Option<CallFault> {
        self.calls += 1;
        self.fault.filter(|(at, _)| *at == self.calls).map(|(_, fault)| fault)
    }

    /// One step of every worker.
    pub(crate) fn step(&mut self) {
        let owners: Vec<u64> =
            self.workers.values().filter(|fake| fake.owns()).map(|fake| fake.generation).collect();
        let mut fenced_below = 0;
        for fake in self.workers.values_mut() {
            let former_owns = owners.iter().any(|owner| *owner < fake.generation);
            match fake.phase {
                SlotPhase::Warming if !fake.stuck => fake.phase = SlotPhase::Warm,
                SlotPhase::Acquiring if !former_owns || fake.take_over => {
                    fake.phase = SlotPhase::Running;
                    fenced_below = fenced_below.max(fake.generation);
                }
                SlotPhase::Running if fake.crashes => {
                    fake.phase = SlotPhase::Warming;
                    // More of the same says nothing more.
                    fake.restarts = (fake.restarts + 1).min(3);
                }
                SlotPhase::Running => match (fake.release, &fake.savepoint) {
                    (Some(_), _) => fake.phase = SlotPhase::Releasing,
                    (None, Some(_)) => fake.phase = SlotPhase::Paused,
                    (None, None) => {}
                },
                SlotPhase::Paused if fake.release.is_some() => fake.phase = SlotPhase::Releasing,
                SlotPhase::Releasing => {
                    let sealed = fake.release == Some(true);
                    fake.phase = if sealed { SlotPhase::Sealed } else { SlotPhase::Released };
                }
                _ => {}
            }
        }
        for fake in self.workers.values_mut().filter(|fake| fake.generation < fenced_below) {
            if fake.owns() {
                fake.phase = SlotPhase::Blocked;
                fake.trouble = Some(Reason::Superseded);
            }
        }
    }
}
