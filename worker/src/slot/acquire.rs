//! Acquire (O3), step by step. From here only forward: whatever goes wrong ends the process, and the next start is
//! this same act again.

use std::collections::BTreeMap;
use std::time::Duration;

use connectors::faults::{self, Point};
use connectors::turns;
use connectors::{Burst, KafkaErrorKind, Store};
use protocol::ShardId;
use protocol::acquire::{History, PendingSeal, StartPoint, Stop, start_point};
use protocol::admin::SlotPhase;
use protocol::generation::GenerationObject;
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use protocol::restore::same_emission;

use super::advance::leads_to;
use super::committer::Committer;
use super::context::Context;
use super::former::{Former, RELEASE_POLL};
use super::kafka_stop;
use super::other::restore_or_older;
use super::progress::Progress;
use super::replace::{replace_producer, replace_unread};
use super::replay::Shards;
use super::restore::Manifests;
use super::shard::Committed;
use super::warm::READ_TIMEOUT;
use crate::history::JobHistory;

/// How long reads that must be stable may stay pending before the process starts over.
const STABLE_READ_MAX: Duration = Duration::from_mins(1);
/// Nonces that may not be committed cleanly before the process starts over.
const NONCES_MAX: usize = 10;

/// What a slot owns after its claim.
pub(crate) struct Owned {
    pub(crate) shards: Shards,
    pub(crate) committer: Committer,
    pub(crate) progress: Progress,
}

/// Owns the shards of the slot: fence, read, restore, replay, claim.
pub(crate) fn acquire(context: &mut Context, mut warmed: Shards) -> Result<Owned, Stop> {
    context.phase(SlotPhase::Acquiring);
    let mut former = Former::watch(context);
    for stage in context.stages() {
        context.offsets.prepare(&context.task.job.names.group(stage));
    }
    faults::before(Point::AcquireGeneration);
    create_generation(context)?; // 1
    faults::after(Point::AcquireGeneration);
    tracing::debug!("the generation exists");
    faults::before(Point::AcquireProducer);
    let mut committer = Committer::open(context)?; // 2
    faults::after(Point::AcquireProducer);
    tracing::debug!("the producer has its id");
    faults::before(Point::AcquireList);
    let history = list(context, &context.store)?; // 3
    faults::after(Point::AcquireList);
    former.fence(context, &mut warmed, &history)?; // 4
    tracing::debug!("former owners are fenced");
    let read = read_fresh(context, &mut committer)?; // 5
    tracing::debug!("what is committed is read");
    let starts = decide(context, &history, &read)?;
    let mut shards = bring_up_or_anew(context, warmed, &starts)?; // 6
    tracing::debug!("state is as it was committed");
    let mut progress = Progress::new(context, &history.manifest_names);
    claim(context, &mut committer, &mut shards, &mut progress)?; // 7
    unseal(context, &history)?;
    for shard in &mut shards.all {
        shard.gap_ms = former.gap_ms(&shard.id);
    }
    let longest = shards.all.iter().filter_map(|shard| shard.gap_ms).max();
    context.task.board.update(context.task.slot, |e| e.status.gap_ms = longest);
    shards.assign(context)?;
    Ok(Owned { shards, committer, progress })
}

/// Step 1: the generation exists, with this content or not at all.
fn create_generation(context: &Context) -> Result<(), Stop> {
    let task = &context.task;
    let object = GenerationObject {
        format: 1,
        generation: task.generation,
        slots: task.slots,
        assignment_version: protocol::assignment::ASSIGNMENT_VERSION,
        plan_fingerprint: task.plan.fingerprint.clone(),
        layout: task.layout.clone(),
    };
    context.block_on(JobHistory::create_generation(&context.store, &task.job.keys, &object))
}

/// Step 3 and C6: what the store knows of the job; a greater generation ends this one.
pub(crate) fn list(context: &Context, store: &Store) -> Result<JobHistory, Stop> {
    let task = &context.task;
    let history = context.block_on(JobHistory::read(store, &task.job.keys))?;
    protocol::acquire::after_list(task.generation, &history.numbers())?;
    Ok(history)
}

