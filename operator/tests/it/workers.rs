//! Workers that do not exist: one state machine per pod, driven by orders.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use operator::admin_client::{AdminClient, AdminError, Worker};
use operator::orders::Order;
use protocol::admin::{
    ReadBack, SavepointOrder, SavepointPart, SlotPhase, SlotStatus, WorkerStatus,
};
use protocol::reason::Reason;
use protocol::{Generation, Nonce, SlotIndex};

use crate::api::Shared;
use crate::store::Store;
use crate::world::SHARDS;

/// A pod's worker.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    /// The identity of its job.
    pub(crate) job: String,
    pub(crate) generation: u64,
    pub(crate) ordinal: u32,
    pub(crate) slots: u32,
    /// Slots of its generation.
    pub(crate) all_slots: u32,
    /// Logs that its generation reads.
    pub(crate) logs: u32,
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
    /// Started anew.
    pub(crate) fn again(&self) -> Self {
        Self::new(&self.job, self.generation, self.ordinal, (self.slots, self.all_slots), self.logs)
    }

    /// A new one, with so many slots, of so many of its generation, which reads so many logs.
    pub(crate) fn new(
        job: &str,
        generation: u64,
        ordinal: u32,
        (slots, all_slots): (u32, u32),
        logs: u32,
    ) -> Self {
        Self {
            job: job.to_owned(),
            generation,
            ordinal,
            slots,
            all_slots,
            logs,
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

    fn owns(&self) -> bool {
        operator::machine::OWNING.contains(&self.phase)
    }

    /// It may commit.
    fn commits(&self) -> bool {
        self.owns() && self.phase != SlotPhase::Acquiring
    }

    /// The logs of its shards.
    fn shards(&self) -> impl Iterator<Item = u32> {
        let (slots, all, ordinal) = (self.slots, self.all_slots, self.ordinal);
        (0..self.logs).filter(move |log| log % all / slots == ordinal)
    }

    fn shares_a_shard_with(&self, other: &Self) -> bool {
        self.job == other.job && self.shards().any(|log| other.shards().any(|its| its == log))
    }

    pub(crate) fn status(&self, partitions: u32) -> WorkerStatus {
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
            job_uid: self.job.clone(),
            generation: Generation(self.generation),
            plan_fingerprint: String::new(),
            proven: None,
            slots: (0..self.slots).map(slot).collect(),
            source_partitions: BTreeMap::from([("clicks".to_owned(), partitions)]),
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
#[derive(Clone)]
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
    /// The generation that each shard's commit point names, by job and log.
    claimed: BTreeMap<(String, u32), u64>,
    /// Partitions that the source has.
    pub(crate) partitions: u32,
    /// Until then the store is away: no savepoint and no release comes to its end.
    pub(crate) store_returns_at: i64,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            workers: BTreeMap::new(),
            orders: 0,
            calls: 0,
            fault: None,
            violations: Vec::new(),
            fenced: Vec::new(),
            claimed: BTreeMap::new(),
            partitions: SHARDS,
            store_returns_at: 0,
        }
    }
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
                Order::Savepoint(order) => order.resume || asked_for(&server.store, order),
                Order::TakeOver(order) => current == Some(order.fence_generation.0),
                Order::Proven(order) => {
                    status["healthy"]["generation"]["number"] == order.generation.0
                }
            }
        })
    }
}

