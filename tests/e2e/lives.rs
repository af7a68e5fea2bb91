//! A job's life under load: rescaled, killed, its pods deleted, itself deleted.

use crate::act::Act;
use crate::deletions::delete;
use crate::say;
use crate::world::World;

/// `kubectl apply`, `kubectl scale` 1 → 4 → 2, a container killed, a pod deleted, the job deleted.
pub(crate) fn scale_and_kill(world: &World) {
    let mut act = Act::start(world, "clicks");
    let ready = act.apply(&act.object(1));
    assert_eq!(ready["status"]["replicas"], 1, "{}", ready["status"]);
    for replicas in [4, 2] {
        let count = format!("--replicas={replicas}");
        world.tools.kubectl(&["scale", "streamjob", &act.name, &count]).unwrap();
        act.until_scaled(replicas);
        let job = world.tools.get("streamjob", &act.name).unwrap();
        let rollout = &job["status"]["rollout"];
        say(&format!("to {replicas} pods: {rollout}"));
        assert!(rollout["shards"].as_u64().is_some_and(|shards| shards > 0), "{}", job["status"]);
    }
    let pods = act.pods();
    world.kill_container("default", &pods[0]).unwrap();
    act.until_scaled(2);
    world.tools.kubectl(&["delete", "pod", &pods[1], "--wait=false"]).unwrap();
    act.until_scaled(2);
    world.tools.kubectl(&["delete", "pod", &pods[0], "--force", "--grace-period=0"]).unwrap();
    act.until_scaled(2);
    let listed = world.tools.kubectl(&["get", "streamjobs"]).unwrap();
    assert!(listed.contains(&act.name) && listed.contains("PARALLELISM"), "{listed}");
    act.finish();
    delete(&act);
}