/// Step 5: reads the own shards for real, with a proof that the answer is fresh: a nonce committed to the own
/// partition of the control topic must come back in the same request.
pub(crate) fn read_fresh(
    context: &Context,
    committer: &mut Committer,
) -> Result<BTreeMap<ShardId, (i64, String)>, Stop> {
    let job = &context.task.job;
    let control = protocol::Log::new(job.names.control_topic(), context.task.slot.0 as i32);
    let nonce = commit_nonce(context, committer, &control)?;
    tracing::debug!("the nonce is committed");
    faults::before(Point::AcquireRead);
    let began = turns::now();
    let mut read = BTreeMap::new();
    for stage in context.stages() {
        let mut logs = vec![control.clone()];
        logs.extend(context.logs_of(stage));
        let group = job.names.group(stage);
        loop {
            match context.offsets.committed(&group, &logs, true, READ_TIMEOUT) {
                Ok(found) if found[0].as_ref().is_some_and(|(_, text)| *text == nonce) => {
                    for (log, committed) in logs.iter().zip(found).skip(1) {
                        if let Some(committed) = committed {
                            read.insert(ShardId { stage, log: log.clone() }, committed);
                        }
                    }
                    break;
                }
                Err(error) if error.kind != KafkaErrorKind::Pending => {
                    return Err(kafka_stop(&error));
                }
                _ if turns::since(began) > STABLE_READ_MAX => {
                    return Err(Stop::new(
                        Reason::BrokerUnreachable,
                        format!("no fresh, stable answer for the offsets of group {group}"),
                    ));
                }
                _ => context.seen(),
            }
        }
    }
    faults::after(Point::AcquireRead);
    Ok(read)
}

/// Commits a new nonce. One that was not clean (C5) may have left a request behind: the next one is another, under a
/// new producer.
fn commit_nonce(
    context: &Context,
    committer: &mut Committer,
    control: &protocol::Log,
) -> Result<String, Stop> {
    for _ in 0..NONCES_MAX {
        let nonce = crate::nonce::draw().to_string();
        let mut burst = Burst::default();
        for stage in context.stages() {
            let group = context.task.job.names.group(stage);
            burst.push_offset(&group, control.clone(), 0, nonce.clone());
        }
        faults::before(Point::AcquireNonce);
        let clean = committer.commit(burst, "the nonce of the control topic")?;
        faults::after(Point::AcquireNonce);
        if clean {
            return Ok(nonce);
        }
        replace_unread(context, committer)?;
    }
    Err(Stop::new(
        Reason::BrokerUnreachable,
        format!("{NONCES_MAX} commits to {control} were slow or lost their connection"),
    ))
}

fn decide(
    context: &Context,
    history: &JobHistory,
    read: &BTreeMap<ShardId, (i64, String)>,
) -> Result<BTreeMap<ShardId, StartPoint>, Stop> {
    let task = &context.task;
    let own = (task.generation, task.slot);
    let seal = history.pending_seal(task.generation);
    let first = history.first_seal();
    context
        .shards
        .iter()
        .map(|id| {
            let known = History {
                job_uid: &task.job.uid,
                seal: seal.as_ref(),
                first: first.as_ref(),
                counted_before: history.counted_before(own, id),
            };
            let start = start_point(own, id, read.get(id), known)?;
            if let Some((_, text)) = read.get(id) {
                let committed = OffsetMetadata::decode(text)
                    .map_err(|e| Stop::new(Reason::OffsetsMovedByOther, e.to_string()))?;
                same_emission(id, &committed, &history.generations, &task.plan.fingerprint)?;
            }
            Ok((id.clone(), start))
        })
        .collect()
}

/// Step 6. Logs are kept for whoever restores from what is named, not for a follower that has not come so far: where
/// such a one finds its log cut, all is restored.
fn bring_up_or_anew(
    context: &mut Context,
    warmed: Shards,
    starts: &BTreeMap<ShardId, StartPoint>,
) -> Result<Shards, Stop> {
    let was_warm = !warmed.all.is_empty();
    match bring_up(context, warmed, starts) {
        Err(stop) if was_warm && stop.reason == Reason::ReplayGapLost => {
            tracing::info!("{}; restoring from what is named", stop.message);
            bring_up(context, Shards::default(), starts)
        }
        other => other,
    }
}

