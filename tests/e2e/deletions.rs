//! The end of a job, with Kafka and without.

use std::time::Duration;

use serde_json::json;
use tests::harness::wait;

use crate::act::Act;
use crate::kubectl::STEP_MAX;
use crate::say;
use crate::world::World;

/// Everything that the operator makes for a job.
const CHILDREN: &str = "statefulsets,jobs,configmaps,services,secrets,poddisruptionbudgets,pods";

/// Deletes a job and waits until it and all that belonged to it are gone.
pub(crate) fn delete(act: &Act<'_>) {
    let tools = &act.world.tools;
    tools.kubectl(&["delete", "streamjob", &act.name, "--wait=true", "--timeout=300s"]).unwrap();
    let selector = format!("streamjob.dev/job={}", act.name);
    let mut left = String::new();
    let gone = wait::until_true("nothing of the job is left", STEP_MAX, || {
        left = tools.kubectl(&["get", CHILDREN, "-l", &selector, "-o", "name"])?;
        wait::pause(Duration::from_millis(if left.is_empty() { 0 } else { 500 }));
        Ok(left.is_empty())
    });
    assert!(gone.is_ok(), "{}: {left}", act.name);
}

/// Kafka is gone for good and the job is deleted: the object goes after the deadline, an event names what stays behind.
pub(crate) fn without_kafka(world: &World) {
    let kafka = world.other_kafka().unwrap();
    let mut act = Act::start_at(world, "bereft", kafka.bootstrap.clone());
    let mut object = act.object(2);
    object["spec"]["deletion"] = json!({"deadline": "20s"});
    act.apply(&object);
    act.finish();
    let uid = act.uid();
    kafka.kill().unwrap();
    delete(&act);
    let of_job = format!("involvedObject.uid={uid},reason=DeletionDeadline");
    let events = world.tools.kubectl(&["get", "events", "--field-selector", &of_job, "-o", "json"]);
    let events: serde_json::Value = serde_json::from_str(&events.unwrap()).unwrap();
    let message = events["items"][0]["message"].as_str().unwrap_or_default().to_owned();
    say(&format!("bereft: {message}"));
    for left in [format!("s3://checkpoints/jobs/{uid}/"), format!("streamjob.{uid}.")] {
        assert!(message.contains(&left), "{events:#}");
    }
}
