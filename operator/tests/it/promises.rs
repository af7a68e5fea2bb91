//! Promises that every single write of the operator keeps, whatever went wrong before it.

use http::Method;
use serde_json::{Value, json};

use crate::api::target;
use crate::reading::verdict;
use crate::store::{Key, Store, content};
use crate::world::SHARDS;

/// What a write breaks, if it breaks anything.
pub(crate) fn broken(store: &Store, head: &http::request::Parts, body: &Value) -> Option<String> {
    let (plural, namespace, name, subresource) = target(head.uri.path());
    let name = name.or_else(|| body["metadata"]["name"].as_str().map(str::to_owned))?;
    let key: Key = (plural, namespace, name);
    let found = match (key.0.as_str(), &head.method) {
        ("savepoints", &Method::DELETE) => another(store, &key),
        (_, &Method::DELETE) | ("streamjobs" | "savepoints" | "events" | "leases", _) => None,
        _ if subresource.is_some() => None,
        _ => match store.get(&key) {
            None => orphan(store, &key, body).or_else(|| premature(store, &key, body)),
            Some(_) => changed(store, &key, body),
        },
    };
    found.map(|what| format!("{} {}: {what}", key.0, key.2))
}

/// Children have an owner who controls them, and say whose they are (I8).
fn orphan(store: &Store, key: &Key, body: &Value) -> Option<String> {
    let owner = &body["metadata"]["ownerReferences"][0];
    let uid = owner["uid"].as_str();
    let labels = &body["metadata"]["labels"];
    let by_job = owner["kind"] == "StreamJob" && labels["streamjob.dev/job-uid"].as_str() == uid;
    if owner["controller"] != true || !(by_job || owner["kind"] == "Savepoint") {
        return Some(format!("nobody's child: {:#}", body["metadata"]));
    }
    let of_generation =
        matches!(key.0.as_str(), "statefulsets" | "services" | "poddisruptionbudgets");
    let generation = labels["streamjob.dev/generation"].as_str();
    let last = job(store, uid)?["status"]["lastGeneration"].as_u64().unwrap_or_default();
    match generation.map(str::parse::<u64>) {
        // The intent stands in the status before the side effect (I6).
        Some(Ok(number)) if number <= last => None,
        None if !of_generation => None,
        other => Some(format!("of generation {other:?}, and {last} is the last one known")),
    }
}

/// What may not be made yet, or not at all.
fn premature(store: &Store, key: &Key, body: &Value) -> Option<String> {
    let owner = body["metadata"]["ownerReferences"][0]["uid"].as_str();
    match key.0.as_str() {
        "statefulsets" => refused(store, key),
        "jobs" if key.2.ends_with("-clean") => {
            let job = job(store, owner)?;
            let deleted = !job["metadata"]["deletionTimestamp"].is_null();
            (!deleted).then(|| "the job is not deleted".to_owned())
        }
        "jobs" if key.2.starts_with("savepoint-") => {
            let mut savepoints = store.objects.iter().filter(|(key, _)| key.0 == "savepoints");
            let (of, _) = savepoints.find(|(_, s)| s["metadata"]["uid"].as_str() == owner)?;
            disposed(store, of)
        }
        _ => None,
    }
}

/// A generation is made of a spec that the planner did not refuse: no state is given up unasked (I3).
fn refused(store: &Store, key: &Key) -> Option<String> {
    let config = store.get(&("configmaps".to_owned(), key.1.clone(), key.2.clone()));
    let Some(config) = config else { return Some("its ConfigMap is missing".to_owned()) };
    let verdict: Value = serde_json::from_str(&verdict(config, SHARDS)).unwrap();
    let refusals = verdict["refusals"].as_array().unwrap();
    (!refusals.is_empty()).then(|| format!("of a spec that was refused: {refusals:?}"))
}

/// The data of a savepoint goes only where something else is left to restore from (I2).
fn disposed(store: &Store, of: &Key) -> Option<String> {
    let savepoint = store.get(of)?;
    let uid = savepoint["status"]["jobUid"].as_str();
    let lives = job(store, uid).is_some_and(|job| job["metadata"]["deletionTimestamp"].is_null());
    if savepoint["status"]["phase"] != "Completed" || lives {
        return None;
    }
    another(store, of)
}

