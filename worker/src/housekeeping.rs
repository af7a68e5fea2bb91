//! What one process does for the whole job, beside its slots: garbage collection, and a look at the partitions and
//! the retention of the sources. It is the process that hosts slot 0, while that slot owns its shards; nothing depends
//! on it being on time.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use connectors::kafka::Position;
use connectors::turns;
use protocol::acquire::Stop;
use protocol::admin::SlotPhase;
use protocol::generation::Layout;
use protocol::reason::Reason;
use protocol::{Log, SlotIndex, StageId};
use tokio::runtime::Handle;

use crate::cluster::{Cluster, retrying};
use crate::gc;
use crate::host::{Host, Hosting};
use crate::limits::{LOOKS_PER_COLLECTION, PARTITIONS_LOOK_INTERVAL};
use crate::retention::{self, Cuts};

const FIRST: SlotIndex = SlotIndex(0);

/// Starts the thread, where this process hosts slot 0.
pub(crate) fn start(hosting: &Hosting) -> Result<(), Stop> {
    if !hosting.own.contains(&FIRST) {
        return Ok(());
    }
    let (hosting, runtime) = (hosting.clone(), Handle::current());
    let failed = |e| Stop::new(Reason::CapacityUnavailable, format!("no thread: {e}"));
    let body = move || keep(&hosting, &runtime);
    thread::Builder::new().name("housekeeping".to_owned()).spawn(body).map(drop).map_err(failed)
}

fn keep(hosting: &Hosting, runtime: &Handle) {
    let mut cuts = Cuts::default();
    for look in 1u32.. {
        if wait(hosting, PARTITIONS_LOOK_INTERVAL) {
            return;
        }
        if !runs(hosting) {
            continue;
        }
        // Opened each time: a connection for a minute of silence is worth less than its upkeep.
        let done = Cluster::open(&hosting.job, runtime.clone()).and_then(|cluster| {
            look_at_partitions(hosting, &cluster)?;
            if look.is_multiple_of(LOOKS_PER_COLLECTION) {
                let mut collected =
                    gc::collect(&hosting.job, &cluster, standing(hosting), turns::now_ms())?;
                let needed = std::mem::take(&mut collected.needed);
                tracing::info!(?collected, "garbage");
                look_at_retention(hosting, &cluster, &needed, &mut cuts)?;
            }
            Ok(())
        });
        if let Err(stop) = done {
            tracing::warn!(reason = %stop.reason, "housekeeping: {}", stop.message);
        }
    }
}

/// Waits, at most until the process is told to end. Was it?
fn wait(hosting: &Hosting, at_most: Duration) -> bool {
    let until = Instant::now() + at_most;
    loop {
        if hosting.orders.standing().terminate {
            return true;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        hosting.orders.wait(left);
    }
}

/// A pod is told by the operator; a job in one process has nobody who would go back.
fn standing(hosting: &Hosting) -> gc::Standing {
    match hosting.host {
        Host::Pod if hosting.orders.standing().proven => gc::Standing::Proven,
        Host::Pod => gc::Standing::OnTrial,
        Host::Alone => gc::Standing::Unjudged,
    }
}

fn runs(hosting: &Hosting) -> bool {
    let entries = hosting.board.entries(false);
    entries.iter().any(|e| e.status.slot == FIRST && e.status.phase == SlotPhase::Running)
}

/// S4: partitions that no shard of this generation reads are said aloud. Reading them takes a new generation, which the
/// operator begins when it hears of them; with a claim it takes the user's word.
fn look_at_partitions(hosting: &Hosting, cluster: &Cluster) -> Result<(), Stop> {
    let names: Vec<&str> = hosting.plan.sources.iter().map(|s| s.topic.as_str()).collect();
    let infos = retrying(|| cluster.admin.topics(&names))?;
    let now: BTreeMap<String, u32> =
        infos.into_iter().flatten().map(|info| (info.name, info.partitions)).collect();
    hosting.board.set_source_partitions(now.clone());
    for (topic, has, reads) in grown(&hosting.layout, &now) {
        let claimed = hosting
            .job
            .spec
            .sources
            .iter()
            .any(|s| s.topic.as_str() == topic && s.partitioned_by.is_some());
        let reason = claimed.then_some(Reason::SourcePartitionsChanged);
        let message = format!(
            "the topic '{topic}' has {has} partitions, this generation reads {reads}; the next one reads all of them"
        );
        tracing::warn!("{message}");
        hosting.board.note(FIRST, |entry| {
            if entry.status.reason.is_none() {
                entry.status.reason = reason;
                entry.status.message = Some(message);
            }
        });
    }
    Ok(())
}

/// S5: a source log that may lose what the newest checkpoint needs before the next one is said aloud.
fn look_at_retention(
    hosting: &Hosting,
    cluster: &Cluster,
    needed: &BTreeMap<Log, i64>,
    cuts: &mut Cuts,
) -> Result<(), Stop> {
    let sources = hosting.layout.shards().filter(|id| id.stage == StageId(0));
    let logs: Vec<Log> = sources.map(|id| id.log).collect();
    let starts = retrying(|| cluster.admin.offsets(&logs, Position::Earliest))?;
    let near = cuts.look(&logs.into_iter().zip(starts).collect(), needed);
    if let Some(text) = &near {
        tracing::warn!("{text}");
    }
    hosting.board.note(FIRST, |entry| retention::say(&mut entry.status, near));
    Ok(())
}

/// Sources with more partitions than the layout: topic, has, reads.
fn grown(layout: &Layout, now: &BTreeMap<String, u32>) -> Vec<(String, u32, u32)> {
    let topics = layout.stage(StageId(0)).into_iter().flat_map(|s| &s.topics);
    topics
        .filter_map(|topic| {
            let has = *now.get(&topic.topic)?;
            (has > topic.partitions).then(|| (topic.topic.clone(), has, topic.partitions))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use protocol::generation::{StageLogs, TopicPartitions};

    use super::*;

    #[test]
    fn only_sources_that_have_grown_are_named() {
        let topic = |topic: &str, partitions| TopicPartitions { topic: topic.into(), partitions };
        let stage = |id, topics| StageLogs { stage: StageId(id), topics };
        let layout = Layout {
            stages: vec![
                stage(0, vec![topic("a", 3), topic("b", 3), topic("gone", 1)]),
                stage(1, vec![topic("x", 1)]),
            ],
        };
        let now = [("a", 3), ("b", 5), ("x", 9)].map(|(t, n)| (t.to_owned(), n));
        assert_eq!(grown(&layout, &BTreeMap::from(now)), [("b".to_owned(), 5, 3)]);
    }
}
