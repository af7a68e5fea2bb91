//! What the small cluster makes of objects, and what of them two runs are compared by.

use serde_json::{Value, json};

use crate::store::Store;
use crate::world::{SHARDS, key};

/// The query of a set is one whose workers crash.
pub(crate) fn is_broken(store: &Store, set: &str) -> bool {
    let config = store.get(&key("configmaps", set));
    config.is_some_and(|config| config["data"]["job.json"].to_string().contains("Broken"))
}

/// Seconds since all times in the status, by name.
pub(crate) fn ages(value: &Value, now: i64, text: &mut String) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let time = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
                if let Some(time) = time {
                    text.push_str(name);
                    text.push_str(&(now - time.as_second()).to_string());
                }
                ages(value, now, text);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| ages(item, now, text)),
        _ => {}
    }
}

/// What the worker is told.
pub(crate) fn slots_per_worker(set: &Value) -> u32 {
    let args = &set["spec"]["template"]["spec"]["containers"][0]["args"];
    let args: Vec<&str> = args.as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    let at = args.iter().position(|arg| *arg == "--slots-per-worker").unwrap();
    args[at + 1].parse().unwrap()
}

pub(crate) fn mask(object: &Value) -> Value {
    match object {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| {
                !matches!(
                    name.as_str(),
                    "uid"
                        | "resourceVersion"
                        | "creationTimestamp"
                        | "lastTransitionTime"
                        | "createdAt"
                        | "releasingSince"
                        | "acquiringSince"
                        | "claimedAt"
                        // Figures of slots that may not have been heard just then.
                        | "before"
                        | "observedAt"
                        | "startedAt"
                        | "completedAt"
                        | "podIP"
                        | "at"
                        | "streamjob.dev/job-uid"
                        | "location"
                        | "jobUid"
                        | "digest"
                        | "last"
                )
            })
            .map(|(name, value)| (name.clone(), mask(value)))
            .collect::<serde_json::Map<String, Value>>()
            .into(),
        Value::Array(items) => items.iter().map(mask).collect::<Vec<Value>>().into(),
        Value::String(text) if text.contains("\"uid\"") => Value::Null,
        // Of several pods that crash, the first one that is seen is named.
        Value::String(text) if text.contains(" has ended ") => {
            let (before, after) = text.split_once(" has ended ").expect("just seen");
            let pod = before.trim_end_matches(|c: char| c.is_ascii_digit());
            format!("{pod} has ended {after}").into()
        }
        plain => plain.clone(),
    }
}

/// The planner of the tests: refuses SQL that begins with a reason, else makes a plan of it.
pub(crate) fn verdict(config: &Value) -> String {
    let job: Value =
        serde_json::from_str(config["data"]["job.json"].as_str().unwrap()).expect("job.json");
    let sql = job["spec"]["sql"].as_str().unwrap();
    let word = sql.split_whitespace().next().unwrap_or_default();
    let reason = protocol::reason::Reason::ALL.iter().find(|reason| reason.as_str() == word);
    let refusals = reason.map(|reason| json!({"reason": reason, "message": "as the test wants"}));
    let layout = json!({"stages": [
        {"stage": 0, "topics": [{"topic": "clicks", "partitions": SHARDS}]},
    ]});
    let fingerprint = operator::digest::of(&sql);
    json!({
        "fingerprint": reason.is_none().then_some(fingerprint),
        "diff": null,
        "layout": reason.is_none().then_some(layout),
        "exchange_partitions": 16,
        "hash_version": 1,
        "refusals": refusals.into_iter().collect::<Vec<_>>(),
        "warnings": [],
    })
    .to_string()
}
