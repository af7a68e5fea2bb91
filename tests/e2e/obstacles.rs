//! What stands in a job's way has one name each, in a condition and in an event.

use serde_json::{Value, json};
use tests::harness::wait;

use crate::act::Act;
use crate::kubectl::{STEP_MAX, condition};
use crate::say;
use crate::world::World;

/// A job that cannot start, why, and in which condition it is said.
struct Obstacle {
    name: &'static str,
    change: fn(&mut Value),
    condition: &'static str,
    reason: &'static str,
}

const OBSTACLES: &[Obstacle] = &[
    Obstacle {
        name: "no-image",
        change: |spec| spec["worker"]["image"] = "172.30.0.1:5000/nowhere:1".into(),
        condition: "Reconciling",
        reason: "ImagePullFailed",
    },
    Obstacle {
        name: "no-bucket",
        change: |spec| spec["checkpoints"]["location"] = "s3://no-such-bucket/x".into(),
        condition: "Stalled",
        reason: "BucketMissing",
    },
    Obstacle {
        name: "no-broker",
        change: |spec| spec["kafka"]["bootstrapServers"] = "172.30.0.1:1".into(),
        condition: "Stalled",
        reason: "BrokerUnreachable",
    },
    Obstacle {
        name: "no-password",
        change: |spec| spec["kafka"] = World::secured_kafka("kafka-wrong"),
        condition: "Stalled",
        reason: "CredentialsRejected",
    },
    Obstacle {
        name: "no-node",
        change: |spec| {
            spec["worker"]["podOverrides"] = json!({"spec": {"nodeSelector": {"no": "where"}}});
        },
        condition: "Reconciling",
        reason: "Unschedulable",
    },
];

/// Each of them, and a quota, which needs a namespace of its own.
pub(crate) fn named(world: &World) {
    let act = Act::idle(world, "obstacles");
    for obstacle in OBSTACLES {
        let mut object = act.object(1);
        object["metadata"]["name"] = obstacle.name.into();
        (obstacle.change)(&mut object["spec"]);
        world.tools.apply(&object).unwrap();
    }
    // Each at once: a planner that is tried again would say so once more.
    std::thread::scope(|scope| {
        let all: Vec<_> = OBSTACLES.iter().map(|o| scope.spawn(|| told_once(world, o))).collect();
        for told in all {
            told.join().unwrap();
        }
    });
    quota(world, &act);
}

/// Condition and event name what is in the way, the event once.
fn told_once(world: &World, obstacle: &Obstacle) {
    let what = format!("{} because of {}", obstacle.condition, obstacle.reason);
    let job = world.tools.until("streamjob", obstacle.name, &what, |job| {
        let found = condition(job, obstacle.condition);
        found["status"] == "True" && found["reason"] == obstacle.reason
    });
    say(&format!("{}: {}", obstacle.name, condition(&job.unwrap(), obstacle.condition)["message"]));
    let of_job = format!("involvedObject.name={},reason={}", obstacle.name, obstacle.reason);
    // The condition is written first.
    wait::until_true(&format!("an event of {}", obstacle.reason), STEP_MAX, || {
        Ok(events(world, &of_job)? > 0)
    })
    .unwrap();
    assert_eq!(events(world, &of_job).unwrap(), 1, "one event of {}", obstacle.reason);
    world.tools.kubectl(&["delete", "streamjob", obstacle.name, "--wait=false"]).unwrap();
}

fn events(world: &World, selector: &str) -> anyhow::Result<usize> {
    let arguments = ["get", "events", "--field-selector", selector, "-o", "name"];
    Ok(world.tools.kubectl(&arguments)?.lines().count())
}

fn quota(world: &World, act: &Act<'_>) {
    world.tools.kubectl(&["create", "namespace", "full"]).unwrap();
    world.tools.kubectl(&["-n", "full", "create", "quota", "none", "--hard=pods=0"]).unwrap();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "store", "namespace": "full"},
        "stringData": {"access-key-id": "a", "secret-access-key": "b"},
    });
    world.tools.apply(&secret).unwrap();
    let mut object = act.object(1);
    object["metadata"]["namespace"] = "full".into();
    world.tools.apply(&object).unwrap();
    let of = ["-n", "full", "streamjob", &act.name];
    let full = |job: &Value| condition(job, "Reconciling")["reason"] == "QuotaExceeded";
    let job = world.tools.follow(&of, "stopped by a quota", full).unwrap();
    say(&format!("quota: {}", condition(&job, "Reconciling")["message"]));
    // A namespace that goes takes its jobs with it, though no Job can start in it any more.
    world.tools.kubectl(&["delete", "namespace", "full", "--timeout=120s"]).unwrap();
}
