//! Random walks through specs: where a job ends depends on the last spec alone, not on the way to it.

use serde_json::{Value, json};

use crate::fields::{Effect, FIELDS, Field, base, set};
use crate::random::Random;
use crate::world::World;

const WALKS: u64 = 24;
const EDITS_MAX: usize = 6;
const PASSES_MAX: usize = 24;
/// What a job may be asked that is refused.
const REFUSED: [(&str, &str); 4] = [
    ("/parallelism", "9"),
    ("/sql", "\"InvalidSql\""),
    ("/sql", "\"IncompatibleState\""),
    ("/sinks/0/name", "\"clicks\""),
];

/// Fields that can be changed while a job is there.
fn changeable() -> Vec<&'static Field> {
    let fixed = ["checkpoints.location", "kafka.internalPrefix", "maxParallelism"];
    let begins = |field: &&Field| field.0.starts_with("restoreFrom");
    FIELDS.iter().filter(|field| !fixed.contains(&field.0) && !begins(field)).collect()
}

/// A spec with some fields changed, of a job that runs.
fn some_spec(random: &mut Random) -> Value {
    let fields = changeable();
    let mut spec = base()["spec"].clone();
    for _ in 0..random.below(3) {
        let field = fields[random.below(fields.len())];
        if field.3 != Effect::Rest {
            set(&mut spec, field, random.below(2));
        }
    }
    spec
}

/// Another spec on the way: perhaps at rest, perhaps one that is refused.
fn detour(random: &mut Random) -> Value {
    let mut spec = some_spec(random);
    match random.below(5) {
        0 => spec["state"] = "Suspended".into(),
        1 => {
            let (place, value) = REFUSED[random.below(REFUSED.len())];
            let value = serde_json::from_str(value).expect("JSON");
            *spec.pointer_mut(place).expect("a field") = value;
        }
        _ => {}
    }
    spec
}

/// What of a job at rest does not depend on how it came there.
fn view(world: &World) -> Value {
    let job = world.job().expect("a job");
    let status = &job["status"];
    let conditions = status["conditions"].as_array().expect("conditions").iter();
    let conditions: Vec<Value> =
        conditions.map(|c| json!([c["type"], c["status"], c["reason"]])).collect();
    let current = &status["current"];
    let made_of = ["parallelism", "slotsPerWorker", "image", "planFingerprint", "specDigest"];
    let made_of: Vec<&Value> = made_of.iter().map(|name| &current[name]).collect();
    let number = current["number"].as_u64().expect("a generation");
    let rest = world.rest();
    let objects = rest.as_object().expect("objects");
    // The ConfigMap of a generation to go back to stays.
    let kinds: Vec<&str> = objects
        .keys()
        .filter(|name| !name.starts_with("configmaps/"))
        .map(|name| name.split('/').next().expect("a kind"))
        .collect();
    let moving = ["next", "acquiring", "releasing", "refused", "change"].map(|name| &status[name]);
    let config = world.config(&format!("j-g{number}"));
    let mut job: Value = serde_json::from_str(config["job.json"].as_str().expect("a job")).unwrap();
    let spec = job["spec"].as_object_mut().expect("a spec");
    // Pods that are not made anew for them keep what they were made from.
    spec.retain(|name, _| !["upgrade", "deletion", "savepoints", "state"].contains(&&**name));
    json!({
        "phase": status["phase"], "conditions": conditions, "made of": made_of, "kinds": kinds,
        "moving": moving, "spec": spec,
    })
}

/// Straight from the first spec to the last one.
async fn straight(last: &Value) -> Value {
    let mut world = World::new();
    world.create("streamjobs", base());
    world.settle(&mut |_| false).await;
    world.edit(|spec| *spec = last.clone());
    world.settle(&mut |_| false).await;
    view(&world)
}

async fn walk(seed: u64) {
    let random = &mut Random::new(seed);
    let last = some_spec(random);
    let mut world = World::new();
    world.create("streamjobs", base());
    for _ in 0..=random.below(EDITS_MAX) {
        for _ in 0..random.below(PASSES_MAX) {
            world.pass().await;
        }
        if random.one_in(4) {
            world.operator_dies();
        }
        if random.one_in(4) {
            // Long enough for a generation to prove itself.
            world.server.lock().unwrap().store.now += 61;
        }
        let next = detour(random);
        world.edit(|spec| *spec = next);
    }
    world.edit(|spec| spec.clone_from(&last));
    world.settle(&mut |_| false).await;
    assert_eq!(view(&world), straight(&last).await, "seed {seed}, to {last:#}");
    assert_eq!(world.broken_promises(), Vec::<String>::new(), "seed {seed}");
    let writes = world.writes();
    for _ in 0..4 {
        world.pass().await;
    }
    assert_eq!(world.writes(), writes, "seed {seed}: writes at rest");
}

#[tokio::test]
async fn the_way_to_a_spec_does_not_matter() {
    for seed in 0..WALKS {
        walk(seed).await;
    }
}

#[tokio::test]
async fn whatever_was_refused_is_forgotten_with_the_spec_before() {
    for (place, value) in REFUSED {
        let mut world = World::new();
        world.create("streamjobs", base());
        world.settle(&mut |_| false).await;
        let before = view(&world);
        let value: Value = serde_json::from_str(value).expect("JSON");
        world.edit(|spec| *spec.pointer_mut(place).expect("a field") = value);
        world.settle(&mut |_| false).await;
        assert_ne!(view(&world), before, "{place}");
        world.edit(|spec| *spec = base()["spec"].clone());
        world.settle(&mut |_| false).await;
        assert_eq!(view(&world), before, "{place}");
    }
}
