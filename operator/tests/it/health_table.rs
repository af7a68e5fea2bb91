//! Is a generation any good, and what follows when it is not.

use std::time::Duration;

use crds::{FiguresStatus, GenerationStatus, HealthyStatus, PlanStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use operator::machine::health::{Health, judge, later_ms, why_closed, worse};
use operator::observed::{Contact, Observed, SetView};
use protocol::admin::{CheckpointStatus, ShardStatus, SlotPhase};
use protocol::reason::Reason;
use protocol::{CheckpointNumber, Log, StageId};

use crate::machine_table::{next, number, running};
use crate::objects::job;
use crate::orders_table::pod;

const NUMBER: u64 = 7;
const WITHIN: Duration = Duration::from_mins(5);

/// What a slot says of itself.
#[derive(Clone, Copy, Debug)]
enum Says {
    Checkpointed,
    NoCheckpoint,
    Nothing,
    Broken(Reason),
}

fn manifest() -> protocol::manifest::ManifestName {
    let nonce = protocol::Nonce::from_bits(1);
    let slot = protocol::SlotIndex(0);
    let generation = protocol::Generation(NUMBER);
    protocol::manifest::ManifestName { generation, slot, number: CheckpointNumber(1), nonce }
}

/// A generation of one slot that took over so long ago.
fn seen(seconds: i64, phase: SlotPhase, says: Says, restarts: u32) -> (Observed, GenerationStatus) {
    let mut seen = running(&job(1));
    let mut generation = seen.job.status.current.clone().unwrap();
    generation.parallelism = 1;
    let since = seen.now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap();
    generation.claimed_at = Some(Time(since));
    let answers = !matches!(says, Says::Nothing);
    let mut pod = pod(NUMBER, 0, answers.then_some(phase));
    pod.restarts = restarts;
    if let Contact::Answered(worker) = &mut pod.contact {
        let slot = &mut worker.slots[0];
        slot.shards.push(ShardStatus {
            stage: StageId(0),
            log: Log::new("clicks", 0),
            committed: 1,
            end: None,
            watermark: None,
            idle: false,
            waits: false,
            gap_ms: None,
        });
        match says {
            Says::Checkpointed => {
                slot.checkpoint = Some(CheckpointStatus {
                    number: CheckpointNumber(1),
                    manifest: manifest(),
                    completed_at: 0,
                    bytes: 1,
                    duration_ms: 1,
                });
            }
            Says::Broken(reason) => slot.reason = Some(reason),
            Says::NoCheckpoint | Says::Nothing => {}
        }
    }
    seen.sets.insert(NUMBER, SetView { replicas: Some(1), pods: vec![pod], problem: None });
    (seen, generation)
}

#[test]
fn a_generation_proves_itself_by_checkpoints_and_time() {
    use SlotPhase::{Acquiring, Blocked, Running};
    let (end, early) = (300, 299);
    let cases = [
        (59, Running, Says::Checkpointed, 0, None),
        (60, Running, Says::Checkpointed, 0, Some("Proven")),
        // It has crashed before, and runs now.
        (60, Running, Says::Checkpointed, 5, Some("Proven")),
        (early, Running, Says::NoCheckpoint, 0, None),
        (end, Running, Says::NoCheckpoint, 0, Some("CheckpointFailed")),
        (early, Acquiring, Says::NoCheckpoint, 2, None),
        (1, Acquiring, Says::NoCheckpoint, 3, Some("CrashLoop")),
        (1, Running, Says::Nothing, 3, Some("CrashLoop")),
        (early, Running, Says::Nothing, 0, None),
        (end, Running, Says::Nothing, 0, Some("CrashLoop")),
        (early, Blocked, Says::Broken(Reason::BadRecord), 0, None),
        (end, Blocked, Says::Broken(Reason::BadRecord), 0, Some("BadRecord")),
        // Another spec would not bring the broker back.
        (end, Blocked, Says::Broken(Reason::BrokerUnreachable), 0, None),
        (end, Running, Says::Broken(Reason::StoreUnreachable), 0, None),
    ];
    for (seconds, phase, says, restarts, want) in cases {
        let (seen, generation) = seen(seconds, phase, says, restarts);
        let found = match judge(&seen, &generation, WITHIN) {
            Health::Open => None,
            Health::Proven => Some("Proven"),
            Health::Unhealthy(reason, _) => Some(reason.as_str()),
        };
        assert_eq!(found, want, "{seconds} s, {phase:?}, {says:?}, {restarts} restarts");
    }
}

#[test]
fn a_crash_loop_is_told_with_its_last_end_while_the_pod_runs_again() {
    let (mut seen, generation) = seen(1, SlotPhase::Acquiring, Says::NoCheckpoint, 3);
    let pod = &mut seen.sets.get_mut(&NUMBER).unwrap().pods[0];
    pod.ready = false;
    pod.last_end = Some("exit code 101; its log ends with: oh".to_owned());
    let want = "j-g7-0 has ended 3 times: exit code 101; its log ends with: oh";
    assert_eq!(
        judge(&seen, &generation, WITHIN),
        Health::Unhealthy(Reason::CrashLoop, want.to_owned())
    );
    seen.job.status.current = Some(generation);
    let target = operator::validate::target(&seen, &crate::plan_table::settings());
    let said = operator::status::situation(&seen, &target, &seen.job.status);
    assert_eq!(said.degraded, Some((Reason::CrashLoop, want.to_owned())));
    assert!(!said.ready);
}

/// A job whose healthy generation 6 was followed by generation 7 of another spec, which crashes.
fn after_an_edit() -> Observed {
    let (mut seen, current) = seen(1, SlotPhase::Acquiring, Says::NoCheckpoint, 3);
    let plan = seen.job.status.plan.clone().unwrap();
    let before = GenerationStatus {
        number: 6,
        parallelism: 2,
        spec_digest: "of the spec before".to_owned(),
        claimed_at: None,
        ..current.clone()
    };
    seen.job.status.healthy = Some(HealthyStatus { generation: before, plan });
    seen.job.status.current = Some(current);
    seen
}

#[test]
fn an_unhealthy_generation_is_followed_by_the_spec_before() {
    let mut seen = after_an_edit();
    let memory = next(&seen);
    let refused = memory.refused.clone().expect("the spec is given up");
    assert_eq!(refused.reason, "RolledBack");
    for named in ["generation 7", "CrashLoop", "generation 6"] {
        assert!(refused.message.contains(named), "{}", refused.message);
    }
    let back = memory.next.clone().expect("a way back");
    assert_eq!((back.number, back.parallelism), (8, 2));
    assert_eq!(back.spec_digest, "of the spec before");
    // It has taken over: nothing more is done, however the wanted spec reads.
    seen.job.status = memory;
    seen.job.status.current = seen.job.status.next.take();
    assert_eq!(next(&seen), seen.job.status);
    // Suspended and resumed, it is the spec before that comes back.
    seen.job.status.sealed = Some(8);
    let memory = next(&seen);
    assert_eq!(number(memory.next.as_ref()), Some(9));
    assert_eq!(memory.next.unwrap().spec_digest, "of the spec before");
}

#[test]
fn nothing_is_gone_back_to_where_nothing_was_healthy() {
    let mut seen = after_an_edit();
    seen.job.status.healthy = None;
    assert_eq!(next(&seen), seen.job.status);
    let mut same = after_an_edit();
    let current = same.job.status.current.clone().unwrap();
    same.job.status.healthy.as_mut().unwrap().generation.spec_digest = current.spec_digest;
    assert_eq!(next(&same), same.job.status, "the same spec would do the same");
}

#[test]
fn a_take_over_that_crashes_is_gone_back_from_as_well() {
    let mut seen = after_an_edit();
    let status = &mut seen.job.status;
    status.next = status.current.take();
    status.acquiring = Some(NUMBER);
    status.current = status.healthy.clone().map(|healthy| healthy.generation);
    let memory = next(&seen);
    assert_eq!(number(memory.current.as_ref()), Some(NUMBER));
    assert_eq!(number(memory.next.as_ref()), Some(8));
    assert_eq!(memory.refused.unwrap().reason, "RolledBack");
}

#[test]
fn a_generation_that_does_worse_than_the_one_before_is_not_proven() {
    // lag, watermark, rows, bad rows
    let figures = |(lag, watermark_ms, rows, bad_rows): (u64, Option<i64>, u64, u64)| {
        FiguresStatus { lag, watermark_ms, rows, bad_rows }
    };
    let before = (1_000, Some(5_000), 100_000, 100);
    let cases = [
        ("as before", before, (1_000, Some(6_000), 200_000, 200), None),
        ("behind by the take-over", before, (20_000, Some(6_000), 200_000, 200), None),
        ("far behind", before, (900_000, Some(6_000), 200_000, 200), Some(Reason::LagGrew)),
        ("behind it was", (500_000, Some(5_000), 9, 0), (900_000, Some(6_000), 99, 0), None),
        ("at a stand", before, (10, Some(5_000), 100_001, 100), Some(Reason::WatermarkStuck)),
        ("set back", before, (10, None, 100_001, 100), Some(Reason::WatermarkStuck)),
        ("at rest", before, (0, Some(5_000), 100_000, 100), None),
        ("no event time", (9, None, 10, 0), (9, None, 20, 0), None),
        ("bad", before, (10, Some(6_000), 110_000, 400), Some(Reason::MoreBadRecords)),
        ("as bad", (0, None, 100, 50), (10, None, 200, 100), None),
        ("set back by a replay", before, (10, Some(6_000), 90_000, 90), None),
    ];
    for (what, before, now, want) in cases {
        let after = Duration::from_mins(1);
        let found = worse(&figures(before), &figures(now), after).map(|(reason, _)| reason);
        assert_eq!(found, want, "{what}");
    }
}

#[test]
fn what_is_worse_waits_for_the_end_of_the_window() {
    for (seconds, lag, want) in
        [(60, 0, "Proven"), (60, u64::MAX, "Open"), (300, u64::MAX, "LagGrew"), (300, 0, "Proven")]
    {
        let (mut seen, mut generation) = seen(seconds, SlotPhase::Running, Says::Checkpointed, 0);
        generation.before = Some(FiguresStatus { lag: 1, ..FiguresStatus::default() });
        let pod = &mut seen.sets.get_mut(&NUMBER).unwrap().pods[0];
        let Contact::Answered(worker) = &mut pod.contact else { panic!("it answers") };
        worker.slots[0].lag = lag;
        let found = match judge(&seen, &generation, WITHIN) {
            Health::Open => "Open",
            Health::Proven => "Proven",
            Health::Unhealthy(reason, _) => reason.as_str(),
        };
        assert_eq!(found, want, "after {seconds} s with {lag}");
    }
}

#[test]
fn a_log_that_waits_for_slower_ones_is_no_sign_of_trouble() {
    // The log that waits: as far as before, its records behind. The other: rows taken since, its records behind.
    for (what, waits, rows, behind, want) in [
        ("it waits", true, 200, 10, "Proven"),
        ("nobody waits", false, 200, 10, "WatermarkStuck"),
        ("nothing is read", true, 100, 10, "WatermarkStuck"),
        ("others fall behind", true, 200, 800_000, "LagGrew"),
    ] {
        let (mut seen, mut generation) = seen(300, SlotPhase::Running, Says::Checkpointed, 0);
        let rows_before = 100;
        generation.before = Some(FiguresStatus {
            lag: 1,
            watermark_ms: Some(9_000),
            rows: rows_before,
            bad_rows: 0,
        });
        let pod = &mut seen.sets.get_mut(&NUMBER).unwrap().pods[0];
        let Contact::Answered(worker) = &mut pod.contact else { panic!("it answers") };
        let slot = &mut worker.slots[0];
        let fast = &mut slot.shards[0];
        (fast.watermark, fast.end, fast.waits) = (Some(9_000), Some(500_001), waits);
        let slow = ShardStatus { watermark: Some(100), end: None, waits: false, ..fast.clone() };
        slot.shards.push(slow);
        (slot.rows, slot.lag) = (rows, 500_000 * u64::from(waits) + behind);
        let found = match judge(&seen, &generation, WITHIN) {
            Health::Open => "Open",
            Health::Proven => "Proven",
            Health::Unhealthy(reason, _) => reason.as_str(),
        };
        assert_eq!(found, want, "{what}");
    }
}

fn plan_of(topics: &[(u32, &str)]) -> PlanStatus {
    let stage = |(stage, topic): &(u32, &str)| serde_json::json!({"stage": stage, "topics": [{"topic": topic, "partitions": 1}]});
    let stages: Vec<_> = topics.iter().map(stage).collect();
    let layout = serde_json::json!({"stages": stages}).as_object().cloned().unwrap();
    PlanStatus { layout, ..PlanStatus::default() }
}

#[test]
fn there_is_a_way_back_where_no_row_went_elsewhere() {
    type Topics = &'static [(u32, &'static str)];
    let cases: [(Topics, Topics, Option<&str>); 5] = [
        (&[(0, "in"), (1, "x")], &[(0, "in"), (1, "x")], None),
        // What only the new plan keeps is given up; what the old one kept is all there.
        (&[(0, "in")], &[(0, "in"), (1, "y")], None),
        (&[(0, "in"), (1, "x")], &[(0, "in"), (1, "y")], Some("another exchange than x")),
        (&[(0, "in"), (1, "x")], &[(0, "in")], Some("another exchange than x")),
        (&[(0, "in")], &[(0, "other")], Some("rows of other")),
    ];
    for (before, now, want) in cases {
        let found = why_closed(&plan_of(before), &plan_of(now));
        match (&found, want) {
            (None, None) => {}
            (Some(found), Some(part)) if found.contains(part) => {}
            _ => panic!("{before:?} {now:?}: {found:?}"),
        }
    }
}

