//! Stories that a job lives through. Each step is what a user does; between steps everything
//! comes to rest.

use serde_json::{Value, json};

use crate::objects::{job, savepoint};
use crate::world::World;

/// One step of a story.
pub(crate) type Step = fn(&World);

/// A story and what must hold at its end.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [Step],
    pub(crate) end: fn(&World),
    /// Fast enough that waiting for a deadline does not look like rest.
    pub(crate) seconds_per_pass: i64,
}

/// Seconds of a pass in stories that wait for the warm-up's deadline, which is three of them, but not for the next try.
const SLOW: i64 = 21;

pub(crate) fn status(world: &World) -> Value {
    world.job().expect("a job")["status"].clone()
}

pub(crate) fn condition(world: &World, of: &str) -> (String, String) {
    let status = status(world);
    let found = status["conditions"]
        .as_array()
        .and_then(|all| all.iter().find(|c| c["type"] == of).cloned())
        .unwrap_or_default();
    let word = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (word("status"), word("reason"))
}

pub(crate) fn is_running(world: &World, generation: u64, parallelism: u64) {
    let status = status(world);
    assert_eq!(status["phase"], "Running", "{status:#}");
    assert_eq!(status["current"]["number"], generation, "{status:#}");
    assert_eq!(status["current"]["parallelism"], parallelism);
    assert_eq!(status["replicas"], parallelism);
    assert_eq!(status["acquiring"], Value::Null);
    assert_eq!(status["next"], Value::Null);
    assert_eq!(condition(world, "Ready"), ("True".into(), "Running".into()));
    let fleet = world.fleet.lock().unwrap();
    assert!(fleet.workers.values().all(|fake| fake.generation == generation));
}

pub(crate) fn create(world: &World) {
    world.create("streamjobs", job(2));
}

pub(crate) fn delete(world: &World) {
    world.delete_job();
}

fn scale_up(world: &World) {
    world.edit(|spec| spec["parallelism"] = 3.into());
}

fn double(world: &World) {
    world.edit(|spec| spec["parallelism"] = 4.into());
}

fn scale_too_far(world: &World) {
    world.edit(|spec| spec["parallelism"] = 9.into());
}

fn scale_down(world: &World) {
    world.edit(|spec| spec["parallelism"] = 1.into());
}

fn scale_back(world: &World) {
    world.edit(|spec| spec["parallelism"] = 2.into());
}

pub(crate) fn other_query(world: &World) {
    world.edit(|spec| spec["sql"] = "INSERT INTO out SELECT 1".into());
}

fn bad_query(world: &World) {
    world.edit(|spec| spec["sql"] = "InvalidSql".into());
}

fn losing_query(world: &World) {
    world.edit(|spec| spec["sql"] = "IncompatibleState".into());
}

fn first_query(world: &World) {
    world.edit(|spec| spec["sql"] = "INSERT INTO out SELECT user_id FROM clicks".into());
}

fn nonsense(world: &World) {
    world.edit(|spec| spec["sinks"][0]["name"] = "clicks".into());
}

fn sense(world: &World) {
    world.edit(|spec| spec["sinks"][0]["name"] = "out".into());
}

pub(crate) fn suspend(world: &World) {
    world.edit(|spec| spec["state"] = "Suspended".into());
}

pub(crate) fn resume(world: &World) {
    world.edit(|spec| spec["state"] = "Running".into());
}

fn other_resources(world: &World) {
    world.edit(|spec| {
        spec["worker"] = json!({"resources": {"limits": {"cpu": "2", "memory": "2Gi"}}});
        spec["parallelism"] = 2.into();
    });
}

fn no_surge(world: &World) {
    world.edit(|spec| {
        spec["upgrade"] = json!({"surge": false});
        spec["parallelism"] = 3.into();
    });
}

fn scheduled(world: &World) {
    let mut job = job(2);
    job["spec"]["savepoints"] = json!({"schedule": "*/5 * * * *", "retained": 1});
    world.create("streamjobs", job);
}

fn five_minutes_pass(world: &World) {
    world.server.lock().unwrap().store.now += 300;
}

fn ask_about(world: &World, id: &str, change: impl FnOnce(&mut Value)) {
    let mut spec = world.job().expect("a job")["spec"].clone();
    change(&mut spec);
    world.annotate("streamjob.dev/proposal", &json!({"id": id, "spec": spec}).to_string());
}

