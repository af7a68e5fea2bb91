//! Logs that are far ahead of others wait for them (`watermark.maxDrift`), so that windows behind an exchange hold
//! little while logs are read that are not equally far. Nothing depends on it but when a record is read. A log that
//! waits is not idle: it is not seen at its end, so its idle timeout does not run and no watermark is forced.

use std::collections::BTreeSet;
use std::time::Instant;

use connectors::turns;
use dataflow::{Input, JobPlan};
use protocol::acquire::Stop;
use protocol::{Log, StageId};

use super::context::Context;
use super::drift::{Known, Slowest};
use super::kafka_stop;
use super::replay::Shards;
use super::shard::{OwnedShard, input_topic};
use crate::limits::{ALIGN_INTERVAL, FIRST_ROW_WAIT};

/// What the sources of a slot that bound their drift are aligned with.
pub(crate) struct Alignment {
    groups: Vec<Group>,
    /// When the slot began to read as the owner.
    since: Instant,
    /// When it last looked at what others say.
    looked: Option<Instant>,
}

/// A source whose logs may have to wait, and for whom.
struct Group {
    drift_ms: i64,
    /// Places of the shards that read it.
    own: Vec<usize>,
    /// Places of the shards that read it or another source whose rows meet its rows behind an exchange.
    local: Vec<usize>,
    /// Places of the shards behind those exchanges: they have read what others say.
    behind: Vec<usize>,
    /// The logs of those sources that other slots read, in order.
    others: Vec<(Log, Option<Known>)>,
    slowest_other: Slowest,
}

impl Alignment {
    /// For a slot that owns these shards.
    pub(crate) fn new(context: &Context, shards: &Shards) -> Self {
        let task = &context.task;
        let drift = |source: &usize| {
            let name = &task.plan.sources[*source].name;
            task.job.sources.iter().find(|settings| settings.name == *name)?.max_drift_ms
        };
        let sources = 0..task.plan.sources.len();
        let groups = sources
            .filter_map(|source| Some(Group::new(context, shards, source, drift(&source)?)))
            .collect();
        Self { groups, since: turns::now(), looked: None }
    }

    /// Decides who waits from here on. Called between two polls.
    pub(crate) fn follow(
        &mut self,
        context: &mut Context,
        shards: &mut Shards,
    ) -> Result<(), Stop> {
        if self.groups.is_empty() {
            return Ok(());
        }
        let now = turns::now();
        let patient = now.saturating_duration_since(self.since) < FIRST_ROW_WAIT;
        let due = |at: Instant| now.saturating_duration_since(at) >= ALIGN_INTERVAL;
        if self.looked.is_none_or(due) {
            self.looked = Some(now);
            for group in &mut self.groups {
                group.look_at_others(&shards.all, patient);
            }
        }
        let mut turned = Vec::new();
        for group in &self.groups {
            group.decide(&mut shards.all, patient, &mut turned)?;
        }
        carry_out(context, &mut shards.all, &turned)
    }
}

/// Holds the logs that have begun to wait and goes on with those that have ended.
fn carry_out(context: &mut Context, all: &mut [OwnedShard], turned: &[usize]) -> Result<(), Stop> {
    let numbers = |waits: bool| -> Vec<u32> {
        let wanted = turned.iter().filter(|at| all[**at].waits != waits);
        wanted.filter_map(|at| all[*at].log).collect()
    };
    let (held, resumed) = (numbers(true), numbers(false));
    if !held.is_empty() {
        context.reader.pause(&held).map_err(|e| kafka_stop(&e))?;
        let times = held.len() as u64;
        context.task.board.update(context.task.slot, |e| e.counters.waits += times);
    }
    if !resumed.is_empty() {
        context.reader.resume(&resumed).map_err(|e| kafka_stop(&e))?;
    }
    for at in turned {
        let shard = &mut all[*at];
        shard.waits = !shard.waits;
        // Whoever waits is not at rest; the end of the log is reported again when it is read on.
        shard.at_end = None;
        tracing::debug!(log = %shard.id.log, waits = shard.waits, "aligned");
    }
    Ok(())
}

