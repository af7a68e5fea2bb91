//! What the small cluster makes of objects, and what of them two runs are compared by.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use kube::core::PartialObjectMeta;
use serde_json::{Value, json};

use crate::store::Store;
use crate::world::{SHARDS, key};

/// An object of any kind, as far as its metadata goes.
pub(crate) type Meta = PartialObjectMeta<operator::fetch::RawJob>;

pub(crate) fn meta(object: &Value) -> Meta {
    serde_json::from_value(json!({"metadata": object["metadata"]})).expect("metadata")
}

/// A digest of what two runs are compared by.
pub(crate) fn print(object: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    mask(object).to_string().hash(&mut hasher);
    hasher.finish()
}

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

/// The logs that a generation reads.
pub(crate) fn logs(store: &Store, set: &str) -> u32 {
    let config = store.get(&key("configmaps", set)).expect("a ConfigMap before the set");
    let text = config["data"]["layout.json"].as_str().expect("a layout");
    let layout: Value = serde_json::from_str(text).expect("a layout");
    let partitions = layout["stages"][0]["topics"][0]["partitions"].as_u64();
    u32::try_from(partitions.expect("a number")).expect("a small one")
}

/// The planner of the tests: refuses SQL that begins with a reason, and a claim about a source that has grown; else
/// makes a plan of it.
pub(crate) fn verdict(config: &Value, partitions: u32) -> String {
    let job: Value =
        serde_json::from_str(config["data"]["job.json"].as_str().unwrap()).expect("job.json");
    let sql = job["spec"]["sql"].as_str().unwrap();
    let word = sql.split_whitespace().next().unwrap_or_default();
    let claims = !job["spec"]["sources"][0]["partitionedBy"].is_null();
    let word = if claims && partitions != SHARDS { "SourcePartitionsChanged" } else { word };
    let reason = protocol::reason::Reason::ALL.iter().find(|reason| reason.as_str() == word);
    let refusals = reason.map(|reason| json!({"reason": reason, "message": "as the test wants"}));
    let layout = json!({"stages": [
        {"stage": 0, "topics": [{"topic": "clicks", "partitions": partitions}]},
    ]});
    let fingerprint = operator::digest::of(&json!([sql, partitions]));
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