/// A savepoint says that it is being written, by this generation.
fn asked_for(store: &Store, order: &SavepointOrder) -> bool {
    store.list("savepoints", "default", None).iter().any(|savepoint| {
        let uid = savepoint["metadata"]["uid"].as_str().unwrap();
        let name = savepoint["metadata"]["name"].as_str().unwrap();
        savepoint["status"]["phase"] == "InProgress"
            && savepoint["status"]["generation"] == order.generation.0
            && order.name == format!("{name}-{}", &uid[..8])
    })
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
        let partitions = fleet.partitions;
        let found = fleet.workers.get(&worker.ip).filter(|_| heard);
        let found = found.map(|fake| fake.status(partitions));
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
        let found = fleet.workers.get(&worker.ip).map(|fake| fake.status(fleet.partitions));
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
    /// How many shards somebody may commit for, by generation.
    pub(crate) fn owned(&self) -> BTreeMap<u64, usize> {
        let mut owned = BTreeMap::new();
        for fake in self.workers.values().filter(|fake| fake.commits()) {
            *owned.entry(fake.generation).or_default() += fake.shards().count();
        }
        owned
    }

    /// What the future depends on beside the workers.
    pub(crate) fn surroundings(&self) -> String {
        format!("{:?} {}", self.claimed, self.partitions)
    }

    /// Counts a call; what happens to it.
    fn call(&mut self) -> Option<CallFault> {
        self.calls += 1;
        self.fault.filter(|(at, _)| *at == self.calls).map(|(_, fault)| fault)
    }

    /// One step of every worker.
    pub(crate) fn step(&mut self, now: i64) {
        let has_store = now >= self.store_returns_at;
        let before: Vec<Fake> = self.workers.values().cloned().collect();
        let mut fenced = Vec::new();
        for fake in self.workers.values_mut() {
            match fake.phase {
                SlotPhase::Warming if !fake.stuck => fake.phase = SlotPhase::Warm,
                SlotPhase::Acquiring => {
                    acquire(fake, &before, &mut self.claimed);
                    if fake.phase == SlotPhase::Running {
                        fenced.push(fake.clone());
                    }
                }
                SlotPhase::Running if fake.crashes => {
                    fake.phase = SlotPhase::Warming;
                    // More of the same says nothing more.
                    fake.restarts = (fake.restarts + 1).min(3);
                }
                SlotPhase::Running => match (fake.release, &fake.savepoint) {
                    (Some(_), _) => fake.phase = SlotPhase::Releasing,
                    (None, Some(_)) if has_store => fake.phase = SlotPhase::Paused,
                    (None, _) => {}
                },
                SlotPhase::Paused if fake.release.is_some() => fake.phase = SlotPhase::Releasing,
                SlotPhase::Releasing if has_store => {
                    let sealed = fake.release == Some(true);
                    fake.phase = if sealed { SlotPhase::Sealed } else { SlotPhase::Released };
                }
                _ => {}
            }
        }
        for fake in self.workers.values_mut().filter(|fake| fake.owns()) {
            let by = |newer: &&Fake| newer.generation > fake.generation;
            if fenced.iter().filter(by).any(|newer| newer.shares_a_shard_with(fake)) {
                fake.phase = SlotPhase::Blocked;
                fake.trouble = Some(Reason::Superseded);
            }
        }
        self.one_owner_of_each_shard();
    }

    /// No two workers may commit for the same shard (I1).
    fn one_owner_of_each_shard(&mut self) {
        let owners: Vec<&Fake> = self.workers.values().filter(|fake| fake.commits()).collect();
        for (place, one) in owners.iter().enumerate() {
            let other = owners[place + 1..].iter().find(|other| one.shares_a_shard_with(other));
            if let Some(other) = other {
                self.violations.push(format!("{one:?} and {other:?} own the same shard"));
                return;
            }
        }
    }
}

/// Claims its shards, once their former owners have given them up or are not waited for. A newer generation that has
/// claimed one of them was there first.
fn acquire(fake: &mut Fake, others: &[Fake], claimed: &mut BTreeMap<(String, u32), u64>) {
    let shards: Vec<(String, u32)> = fake.shards().map(|log| (fake.job.clone(), log)).collect();
    let newest = shards.iter().filter_map(|shard| claimed.get(shard)).max();
    if newest.is_some_and(|newest| *newest > fake.generation) {
        fake.phase = SlotPhase::Blocked;
        fake.trouble = Some(Reason::Superseded);
        return;
    }
    let waits = others.iter().any(|other| {
        other.owns() && other.generation < fake.generation && other.shares_a_shard_with(fake)
    });
    if !waits || fake.take_over {
        fake.phase = SlotPhase::Running;
        claimed.extend(shards.into_iter().map(|shard| (shard, fake.generation)));
    }
}

#[test]
fn two_owners_of_a_shard_are_seen() {
    let found = |one: (u64, u32), other: (u64, u32)| {
        let mut fleet = Fleet::default();
        for (place, (generation, ordinal)) in [one, other].into_iter().enumerate() {
            let mut fake = Fake::new("uid", generation, ordinal, (1, 2), SHARDS);
            fake.phase = SlotPhase::Running;
            fleet.workers.insert(place.to_string(), fake);
        }
        fleet.one_owner_of_each_shard();
        fleet.violations.len()
    };
    assert_eq!(found((1, 0), (1, 1)), 0, "each has its own");
    assert_eq!(found((1, 0), (2, 0)), 1, "both have the first");
}