/// Of the savepoints that can be restored from, the last one stays (I2).
fn another(store: &Store, of: &Key) -> Option<String> {
    let uid = &store.get(of)?["status"]["jobUid"];
    let stays = store.objects.iter().any(|(key, other)| {
        key.0 == "savepoints"
            && key != of
            && other["status"]["jobUid"] == *uid
            && other["status"]["phase"] == "Completed"
            && other["metadata"]["deletionTimestamp"].is_null()
    });
    (!stays).then(|| "it is the last one".to_owned())
}

/// What was made stays as it was made: another generation has objects of its own (I5).
fn changed(store: &Store, key: &Key, body: &Value) -> Option<String> {
    let before = store.applied(key)?;
    (*before != content(body, "")).then(|| format!("changed from {before:#} to {body:#}"))
}

fn job<'a>(store: &'a Store, uid: Option<&str>) -> Option<&'a Value> {
    let mut jobs = store.objects.iter().filter(|(key, _)| key.0 == "streamjobs");
    let (key, _) = jobs.find(|(_, job)| job["metadata"]["uid"].as_str() == uid)?;
    store.get(key)
}

#[test]
fn a_broken_promise_is_seen() {
    let mut store = Store::default();
    let at = |plural: &str, name: &str| (plural.to_owned(), "default".to_owned(), name.to_owned());
    let mut create = |plural: &str, name: &str, object: Value| {
        store.create(&at(plural, name), object).expect("a new object")["metadata"]["uid"].clone()
    };
    let uid = create("streamjobs", "j", json!({"metadata": {}, "status": {"lastGeneration": 1}}));
    let of_spec = |sql: &str| json!({"spec": {"sql": sql, "sources": [{}]}}).to_string();
    for (name, sql) in [("j-g1", "INSERT INTO"), ("refused", "IncompatibleState")] {
        create("configmaps", name, json!({"metadata": {}, "data": {"job.json": of_spec(sql)}}));
    }
    let complete = json!({"phase": "Completed", "jobUid": "gone"});
    let last = create("savepoints", "sp", json!({"metadata": {}, "status": complete}));
    let child = |name: &str, owner: &Value, generation: &str| {
        json!({"metadata": {
            "name": name,
            "labels": {"streamjob.dev/job-uid": owner, "streamjob.dev/generation": generation},
            "ownerReferences": [{"kind": "StreamJob", "uid": owner, "controller": true}],
        }})
    };
    let mut removal = child("savepoint-1", &last, "1");
    removal["metadata"]["ownerReferences"][0]["kind"] = "Savepoint".into();
    let made = child("made", &uid, "1");
    store.apply(&at("services", "made"), "", &made).expect("a new object");
    let cases = [
        ("PATCH", "statefulsets/j-g1", child("j-g1", &uid, "1"), None),
        ("PATCH", "statefulsets/j-g1", json!({"metadata": {"name": "j-g1"}}), Some("nobody's")),
        ("PATCH", "services/j-g2", child("j-g2", &uid, "2"), Some("is the last one known")),
        ("PATCH", "statefulsets/refused", child("refused", &uid, "1"), Some("was refused")),
        ("PATCH", "jobs/j-clean", child("j-clean", &uid, "1"), Some("is not deleted")),
        ("PATCH", "jobs/savepoint-1", removal, Some("the last one")),
        ("DELETE", "savepoints/sp", Value::Null, Some("the last one")),
        ("PATCH", "services/made", made, None),
        ("PATCH", "services/made", child("made", &uid, "7"), Some("changed")),
    ];
    for (method, path, body, want) in cases {
        let request = http::Request::builder().method(method);
        let request = request.uri(format!("/apis/x/v1/namespaces/default/{path}"));
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let found = broken(&store, &head, &body);
        let same = match (&found, want) {
            (Some(found), Some(want)) => found.contains(want),
            (found, want) => found.is_none() && want.is_none(),
        };
        assert!(same, "{method} {path}: {found:?}, want {want:?}");
    }
}