/// Restores what was not warmed up and replays muted to the committed offsets.
fn bring_up(
    context: &mut Context,
    warmed: Shards,
    starts: &BTreeMap<ShardId, StartPoint>,
) -> Result<Shards, Stop> {
    let mut manifests = Manifests::default();
    let mut warmed = warmed.into_unassigned(context)?;
    let mut all = Vec::new();
    for (id, start) in starts {
        let usable = |s: &super::shard::OwnedShard| {
            s.id == *id && s.position <= start.offset && start.committed && start.cursor.is_none()
        };
        let usable = match warmed.iter().position(usable) {
            Some(at) => {
                let shard = warmed.swap_remove(at);
                let named = start.manifest.as_ref().map(|(uid, name)| (uid.as_str(), name));
                let follows = named
                    .map_or(Ok(true), |named| leads_to(context, &mut manifests, &shard, named));
                follows?.then_some(shard)
            }
            None => None,
        };
        let mut shard = if let Some(mut shard) = usable {
            let named = start.manifest.as_ref().map(|(_, name)| name.clone());
            if shard.committed.manifest != named {
                // The chain that it was warmed from may go at any time: the next checkpoint starts a new one.
                shard.chain.rebase = true;
                shard.flow.mark_all_changed();
            }
            shard
        } else {
            let mut shard = context.new_shard(id)?;
            faults::before(Point::AcquireRestore);
            restore_or_older(context, &mut manifests, &mut shard, start)?;
            faults::after(Point::AcquireRestore);
            shard
        };
        shard.keep_clock(start.clock);
        shard.bound = Some(start.offset);
        shard.committed = committed_at(start, &context.task.job.uid);
        shard.start = Some(start.clone());
        all.push(shard);
        context.seen();
    }
    let mut shards = Shards::new(all);
    faults::before(Point::AcquireReplay);
    shards.replay(context)?;
    faults::after(Point::AcquireReplay);
    shards.all.iter_mut().try_for_each(super::shard::OwnedShard::end_replay)?;
    Ok(shards)
}

/// What the newest commit of a shard said.
fn committed_at(start: &StartPoint, own_uid: &str) -> Committed {
    let named = start.manifest.as_ref().filter(|(uid, _)| uid == own_uid);
    Committed {
        offset: start.offset,
        number: start.commit,
        manifest: named.map(|(_, name)| name.clone()),
        cursor_open: start.cursor.is_some(),
        clock: start.clock,
        at: turns::now(),
    }
}

/// Step 7: one commit that changes nothing but the owner.
fn claim(
    context: &Context,
    committer: &mut Committer,
    shards: &mut Shards,
    progress: &mut Progress,
) -> Result<(), Stop> {
    let mut burst = Burst::default();
    for (index, shard) in shards.all.iter().enumerate() {
        let cursor = shard.start.as_ref().and_then(|s| s.cursor);
        progress.push_offset(context, &mut burst, (index, shard), cursor, false);
    }
    faults::before(Point::AcquireClaim);
    let clean = committer.commit(burst, "the claim")?;
    faults::after(Point::AcquireClaim);
    progress.committed(&mut shards.all);
    if clean { Ok(()) } else { replace_producer(context, committer, &shards.all) }
}

/// S2: nobody processes before every shard of the job is claimed and the seal is history.
fn unseal(context: &Context, history: &JobHistory) -> Result<(), Stop> {
    let Some(PendingSeal { generation: sealed, .. }) =
        history.pending_seal(context.task.generation)
    else {
        return Ok(());
    };
    let key = context.task.job.keys.unsealed(sealed);
    let body = context.task.generation.to_string();
    loop {
        if context.block_on(JobHistory::exists(&context.store, &key))? {
            return Ok(());
        }
        if all_claimed(context)? {
            faults::before(Point::AcquireUnseal);
            context.block_on(JobHistory::create(&context.store, &key, body.clone().into()))?;
            faults::after(Point::AcquireUnseal);
        } else {
            context.seen();
            context.task.orders.wait(RELEASE_POLL);
            if context.task.orders.standing().terminate {
                return Err(Stop::new(Reason::Superseded, "told to end while other slots claim"));
            }
        }
    }
}

fn all_claimed(context: &Context) -> Result<bool, Stop> {
    let task = &context.task;
    for stage in &task.layout.stages {
        let logs: Vec<_> = stage.logs().collect();
        let group = task.job.names.group(stage.stage);
        let found = context
            .offsets
            .committed(&group, &logs, false, READ_TIMEOUT)
            .map_err(|e| kafka_stop(&e))?;
        let claimed = |committed: &Option<(i64, String)>| {
            let metadata = committed.as_ref().map(|(_, text)| OffsetMetadata::decode(text));
            matches!(metadata, Some(Ok(m)) if m.generation >= task.generation)
        };
        if !found.iter().all(claimed) {
            return Ok(false);
        }
    }
    Ok(true)
}
