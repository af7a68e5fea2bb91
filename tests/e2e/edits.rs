//! Edits, good and bad.

use serde_json::{Value, json};
use tests::kafka::logs::{self, Isolation};

use crate::act::{Act, number_of};
use crate::kubectl::{condition, holds, is_ready};
use crate::say;
use crate::secrets::PLANTED;
use crate::world::World;

/// What is wrong, the edit, the reason in the condition, and what its message names.
type BadEdit = (&'static str, Value, &'static str, &'static str);

fn edits(sql: &str) -> Vec<BadEdit> {
    let query = |sql: String| json!({"spec": {"sql": sql}});
    let secret =
        |name: &str| json!({"spec": {"checkpoints": {"credentialsSecretRef": {"name": name}}}});
    let sink =
        json!({"name": "snk", "topic": "nowhere", "format": {"json": {}}, "key": ["user_id"]});
    vec![
        (
            "no SQL",
            query("INSERT INTO snk SELEC user_id FROM src".to_owned()),
            "InvalidSql",
            "1:17",
        ),
        (
            "an unknown column",
            query(sql.replace("max(price)", &format!("max({PLANTED})"))),
            "InvalidSql",
            PLANTED,
        ),
        ("other windows", query(sql.replace("'10'", "'20'")), "IncompatibleState", "exchange"),
        ("a missing topic", json!({"spec": {"sinks": [sink]}}), "TopicMissing", "nowhere"),
        ("too many slots", json!({"spec": {"parallelism": 9}}), "TooManySlots", "slots"),
        ("a Secret that is missing", secret("no-secret"), "SecretMissing", "no-secret"),
        ("a Secret of another", secret("wrong"), "CredentialsRejected", ""),
    ]
}

/// Each bad edit gives a clear condition, the job goes on, and going back recovers.
pub(crate) fn bad_edits(world: &World) {
    let mut act = Act::start(world, "edited");
    let good = act.object(2);
    act.apply(&good);
    let sets = || {
        let selector = format!("streamjob.dev/job={}", act.name);
        world.tools.kubectl(&["get", "statefulsets", "-l", &selector, "-o", "name"]).unwrap()
    };
    let before = sets();
    for (what, change, reason, named) in edits(good["spec"]["sql"].as_str().unwrap()) {
        act.patch(&change);
        let stalled = act.until(&format!("stalled by {what}"), |job| holds(job, "Stalled"));
        let found = condition(&stalled, "Stalled");
        let message = found["message"].as_str().unwrap_or_default();
        say(&format!("{what}: {}: {message}", found["reason"]));
        assert_eq!(found["reason"], reason, "{what}: {message}");
        assert!(message.contains(named), "{what}: {message}");
        act.until("goes on", is_ready);
        assert_eq!(sets(), before, "the running generation is left alone");
        world.tools.apply(&good).unwrap();
        act.until("ready again", |job| is_ready(job) && !holds(job, "Stalled"));
    }
    assert_eq!(sets(), before, "no edit has started anything");
    act.finish();
}

/// A query that the state fits, a new image and new resources: new generations, the same results.
pub(crate) fn upgrade(world: &World) {
    let mut act = Act::start(world, "upgraded");
    let object = act.object(2);
    let first = number_of(&act.apply(&object));
    act.until_written();
    let sql = object["spec"]["sql"].as_str().unwrap();
    let more = sql
        .replace("max(price) AS top", "max(price) AS top, max(price) * 2 AS twice")
        .replace("window_end;", "window_end\nHAVING count(*) > 0;");
    assert!(more.contains("twice") && more.contains("HAVING"), "{more}");
    act.patch(&json!({"spec": {"sql": more}}));
    let second = act.until_newer(first);
    let image = World::worker_image("two");
    act.patch(&json!({"spec": {"worker": {"image": image}}}));
    let third = act.until_newer(second);
    act.until_scaled(2);
    let pod = world.tools.get("pod", &act.pods()[0]).unwrap();
    assert_eq!(pod["spec"]["containers"][0]["image"], image);
    act.patch(&json!({"spec": {"worker": {"resources": {"limits": {"memory": "600Mi"}}}}}));
    act.until_newer(third);
    act.until_scaled(2);
    act.finish();
    let (plain, twice) = projected(&act);
    say(&format!("upgraded: {plain} rows of the first query, {twice} of the second"));
    assert!(plain > 0 && twice > 0, "both queries have written");
}

/// Rows of the query before the edit, and of the one after it, whose new column is right.
fn projected(act: &Act<'_>) -> (u64, u64) {
    let (mut plain, mut twice) = (0, 0);
    logs::read(act.bootstrap(), &act.sink(), Isolation::Committed, &mut |record| {
        let row: Value = serde_json::from_slice(record.value.unwrap_or_default())?;
        match row["twice"].as_f64() {
            None => plain += 1,
            Some(found) => {
                let top = row["top"].as_f64().unwrap();
                assert!((found - top * 2.0).abs() < 1e-6, "{row}");
                twice += 1;
            }
        }
        Ok(())
    })
    .unwrap();
    (plain, twice)
}

/// Beside the worker, in its process namespace: waits for the first commit, then kills it whenever it runs.
const SABOTEUR: &str = "while ! wget -qO- http://127.0.0.1:9090/metrics | \
    grep -q '^streamjob_commits_total.* [1-9]'; do sleep 1; done; \
    while true; do killall -9 streamjob-worker; sleep 1; done";

/// An edit that warms up well and then crashes: the job goes back by itself, and says why.
pub(crate) fn gone_back_from(world: &World) {
    let mut act = Act::start(world, "sabotaged");
    let good = act.object(1);
    act.apply(&good);
    act.until("healthy", |job| {
        !job["status"]["current"].is_null()
            && job["status"]["healthy"]["generation"]["number"]
                == job["status"]["current"]["number"]
    });
    act.patch(&json!({"spec": {"worker": {"podOverrides": {"spec": {
        "shareProcessNamespace": true,
        "containers": [{
            "name": "saboteur",
            "image": "cluster.test/tools:1",
            "command": ["/bin/sh", "-c", SABOTEUR],
            "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            },
        }],
    }}}}}));
    let back = act.until("gone back", |job| {
        condition(job, "Stalled")["reason"] == "RolledBack"
            && job["status"]["current"]["number"] == 3
            && is_ready(job)
    });
    say(&format!("sabotaged: {}", condition(&back, "Stalled")["message"]));
    act.patch(&json!({"spec": {"worker": {"podOverrides": null}}}));
    let settled = act.until("as before", |job| is_ready(job) && !holds(job, "Stalled"));
    assert_eq!(number_of(&settled), 3, "the spec before runs already");
    act.until_scaled(1);
    act.finish();
}
