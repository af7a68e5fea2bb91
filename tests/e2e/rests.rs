//! Rest: suspend, resume, savepoint; and the chart's own life.

use std::time::Duration;

use serde_json::json;
use tests::harness::wait;

use crate::act::Act;
use crate::world::{SYSTEM, World};

/// Suspended there are no pods; resumed it goes on; a savepoint pauses it and loses nothing.
pub(crate) fn suspend_and_keep(world: &World) {
    let act = Act::start(world, "resting", 1_000, 50);
    act.apply(&act.object(2));
    act.patch(&json!({"spec": {"state": "Suspended"}}));
    let suspended = world
        .tools
        .until("streamjob", &act.name, "suspended", |job| job["status"]["phase"] == "Suspended");
    suspended.unwrap();
    wait::until_true("no pods", Duration::from_mins(1), || Ok(act.pods().is_empty())).unwrap();
    act.patch(&json!({"spec": {"state": "Running"}}));
    act.until_scaled(2);
    world
        .tools
        .apply(&json!({
            "apiVersion": "streamjob.dev/v1alpha1", "kind": "Savepoint",
            "metadata": {"name": "kept", "namespace": "default"},
            "spec": {"job": act.name},
        }))
        .unwrap();
    let kept = world.tools.until("savepoint", "kept", "complete", |savepoint| {
        savepoint["status"]["phase"] == "Completed"
    });
    eprintln!("savepoint: {}", kept.unwrap()["status"]);
    act.until_ready();
    act.finish();
}

/// An upgrade of the chart restarts no worker, an uninstall keeps jobs and their kinds.
pub(crate) fn chart(world: &World) {
    let act = Act::start(world, "kept-on", 500, 20);
    act.apply(&act.object(1));
    let started = |pod: &str| {
        let pod = world.tools.get("pod", pod).unwrap();
        (
            pod["metadata"]["uid"].clone(),
            pod["status"]["containerStatuses"][0]["restartCount"].clone(),
        )
    };
    let pod = act.pods().remove(0);
    let before = started(&pod);
    world.helm_upgrade("two", "debug").unwrap();
    act.until_ready();
    assert_eq!(started(&pod), before, "a chart upgrade touches no worker");
    world.tools.helm(&["uninstall", "streamjob", "--namespace", SYSTEM, "--wait"]).unwrap();
    assert_eq!(started(&pod), before, "an uninstall touches no worker");
    let kinds = world.tools.kubectl(&["get", "crd", "-o", "name"]).unwrap();
    assert!(kinds.contains("streamjobs.streamjob.dev"), "{kinds}");
    world.helm_upgrade("two", "info").unwrap();
    act.until_ready();
    assert_eq!(started(&pod), before, "taken up again as it is");
    act.finish();
}
