//! `slot`: the slots of one pod. Warms up and waits for orders.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use protocol::acquire::Stop;
use protocol::admin::AcquireOrder;
use protocol::generation::Layout;
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use protocol::{Generation, ShardId, SlotIndex, assignment};
use tokio::runtime::Handle;

use crate::args::SlotArgs;
use crate::board::Board;
use crate::cluster::{Cluster, retrying};
use crate::exit::LastWords;
use crate::history::JobHistory;
use crate::host::{self, Host, Hosting};
use crate::job::Job;
use crate::orders::Orders;
use crate::planning::{self, layout};
use crate::run;

/// Runs the slots of this pod until told to end.
pub fn slot(args: &SlotArgs, runtime: &Handle, before: Option<LastWords>) -> Result<(), Stop> {
    let token = args.job.secrets_dir.join("admin/token");
    let listen =
        run::listen(&args.listen, Ipv4Addr::UNSPECIFIED.into(), Some(&token))?.checked()?;
    let ordinal = ordinal(args.ordinal, args.pod_name.as_deref())?;
    let own = own_slots(ordinal, args.slots_per_worker, args.slots)?;
    let job = Arc::new(Job::load(&args.job.job, &args.job.secrets_dir)?);
    let generation = Generation(args.generation);
    let cluster = Cluster::open(&job, runtime.clone())?;
    cluster.probe(&job)?;
    let partitions = match args.exchange_partitions {
        Some(partitions) => partitions,
        None => planning::known_exchange_partitions(&job, &cluster)?.ok_or_else(|| {
            let message = "the job has no plan object: run `streamjob-worker plan --apply` first";
            Stop::new(Reason::InvalidSpec, message)
        })?,
    };
    let plan = planning::replan(&job, partitions)?;
    let layout = read_layout(args, &job, &plan, &cluster, generation)?;
    layout::fits(&layout, &plan, &job.names)?;
    assignment::check_slots(&layout, args.slots)
        .map_err(|e| Stop::new(Reason::TooManySlots, e.to_string()))?;
    planning::grow_control_topic(&job, &cluster, args.slots)?;
    let again = owned_before(&job, &cluster, &layout, generation, (&own, args.slots))?;
    drop(cluster);
    let orders = Arc::new(Orders::default());
    if args.acquire_now || again {
        tracing::info!(again, "acquiring without waiting for an order");
        orders.change(|o| o.acquire = Some(AcquireOrder { generation, take_over: false }));
    }
    fs::create_dir_all(&args.state_dir).map_err(|e| run::folder(&args.state_dir, &e))?;
    let hosting = Hosting {
        job,
        plan,
        layout,
        generation,
        slots: args.slots,
        own,
        state_dir: args.state_dir.clone(),
        orders,
        board: Arc::new(Board::default()),
        host: Host::Pod,
    };
    runtime.block_on(host::host(hosting, listen, before))
}

/// Has a slot of this pod claimed shards for this generation and not released them? Then the order to acquire has been
/// given, and a restart is the same act again: the job must not wait for the operator. What was released or sealed
/// stays so until a new order.
fn owned_before(
    job: &Job,
    cluster: &Cluster,
    layout: &Layout,
    generation: Generation,
    (own, slots): (&[SlotIndex], u32),
) -> Result<bool, Stop> {
    let shards: Vec<ShardId> =
        own.iter().flat_map(|slot| assignment::shards_of(layout, slots, *slot)).collect();
    let committed = cluster.committed(job, &shards)?;
    Ok(committed.values().any(|(_, text)| is_owned(text, generation, own)))
}

fn is_owned(text: &str, generation: Generation, own: &[SlotIndex]) -> bool {
    // What does not decode is judged by the slot itself.
    OffsetMetadata::decode(text)
        .is_ok_and(|m| m.generation == generation && own.contains(&m.slot) && !m.released)
}

/// The number of the pod within its set: given, or at the end of its name.
fn ordinal(given: Option<u32>, pod_name: Option<&str>) -> Result<u32, Stop> {
    let from_name = || pod_name?.rsplit_once('-')?.1.parse().ok();
    given.or_else(from_name).ok_or_else(|| {
        let message = "neither --ordinal nor a POD_NAME that ends in a number is given";
        Stop::new(Reason::InvalidSpec, message)
    })
}

