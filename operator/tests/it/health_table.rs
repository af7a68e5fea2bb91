//! Is a generation any good, and what follows when it is not.

use std::time::Duration;

use crds::{GenerationStatus, HealthyStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use operator::machine::health::{Health, judge};
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
