//! Edits, good and bad.

use serde_json::{Value, json};

use crate::act::Act;
use crate::kubectl::{condition, is_ready};
use crate::world::World;

/// Each bad edit gives a clear condition, the job goes on, and going back recovers.
pub(crate) fn bad_edits(world: &World) {
    let act = Act::start(world, "edited", 1_000, 60);
    let good = act.object(2);
    act.apply(&good);
    let sets = || world.tools.kubectl(&["get", "statefulsets", "-o", "name"]).unwrap();
    let before = sets();
    let sql = good["spec"]["sql"].as_str().unwrap().to_owned();
    let edits: [(&str, Value, &str); 4] = [
        ("no SQL", json!({"spec": {"sql": "INSERT INTO snk SELEC user_id FROM src"}}), "1:17"),
        (
            "unknown column",
            json!({"spec": {"sql": sql.replace("max(price)", "max(cost)")}}),
            "cost",
        ),
        (
            "missing topic",
            json!({"spec": {"sinks": [{
                "name": "snk", "topic": "nowhere", "format": {"json": {}}, "key": ["user_id"],
            }]}}),
            "nowhere",
        ),
        ("too many slots", json!({"spec": {"parallelism": 9}}), "slots"),
    ];
    for (what, change, named) in edits {
        act.patch(&change);
        let stalled = world
            .tools
            .until("streamjob", &act.name, &format!("stalled by {what}"), |job| {
                let stalled = condition(job, "Stalled");
                stalled["status"] == "True"
                    && stalled["observedGeneration"] == job["metadata"]["generation"]
            })
            .unwrap();
        let message = condition(&stalled, "Stalled")["message"].as_str().unwrap_or_default();
        eprintln!("{what}: {}: {message}", condition(&stalled, "Stalled")["reason"]);
        assert!(message.contains(named), "{what}: {message}");
        assert_eq!(sets(), before, "the running generation is left alone");
        world.tools.apply(&good).unwrap();
        world.tools.until("streamjob", &act.name, "ready again", is_ready).unwrap();
    }
    act.finish();
}

/// A new image and new resources: new generations, the same results.
pub(crate) fn upgrade(world: &World) {
    let act = Act::start(world, "upgraded", 1_000, 40);
    act.apply(&act.object(2));
    let image = World::worker_image("two");
    act.patch(&json!({"spec": {"worker": {"image": image}}}));
    act.until_current("the new image", |current| current["image"] == image.as_str());
    act.until_scaled(2);
    let pod = act.pods().remove(0);
    let pod = world.tools.get("pod", &pod).unwrap();
    assert_eq!(pod["spec"]["containers"][0]["image"], image);
    let number = act.until_ready()["status"]["current"]["number"].as_u64().unwrap();
    act.patch(&json!({"spec": {"worker": {"resources": {"limits": {"memory": "600Mi"}}}}}));
    act.until_current("a newer generation", |current| {
        current["number"].as_u64().is_some_and(|newer| newer > number)
    });
    act.until_scaled(2);
    act.finish();
}