/// The slots of a pod: consecutive ones; the last pod may have fewer.
fn own_slots(ordinal: u32, per_worker: u32, total: u32) -> Result<Vec<SlotIndex>, Stop> {
    let first = u64::from(ordinal) * u64::from(per_worker);
    let end = (first + u64::from(per_worker)).min(u64::from(total));
    if first >= end {
        let message = format!(
            "pod {ordinal} with {per_worker} slots per worker is beyond the {total} slots of the generation"
        );
        return Err(Stop::new(Reason::InvalidSpec, message));
    }
    Ok((first as u32..end as u32).map(SlotIndex).collect())
}

/// The logs of every stage, the same in every pod of a generation: as the operator gives them, else as the
/// generation's object has them, else as the brokers show them. Never fewer than an earlier generation reads.
fn read_layout(
    args: &SlotArgs,
    job: &Job,
    plan: &dataflow::JobPlan,
    cluster: &Cluster,
    generation: Generation,
) -> Result<Layout, Stop> {
    let history = cluster.wait(JobHistory::read(&cluster.store, &job.keys))?;
    if let Some(object) = history.generations.iter().find(|g| g.generation == generation) {
        return Ok(object.layout.clone());
    }
    let beside = args.job.job.with_file_name("layout.json");
    let file = args.layout.clone().or_else(|| beside.exists().then_some(beside));
    let found = if let Some(path) = file {
        parse_layout(&path)?
    } else {
        let names: Vec<&str> = plan.sources.iter().map(|s| s.topic.as_str()).collect();
        let infos = retrying(|| cluster.admin.topics(&names))?;
        let partitions =
            infos.into_iter().flatten().map(|info| (info.name, info.partitions)).collect();
        layout::layout(plan, &job.names, &partitions)?
    };
    let earlier = history.generations.iter().filter(|g| g.generation < generation);
    Ok(match earlier.max_by_key(|g| g.generation) {
        Some(earlier) => layout::at_least(found, &earlier.layout),
        None => found,
    })
}

fn parse_layout(path: &Path) -> Result<Layout, Stop> {
    let wrong = |why: String| {
        Stop::new(Reason::InvalidSpec, format!("the layout file {}: {why}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ordinal_is_given_or_ends_the_name_of_the_pod() {
        for (given, name, expected) in [
            (Some(4), Some("job-g2-1"), Some(4)),
            (None, Some("job-g2-1"), Some(1)),
            (None, Some("job-g2-12"), Some(12)),
            (None, Some("job-g2"), None),
            (None, Some("job"), None),
            (None, None, None),
        ] {
            assert_eq!(ordinal(given, name).ok(), expected, "{name:?}");
        }
    }

    #[test]
    fn only_what_was_claimed_and_not_released_is_taken_again() {
        let text = |generation, slot, released| {
            OffsetMetadata {
                generation: Generation(generation),
                slot: SlotIndex(slot),
                commit: protocol::CommitNumber(1),
                nonce: protocol::Nonce::from_bits(1),
                manifest: None,
                released,
                cursor: None,
                clock: None,
            }
            .encode()
        };
        for (text, expected) in [
            (text(3, 1, false), true),
            (text(3, 1, true), false),
            (text(3, 7, false), false),
            (text(2, 1, false), false),
            ("foreign".to_owned(), false),
        ] {
            let owned = is_owned(&text, Generation(3), &[SlotIndex(0), SlotIndex(1)]);
            assert_eq!(owned, expected, "{text}");
        }
    }

    #[test]
    fn slots_are_consecutive_and_the_last_pod_may_have_fewer() {
        for (ordinal, per_worker, total, expected) in [
            (0, 2, 5, Some(vec![0, 1])),
            (2, 2, 5, Some(vec![4])),
            (3, 2, 5, None),
            (0, 8, 5, Some(vec![0, 1, 2, 3, 4])),
            (u32::MAX, u32::MAX, 5, None),
        ] {
            let slots = own_slots(ordinal, per_worker, total).ok();
            let slots = slots.map(|s| s.into_iter().map(|s| s.0).collect::<Vec<_>>());
            assert_eq!(slots, expected, "pod {ordinal}");
        }
    }
}
