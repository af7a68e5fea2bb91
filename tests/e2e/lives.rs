//! A job's life under load: rescaled, killed, its pods deleted, its operator killed.

use serde_json::json;

use crate::act::Act;
use crate::world::{SYSTEM, World};

/// `kubectl apply`, `kubectl scale` 1 → 4 → 2, a container killed, a pod deleted, the job deleted.
pub(crate) fn scale_and_kill(world: &World) {
    let act = Act::start(world, "clicks", 2_000, 60);
    let ready = act.apply(&act.object(1));
    assert_eq!(ready["status"]["replicas"], 1, "{}", ready["status"]);
    for replicas in [4, 2] {
        let count = format!("--replicas={replicas}");
        world.tools.kubectl(&["scale", "streamjob", &act.name, &count]).unwrap();
        act.until_scaled(replicas);
    }
    let pods = act.pods();
    world.kill_container(&pods[0]).unwrap();
    act.until_scaled(2);
    world.tools.kubectl(&["delete", "pod", &pods[1], "--wait=false"]).unwrap();
    act.until_scaled(2);
    world.tools.kubectl(&["delete", "pod", &pods[0], "--force", "--grace-period=0"]).unwrap();
    act.until_scaled(2);
    let act_name = act.name.clone();
    let listed = world.tools.kubectl(&["get", "streamjobs"]).unwrap();
    assert!(listed.contains(&act_name) && listed.contains("PARALLELISM"), "{listed}");
    let again = Act::finish(act);
    assert!(again.findings.is_empty());
    let arguments = ["delete", "streamjob", &act_name, "--wait=true", "--timeout=120s"];
    world.tools.kubectl(&arguments).unwrap();
    let left = world.tools.kubectl(&["get", "statefulsets,jobs,configmaps,services", "-o", "name"]);
    let left = left.unwrap();
    assert!(!left.contains(&format!("/{act_name}-")), "{left}");
}

/// The operator's pods are killed again and again while a rollout is under way.
pub(crate) fn operator_killed(world: &World) {
    let act = Act::start(world, "orphan", 1_000, 40);
    act.apply(&act.object(1));
    act.patch(&json!({"spec": {"parallelism": 3}}));
    for _ in 0..4 {
        let selector = "app.kubernetes.io/name=streamjob";
        let arguments =
            ["-n", SYSTEM, "delete", "pods", "-l", selector, "--force", "--grace-period=0"];
        world.tools.kubectl(&arguments).unwrap();
        tests::harness::wait::pause(std::time::Duration::from_millis(1_500));
    }
    act.until_scaled(3);
    act.finish();
}