fn ask_about_a_rescale(world: &World) {
    ask_about(world, "1", |spec| spec["parallelism"] = 3.into());
}

fn ask_about_a_bad_query(world: &World) {
    let answer = &status(world)["proposal"];
    assert_eq!((&answer["id"], &answer["change"]), (&json!("1"), &json!("Rescale")));
    assert_eq!((&answer["podsAfter"], &answer["podsExtra"]), (&json!(3), &json!(3)));
    ask_about(world, "2", |spec| spec["sql"] = "IncompatibleState".into());
}

fn ask_about_a_query(world: &World) {
    let answer = &status(world)["proposal"];
    assert_eq!(
        (&answer["id"], &answer["refused"]["reason"]),
        (&json!("2"), &json!("IncompatibleState"))
    );
    ask_about(world, "3", |spec| spec["sql"] = "INSERT INTO out SELECT 1".into());
}

fn ask_savepoint(world: &World) {
    world.create("savepoints", savepoint("sp"));
}

fn capacity_ends(world: &World) {
    *world.no_capacity.lock().unwrap() = true;
}

fn capacity_returns(world: &World) {
    *world.no_capacity.lock().unwrap() = false;
    let store = &mut world.server.lock().unwrap().store;
    store.now += 400;
    store.tempo = 1;
}

fn a_minute_passes(world: &World) {
    world.server.lock().unwrap().store.now += 61;
}

fn broken_query(world: &World) {
    world.edit(|spec| spec["sql"] = "INSERT INTO out SELECT Broken".into());
}

fn workers_restart(world: &World) {
    for fake in world.fleet.lock().unwrap().workers.values_mut() {
        *fake = fake.again();
    }
}

fn pods_vanish(world: &World) {
    let mut server = world.server.lock().unwrap();
    let pods: Vec<_> = server.store.objects.keys().filter(|k| k.0 == "pods").cloned().collect();
    for pod in pods {
        server.store.delete(&pod, None).expect("a pod");
    }
}

pub(crate) fn is_gone(world: &World) {
    nothing_is_left(world);
    let counts = world.counts();
    let cleaned = counts.iter().any(|(name, created, _)| name == "jobs/j-clean" && *created > 0);
    assert!(cleaned, "the last generation must be fenced: {counts:?}");
}

