//! Savepoints, and jobs that begin with one.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tests::harness::wait;
use tests::kafka::logs::{self, Isolation};

use crate::act::Act;
use crate::kubectl::STEP_MAX;
use crate::say;
use crate::world::World;

/// User and start of the window: what tells output rows apart.
type Identity = (i64, Timestamp);

/// A savepoint pauses a job and loses nothing; a second job that begins with it writes, into a sink of its own,
/// exactly the rows that the first one wrote after it.
pub(crate) fn savepoint_and_fork(world: &World) {
    let mut first = Act::start(world, "first");
    first.apply(&first.object(2));
    // Or the tail would be all there is.
    first.until_written();
    world
        .tools
        .apply(&json!({
            "apiVersion": "streamjob.dev/v1alpha1", "kind": "Savepoint",
            "metadata": {"name": "kept", "namespace": "default"},
            "spec": {"job": first.name},
        }))
        .unwrap();
    let complete = |savepoint: &Value| savepoint["status"]["phase"] == "Completed";
    let kept = world.tools.until("savepoint", "kept", "complete", complete).unwrap();
    say(&format!("savepoint: {}", kept["status"]));
    let watermark: Timestamp = kept["status"]["watermark"].as_str().unwrap().parse().unwrap();
    first.until_ready();
    let second = first.beside("second");
    let mut object = second.object(3);
    object["spec"]["restoreFrom"] = json!({"savepoint": "kept"});
    second.apply(&object);
    first.finish();
    compare_tail(&first, &second, watermark);
}

fn compare_tail(first: &Act<'_>, second: &Act<'_>, watermark: Timestamp) {
    let window = second.query.window.expect("a window").size();
    let closes = |start: Timestamp| start.as_millisecond() + window;
    let all = rows(first);
    let mut tail = all.clone();
    tail.retain(|(_, start), _| closes(*start) > watermark.as_millisecond());
    let mut found = BTreeMap::new();
    let came = wait::until_true("the tail in the second sink", STEP_MAX, || {
        wait::pause(Duration::from_millis(500));
        found = rows(second);
        Ok(found.len() >= tail.len())
    });
    let differs = |(identity, row): &(&Identity, &Value)| tail.get(identity) != Some(*row);
    let wrong: Vec<_> = found.iter().filter(differs).take(3).collect();
    let lost: Vec<_> = tail.iter().filter(|(id, _)| !found.contains_key(id)).take(3).collect();
    let figures =
        format!("{} of {} rows are the tail, {} found", tail.len(), all.len(), found.len());
    assert!(wrong.is_empty() && lost.is_empty(), "{figures}\nwrong: {wrong:?}\nlost: {lost:?}");
    came.unwrap();
    assert!(!tail.is_empty() && tail.len() < all.len(), "{figures}");
    say(&format!("second: {figures}, equal to those of the first job, 0 lost, 0 doubled"));
}

/// The rows of a sink; none may be there twice.
fn rows(act: &Act<'_>) -> BTreeMap<Identity, Value> {
    let mut found = BTreeMap::new();
    logs::read(act.bootstrap(), &act.sink(), Isolation::Committed, &mut |record| {
        let row: Value = serde_json::from_slice(record.value.unwrap_or_default())?;
        let start: Timestamp = row["window_start"].as_str().unwrap_or_default().parse()?;
        let identity = (row["user_id"].as_i64().unwrap(), start);
        let before = found.insert(identity, row);
        assert_eq!(before, None, "{}: {identity:?} twice", act.sink());
        Ok(())
    })
    .unwrap();
    found
}
