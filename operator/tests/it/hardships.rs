//! Stories of loss and return: what is deleted, made again, taken away or away for a while.

use serde_json::json;

use crate::objects::{job, savepoint};
use crate::scenarios::{
    Scenario, condition, create, delete, is_gone, is_running, nothing_is_left, other_query, status,
    suspend,
};
use crate::world::{SHARDS, World, key};

/// How long the store is away in these stories, seconds.
const OUTAGE: i64 = 40;

fn create_with_a_short_deadline(world: &World) {
    let mut job = job(2);
    job["spec"]["deletion"] = json!({"deadline": "30s"});
    world.create("streamjobs", job);
}

fn create_with_a_claim(world: &World) {
    let mut job = job(2);
    job["spec"]["sources"][0]["partitionedBy"] = json!(["user_id"]);
    world.create("streamjobs", job);
}

/// Somebody takes the finalizer off by hand, and the next job of the name comes before anything of the first has gone.
fn tear_away_and_create(world: &World) {
    world.server.lock().unwrap().store.update(&key("streamjobs", "j"), |job| {
        job["metadata"]["finalizers"] = json!([]);
    });
    world.delete_job();
    assert_eq!(world.job(), None);
    create(world);
}

fn namespace_goes(world: &World) {
    world.server.lock().unwrap().store.ending = true;
}

fn partitions_are_added(world: &World) {
    world.fleet.lock().unwrap().partitions = SHARDS + 2;
}

fn store_goes_away(world: &World) {
    let now = world.server.lock().unwrap().store.now;
    world.fleet.lock().unwrap().store_returns_at = now + OUTAGE;
}

fn ask_a_savepoint_that_fails_and_edit(world: &World) {
    store_goes_away(world);
    let mut savepoint = savepoint("sp");
    savepoint["spec"]["timeout"] = "20s".into();
    world.create("savepoints", savepoint);
    other_query(world);
}

fn suspend_while_the_store_is_away(world: &World) {
    store_goes_away(world);
    suspend(world);
}

fn delete_while_the_store_is_away(world: &World) {
    store_goes_away(world);
    delete(world);
}

fn ask_savepoint_to_dispose(world: &World) {
    let mut savepoint = savepoint("sp");
    savepoint["spec"]["retention"] = "Dispose".into();
    world.create("savepoints", savepoint);
}

fn delete_savepoint(world: &World) {
    let server = &mut world.server.lock().unwrap();
    server.store.delete(&key("savepoints", "sp"), None).expect("a savepoint");
}

/// Jobs that removed the data of a savepoint.
fn removals(world: &World) -> usize {
    let counts = world.counts();
    counts.iter().filter(|(name, ..)| name.starts_with("jobs/savepoint-")).count()
}

pub(crate) const HARDSHIPS: &[Scenario] = &[
    Scenario {
        name: "the same name again, after a deletion",
        steps: &[create, delete, create],
        end: |w| is_running(w, 1, 2),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "the same name again, before anything of the first has gone",
        steps: &[create, tear_away_and_create],
        end: |w| is_running(w, 1, 2),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "the namespace goes",
        steps: &[create_with_a_short_deadline, namespace_goes],
        end: nothing_is_left,
        seconds_per_pass: 1,
    },
    Scenario {
        name: "partitions are added",
        steps: &[create, partitions_are_added],
        end: |w| {
            is_running(w, 2, 2);
            assert_eq!(status(w)["plan"]["shards"], SHARDS + 2);
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "partitions are added under a claim",
        steps: &[create_with_a_claim, partitions_are_added],
        end: |w| {
            is_running(w, 1, 2);
            let stalled = condition(w, "Stalled");
            assert_eq!(stalled, ("True".into(), "SourcePartitionsChanged".into()));
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "an upgrade waits for a savepoint, which fails",
        steps: &[create, ask_a_savepoint_that_fails_and_edit],
        end: |w| {
            is_running(w, 2, 2);
            assert_eq!(w.rest()["savepoints/sp"]["status"]["phase"], "Failed");
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "suspend while the store is away",
        steps: &[create, suspend_while_the_store_is_away],
        end: |w| assert_eq!(status(w)["sealed"], 1),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "delete while the store is away for longer than the deadline allows",
        steps: &[create_with_a_short_deadline, delete_while_the_store_is_away],
        end: is_gone,
        seconds_per_pass: 1,
    },
    Scenario {
        name: "a savepoint whose data goes with it",
        steps: &[create, ask_savepoint_to_dispose, delete_savepoint],
        end: |w| {
            is_running(w, 1, 2);
            assert_eq!(removals(w), 1);
            assert_eq!(w.rest().get("savepoints/sp"), None);
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "the last savepoint of a job that is gone keeps its data",
        steps: &[create, ask_savepoint_to_dispose, delete, delete_savepoint],
        end: |w| {
            nothing_is_left(w);
            assert_eq!(removals(w), 0);
            assert_eq!(w.rest().get("savepoints/sp"), None);
        },
        seconds_per_pass: 1,
    },
];