/// Where nothing but savepoints is left.
pub(crate) fn nothing_is_left(world: &World) {
    let rest = world.rest();
    let left: Vec<&String> =
        rest.as_object().unwrap().keys().filter(|key| !key.starts_with("savepoints")).collect();
    assert_eq!(left, Vec::<&String>::new());
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "create",
        steps: &[create],
        end: |w| is_running(w, 1, 2),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "rescale up and down",
        steps: &[create, scale_up, scale_down],
        end: |w| is_running(w, 3, 1),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "rescale in two moves",
        steps: &[create, double],
        end: |w| is_running(w, 2, 4),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "more slots than shards are refused and taken back",
        steps: &[create, scale_too_far, scale_back],
        end: |w| {
            is_running(w, 1, 2);
            assert_eq!(condition(w, "Stalled").0, "False");
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "upgrade",
        steps: &[create, other_query],
        end: |w| is_running(w, 2, 2),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "resources",
        steps: &[create, other_resources],
        end: |w| {
            is_running(w, 2, 2);
            assert_eq!(status(w)["current"]["slotsPerWorker"], 2);
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "a refused query keeps the last good generation",
        steps: &[create, bad_query],
        end: |w| {
            is_running(w, 1, 2);
            assert_eq!(condition(w, "Stalled"), ("True".into(), "InvalidSql".into()));
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "going back recovers",
        steps: &[create, losing_query, first_query],
        end: |w| {
            is_running(w, 1, 2);
            assert_eq!(condition(w, "Stalled").0, "False");
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "a spec that breaks a rule, and back",
        steps: &[create, nonsense, sense],
        end: |w| {
            is_running(w, 1, 2);
            assert_eq!(condition(w, "Stalled").0, "False");
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "suspend",
        steps: &[create, suspend],
        end: |w| {
            let status = status(w);
            assert_eq!(status["phase"], "Suspended", "{status:#}");
            assert_eq!(status["sealed"], 1);
            assert_eq!(status["replicas"], 0);
            assert!(w.fleet.lock().unwrap().workers.is_empty());
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "suspend and resume",
        steps: &[create, suspend, resume],
        end: |w| is_running(w, 2, 2),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "change while suspended",
        steps: &[create, suspend, other_query, resume],
        end: |w| is_running(w, 2, 2),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "rescale without surge",
        steps: &[create, no_surge],
        end: |w| is_running(w, 2, 3),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "workers that start anew get their shards again",
        steps: &[create, workers_restart],
        end: |w| is_running(w, 1, 2),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "pods that vanish come back",
        steps: &[create, pods_vanish],
        end: |w| is_running(w, 1, 2),
        seconds_per_pass: 1,
    },
    Scenario {
        name: "no capacity drops the new set",
        steps: &[create, capacity_ends, scale_up],
        end: |w| {
            is_running(w, 1, 2);
            assert_eq!(condition(w, "Stalled"), ("True".into(), "CapacityUnavailable".into()));
        },
        seconds_per_pass: SLOW,
    },
    Scenario {
        name: "capacity that comes back is found by itself",
        steps: &[create, capacity_ends, scale_up, capacity_returns],
        end: |w| {
            is_running(w, 3, 3);
            assert_eq!(condition(w, "Stalled").0, "False");
        },
        seconds_per_pass: SLOW,
    },
    Scenario {
        name: "a generation that does not prove itself goes back",
        steps: &[create, a_minute_passes, broken_query],
        end: |w| {
            is_running(w, 3, 2);
            assert_eq!(condition(w, "Stalled"), ("True".into(), "RolledBack".into()));
            assert_eq!(status(w)["healthy"]["generation"]["number"], 1);
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "the spec that was gone back to, written again, changes nothing",
        steps: &[create, a_minute_passes, broken_query, first_query],
        end: |w| {
            is_running(w, 3, 2);
            assert_eq!(condition(w, "Stalled").0, "False");
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "a later spec after one that was gone back from",
        steps: &[create, a_minute_passes, broken_query, other_query],
        end: |w| {
            is_running(w, 4, 2);
            assert_eq!(condition(w, "Stalled").0, "False");
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "savepoint",
        steps: &[create, ask_savepoint],
        end: |w| {
            is_running(w, 1, 2);
            let rest = w.rest();
            let savepoint = &rest["savepoints/sp"]["status"];
            assert_eq!(savepoint["phase"], "Completed", "{savepoint:#}");
            assert_eq!(savepoint["bytes"], 14);
            assert_eq!(savepoint["slotsDone"], 2);
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "a spec that is only asked about changes nothing",
        steps: &[create, ask_about_a_rescale, ask_about_a_bad_query, ask_about_a_query],
        end: |w| {
            is_running(w, 1, 2);
            let answer = &status(w)["proposal"];
            assert_eq!(
                (&answer["id"], &answer["change"]),
                (&json!("3"), &json!("CompatibleLogic"))
            );
            assert_eq!(answer["changed"], json!(["spec.sql"]));
            assert!(!w.rest().to_string().contains("j-try-"), "the planner's Job is gone");
        },
        seconds_per_pass: 1,
    },
    Scenario {
        name: "scheduled savepoints, of which one is kept",
        steps: &[scheduled, five_minutes_pass, five_minutes_pass],
        end: |w| {
            is_running(w, 1, 2);
            let rest = w.rest();
            let kept: Vec<&String> =
                rest.as_object().unwrap().keys().filter(|k| k.starts_with("savepoints/")).collect();
            assert_eq!(kept, ["savepoints/j-20270115-0810"]);
            assert_eq!(rest["savepoints/j-20270115-0810"]["status"]["phase"], "Completed");
            let counts = w.counts();
            let removed = counts.iter().filter(|(name, ..)| name.starts_with("jobs/savepoint-"));
            assert_eq!(removed.count(), 1, "the data of the first one is removed");
        },
        seconds_per_pass: 1,
    },
    Scenario { name: "delete", steps: &[create, delete], end: is_gone, seconds_per_pass: 1 },
    Scenario {
        name: "delete while suspended",
        steps: &[create, suspend, delete],
        end: is_gone,
        seconds_per_pass: 1,
    },
];
