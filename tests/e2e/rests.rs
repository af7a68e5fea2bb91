//! Rest; and the chart's own life.

use std::time::Duration;

use serde_json::json;
use tests::harness::wait;

use crate::act::Act;
use crate::kubectl::STEP_MAX;
use crate::world::{SYSTEM, World};

/// How long a job rests.
const REST: Duration = Duration::from_mins(1);

/// Suspended there are no pods, for a minute in which the input goes on; resumed it takes up all of it.
pub(crate) fn suspend_a_minute(world: &World) {
    let mut act = Act::start(world, "resting");
    act.apply(&act.object(2));
    act.patch(&json!({"spec": {"state": "Suspended"}}));
    act.until("suspended", |job| job["status"]["phase"] == "Suspended");
    wait::until_true("no pods", STEP_MAX, || Ok(act.pods().is_empty())).unwrap();
    wait::pause(REST);
    let job = world.tools.get("streamjob", &act.name).unwrap();
    assert_eq!(job["status"]["phase"], "Suspended", "{}", job["status"]);
    assert_eq!(act.pods(), Vec::<String>::new());
    act.patch(&json!({"spec": {"state": "Running"}}));
    act.until_scaled(2);
    act.finish();
}

/// An upgrade of the chart restarts no worker, an uninstall keeps jobs and their kinds.
pub(crate) fn chart(world: &World) {
    let mut act = Act::start(world, "kept-on");
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
