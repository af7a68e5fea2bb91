//! A rollout moves part of the shards at a time, where parts can move by themselves.

use std::collections::BTreeMap;

use crds::ChangeClass;
use operator::apply::events::notices;
use operator::observed::{Contact, Observed};
use operator::orders::{Order, orders};
use protocol::admin::{ShardStatus, SlotPhase};
use protocol::{Log, StageId};

use crate::machine_table::next as next_memory;
use crate::orders_table::{moving, pod};
use crate::scenarios::{create, is_running};
use crate::world::{SHARDS, World};

const OLD: u64 = 7;
const NEW: u64 = 8;

/// Phases of the old pods and of the new ones, and what they are told.
type Case<'a> = ([Option<SlotPhase>; 2], [SlotPhase; 4], &'a [&'a str]);

/// A job with two pods that becomes one with four: old pods 0 and 1 give to new pods 0 and 2, and 1 and 3.
fn doubling(old: [Option<SlotPhase>; 2], new: [SlotPhase; 4]) -> Observed {
    let mut seen = moving(old[0], new[0], 0);
    let status = &mut seen.job.status;
    status.current.as_mut().unwrap().parallelism = 2;
    let next = status.next.as_mut().unwrap();
    (next.parallelism, next.change) = (4, Some(ChangeClass::Rescale));
    let pods = |generation: u64, phases: &[Option<SlotPhase>]| {
        let numbered = (0..).zip(phases);
        numbered.map(|(ordinal, phase)| pod(generation, ordinal, *phase)).collect::<Vec<_>>()
    };
    seen.sets.get_mut(&OLD).unwrap().pods = pods(OLD, &old);
    seen.sets.get_mut(&NEW).unwrap().pods = pods(NEW, &new.map(Some));
    for set in seen.sets.values_mut() {
        for pod in &mut set.pods {
            if let Contact::Answered(worker) = &mut pod.contact {
                // The fake of the table has two pods in its generation; what is told depends on phases alone.
                worker.slots.truncate(1);
            }
        }
    }
    seen
}

fn told(seen: &Observed) -> Vec<String> {
    let word = |order: &Order| match order {
        Order::Acquire(order) if order.take_over => "take over",
        Order::Acquire(_) => "acquire",
        Order::Release(_) => "release",
        _ => "something else",
    };
    let sent = orders(seen, &seen.job.status, false);
    sent.iter().map(|sent| format!("{} {}", sent.pod, word(&sent.order))).collect()
}

#[test]
fn the_second_move_begins_when_the_first_is_done() {
    use SlotPhase::{Acquiring, Released, Running, Warm, Warming};
    let first = ["j-g8-0 acquire", "j-g8-2 acquire", "j-g7-0 release"];
    let second = ["j-g8-1 acquire", "j-g8-3 acquire", "j-g7-1 release"];
    let (on, off) = (Some(Running), Some(Released));
    let cases: [Case<'_>; 7] = [
        ([on, on], [Warm; 4], &first),
        ([on, on], [Acquiring, Warm, Warm, Warm], &["j-g8-2 acquire", "j-g7-0 release"]),
        ([off, on], [Running, Warm, Acquiring, Warm], &["j-g8-2 take over"]),
        ([off, on], [Running, Warm, Running, Warm], &second),
        ([off, off], [Running; 4], &[]),
        // The first is not ready: the second goes before it.
        ([on, on], [Warming, Warm, Warm, Warm], &second),
        // Whoever has lost an owner does not wait for a turn.
        (
            [on, None],
            [Acquiring, Warm, Acquiring, Warm],
            &["j-g7-0 release", "j-g8-1 acquire", "j-g8-3 acquire"],
        ),
    ];
    for (old, new, want) in cases {
        assert_eq!(told(&doubling(old, new)), want, "{old:?} {new:?}");
    }
}

#[test]
fn what_cannot_be_told_apart_moves_together() {
    let all = || doubling([Some(SlotPhase::Running); 2], [SlotPhase::Warm; 4]);
    let changes: [fn(&mut Observed); 4] = [
        // Another plan is drained.
        |seen| seen.job.status.next.as_mut().unwrap().plan_fingerprint = "another".to_owned(),
        // Logs may be numbered anew.
        |seen| seen.job.status.next.as_mut().unwrap().change = Some(ChangeClass::Restart),
        // Two and three slots share with each other.
        |seen| {
            seen.job.status.next.as_mut().unwrap().parallelism = 3;
            seen.sets.get_mut(&NEW).unwrap().pods.truncate(3);
        },
        // It takes too long.
        |seen| {
            let since = seen.now.checked_sub(jiff::SignedDuration::from_mins(2)).unwrap();
            let since = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(since);
            seen.job.status.acquiring_since = Some(since);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut seen = all();
        change(&mut seen);
        let released = told(&seen).iter().filter(|told| told.ends_with("release")).count();
        assert_eq!(released, 2, "change {number}: {:?}", told(&seen));
    }
}

#[tokio::test]
async fn half_of_a_job_goes_on_while_the_other_half_moves() {
    let mut world = World::new();
    create(&world);
    world.settle(&mut |_| false).await;
    world.edit(|spec| spec["parallelism"] = 4.into());
    let mut owned: Vec<BTreeMap<u64, usize>> = Vec::new();
    world
        .settle(&mut |world| {
            owned.push(world.fleet.lock().unwrap().owned());
            false
        })
        .await;
    is_running(&world, 2, 4);
    let half = SHARDS as usize / 2;
    for owners in &owned {
        assert!(owners.values().sum::<usize>() >= half, "{owned:?}");
    }
    assert!(owned.contains(&BTreeMap::from([(1, half), (2, half)])), "{owned:?}");
}

#[test]
fn what_a_rollout_cost_is_remembered_and_told_once() {
    let mut seen = moving(Some(SlotPhase::Released), SlotPhase::Running, 1);
    let next = seen.job.status.next.as_mut().unwrap();
    (next.parallelism, next.slots_per_worker) = (1, 1);
    let Contact::Answered(worker) = &mut seen.sets.get_mut(&NEW).unwrap().pods[0].contact else {
        panic!("it answers")
    };
    let shard = |partition, gap_ms| ShardStatus {
        stage: StageId(0),
        log: Log::new("clicks", partition),
        committed: 0,
        end: None,
        watermark: None,
        idle: false,
        waits: false,
        gap_ms,
    };
    let gaps = [Some(70), Some(250), None, Some(90)];
    worker.slots[0].shards = (0..).zip(gaps).map(|(n, gap)| shard(n, gap)).collect();
    let after = next_memory(&seen);
    let rollout = after.rollout.clone().unwrap();
    assert_eq!((rollout.generation, rollout.shards), (NEW, 3));
    assert_eq!((rollout.gap_max_ms, rollout.gap_median_ms), (250, 90));
    let told = notices(&seen.job.status, &after);
    let message = "generation 8 took over 3 shards; nobody committed for 250 ms at most, 90 ms in \
                   the median";
    assert!(told.iter().any(|notice| notice.message == message), "{told:?}");
    assert_eq!(notices(&after, &after), []);
}