#[test]
fn without_a_way_back_the_generation_stays_and_a_person_is_asked() {
    let mut seen = after_an_edit();
    let status = &mut seen.job.status;
    let healthy = status.healthy.as_mut().unwrap();
    healthy.plan.layout = plan_of(&[(0, "clicks"), (1, "x")]).layout;
    let memory = next(&seen);
    let refused = memory.refused.clone().expect("it is said");
    assert_eq!((refused.reason.as_str(), memory.next.is_none()), ("NoWayBack", true));
    // It is said once, and rests neither the job nor the status.
    seen.job.status = memory;
    assert_eq!(next(&seen), seen.job.status);
    seen.job.status.sealed = Some(NUMBER);
    let resumed = next(&seen).next.expect("the job can be resumed with the spec");
    assert_eq!(resumed.spec_digest, seen.job.status.current.unwrap().spec_digest);
}

#[test]
fn a_way_back_that_cannot_restore_is_given_up() {
    let mut seen = after_an_edit();
    seen.job.status = next(&seen);
    let back = seen.job.status.next.clone().expect("a way back").number;
    let mut blocked = pod(back, 0, Some(SlotPhase::Blocked));
    let Contact::Answered(worker) = &mut blocked.contact else { panic!("it answers") };
    worker.slots[0].reason = Some(Reason::ReplayGapLost);
    seen.sets.insert(back, SetView { replicas: Some(2), pods: vec![blocked], problem: None });
    let memory = next(&seen);
    let refused = memory.refused.clone().expect("it is said");
    assert_eq!((refused.reason.as_str(), memory.next.is_none()), ("NoWayBack", true));
    assert!(refused.message.contains("ReplayGapLost"), "{}", refused.message);
    seen.job.status = memory;
    assert_eq!(next(&seen), seen.job.status, "and not tried again");
}

#[test]
fn a_longer_delay_is_no_watermark_that_stands_still() {
    let spec = |watermark: serde_json::Value| {
        let mut object = job(1);
        object["spec"]["sources"][0]["watermark"] = watermark;
        crds::file::stream_job(&object.to_string()).unwrap().spec
    };
    let by =
        |column: &str, delay: &str| spec(serde_json::json!({"column": column, "delay": delay}));
    for (before, after, want) in [
        (by("ts", "5s"), by("ts", "5s"), Some(0)),
        (by("ts", "5s"), by("ts", "1m"), Some(55_000)),
        (by("ts", "5s"), by("ts", "1s"), Some(0)),
        (by("ts", "5s"), by("other", "5s"), None),
        (spec(serde_json::Value::Null), by("ts", "5s"), None),
    ] {
        assert_eq!(later_ms(&before, &after), want);
    }
}