impl Group {
    fn new(context: &Context, shards: &Shards, source: usize, drift_ms: i64) -> Self {
        let plan = &context.task.plan;
        let exchanges = exchanges_of(plan, source);
        let meet =
            |other: &usize| *other == source || !exchanges_of(plan, *other).is_disjoint(&exchanges);
        let sources: BTreeSet<usize> = (0..plan.sources.len()).filter(meet).collect();
        let reads = |shard: &OwnedShard, wanted: &dyn Fn(Input) -> bool| {
            let stage = plan.stage(shard.id.stage);
            stage.and_then(|s| s.inputs.get(shard.input)).is_some_and(|input| wanted(input.input))
        };
        let places = |wanted: &dyn Fn(Input) -> bool| -> Vec<usize> {
            let all = shards.all.iter().enumerate();
            all.filter(|(_, shard)| reads(shard, wanted)).map(|(at, _)| at).collect()
        };
        let local = places(&|i| matches!(i, Input::Source(s) if sources.contains(&s)));
        let behind = places(&|i| matches!(i, Input::Exchange(e) if exchanges.contains(&e)));
        let own = places(&|i| i == Input::Source(source));
        let others = if behind.is_empty() {
            Vec::new() // nobody tells this slot of them
        } else {
            others_of(context, &sources, &local.iter().map(|at| &shards.all[*at].id.log).collect())
        };
        Self { drift_ms, own, local, behind, others, slowest_other: Slowest::Nobody }
    }

    /// Takes what the shards behind the exchanges have read of others.
    fn look_at_others(&mut self, all: &[OwnedShard], patient: bool) {
        for (_, known) in &mut self.others {
            *known = None;
        }
        for at in &self.behind {
            // Both are in the order of the logs.
            let mut others = self.others.iter_mut().peekable();
            let upstream = all[*at].flow.upstream().iter();
            for said in upstream.take_while(|said| said.stage == StageId(0)) {
                let name = (said.topic.as_str(), said.partition);
                let is_before = |log: &Log| (log.topic.as_str(), log.partition) < name;
                while others.next_if(|(log, _)| is_before(log)).is_some() {}
                let is_of = |log: &Log| (log.topic.as_str(), log.partition) == name;
                if let Some((_, known)) = others.next_if(|(log, _)| is_of(log)) {
                    let said = Known { watermark: said.watermark, idle: said.idle };
                    *known = Some(known.map_or(said, |known| known.newer(said)));
                }
            }
        }
        let known = |known: &Option<Known>| known.unwrap_or(Known::NOTHING);
        let paces = self.others.iter().map(|(_, of)| known(of).pace(patient));
        self.slowest_other = paces.min().unwrap_or(Slowest::Nobody);
    }

    /// Adds the places of the shards that begin or cease to wait.
    fn decide(
        &self,
        all: &mut [OwnedShard],
        patient: bool,
        turned: &mut Vec<usize>,
    ) -> Result<(), Stop> {
        let paces = self.local.iter().map(|at| known(&all[*at]).pace(patient));
        let slowest = paces.min().unwrap_or(Slowest::Nobody).min(self.slowest_other);
        for at in &self.own {
            let shard = &mut all[*at];
            if shard.log.is_none() {
                continue; // parked for a drain
            }
            if !shard.waits && known(shard).is_near(slowest, self.drift_ms) {
                shard.flush()?;
            }
            if known(shard).waits(slowest, self.drift_ms, shard.waits) != shard.waits {
                turned.push(*at);
            }
        }
        Ok(())
    }
}

/// A log of this slot, as far as its rows have been handed to the operators. One that was read to its end and had no
/// row is no more behind than an idle one.
fn known(shard: &OwnedShard) -> Known {
    let watermark = shard.flow.promised();
    let empty = watermark.is_none() && shard.at_end.is_some();
    Known { watermark, idle: shard.flow.is_idle() || empty }
}

/// The exchanges that rows of a source go to.
fn exchanges_of(plan: &JobPlan, source: usize) -> BTreeSet<usize> {
    let inputs = plan.stage(StageId(0)).into_iter().flat_map(|stage| &stage.inputs);
    let own = inputs.filter(|input| input.input == Input::Source(source));
    own.flat_map(|input| &input.pipelines).filter_map(dataflow::Pipeline::exchange).collect()
}

/// The logs of these sources but for the own ones, in order.
fn others_of(
    context: &Context,
    sources: &BTreeSet<usize>,
    own: &BTreeSet<&Log>,
) -> Vec<(Log, Option<Known>)> {
    let task = &context.task;
    let topic = |source: &usize| input_topic(&task.job, &task.plan, Input::Source(*source));
    let topics: BTreeSet<String> = sources.iter().filter_map(topic).collect();
    let stages = task.layout.stages.iter().filter(|stage| stage.stage == StageId(0));
    let logs = stages.flat_map(protocol::generation::StageLogs::logs);
    let others: BTreeSet<Log> =
        logs.filter(|log| topics.contains(&log.topic) && !own.contains(log)).collect();
    others.into_iter().map(|log| (log, None)).collect()
}
