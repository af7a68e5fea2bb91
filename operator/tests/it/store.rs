//! Objects as an API server keeps them: versions, generations, finalizers, owners, and enough of
//! server-side apply for one field manager.

use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use crate::reading::{self, Meta};

/// Plural, namespace, name.
pub(crate) type Key = (String, String, String);

/// A refusal with its HTTP status and reason.
pub(crate) type Refusal = (u16, &'static str);

/// An object at one version, shared by every world that has it; what is made from it is made once.
pub(crate) struct Stored {
    value: Value,
    text: OnceLock<String>,
    print: OnceLock<u64>,
    meta: OnceLock<Meta>,
}

impl Stored {
    fn new(value: Value) -> Arc<Self> {
        let (text, print, meta) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Arc::new(Self { value, text, print, meta })
    }

    /// As it is answered.
    pub(crate) fn text(&self) -> &str {
        self.text.get_or_init(|| self.value.to_string())
    }

    /// A digest of what two runs are compared by.
    pub(crate) fn print(&self) -> u64 {
        *self.print.get_or_init(|| reading::print(&self.value))
    }

    /// As watches tell of it.
    pub(crate) fn meta(&self) -> &Meta {
        self.meta.get_or_init(|| reading::meta(&self.value))
    }
}

impl Deref for Stored {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) objects: Arc<BTreeMap<Key, Arc<Stored>>>,
    /// What was applied last, by object and subresource: fields that are missing next time go.
    applied: Arc<BTreeMap<(Key, &'static str), Arc<Value>>>,
    version: u64,
    uids: u64,
    /// Seconds since the epoch.
    pub(crate) now: i64,
    /// Seconds that pass with each pass.
    pub(crate) tempo: i64,
    /// Creations and deletions by object, in order of plural and name.
    pub(crate) created: Arc<BTreeMap<Key, u32>>,
    pub(crate) deleted: Arc<BTreeMap<Key, u32>>,
    /// Changes of any object.
    pub(crate) changes: u64,
    /// The namespace goes: nothing can be made in it any more.
    pub(crate) ending: bool,
}

pub(crate) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).expect("a time").to_string()
}

impl Store {
    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key).map(|object| &object.value)
    }

    pub(crate) fn create(&mut self, key: &Key, mut object: Value) -> Result<Arc<Stored>, Refusal> {
        if self.objects.contains_key(key) {
            return Err((409, "AlreadyExists"));
        }
        if self.ending {
            return Err((403, "NamespaceTerminating"));
        }
        self.uids += 1;
        let uid = format!("{:08x}-0000-0000-0000-000000000000", self.uids);
        let meta = object["metadata"].as_object_mut().expect("metadata");
        meta.insert("uid".into(), uid.into());
        meta.insert("namespace".into(), key.1.clone().into());
        meta.insert("name".into(), key.2.clone().into());
        meta.insert("creationTimestamp".into(), time(self.now).into());
        meta.insert("generation".into(), 1.into());
        meta.remove("resourceVersion");
        if let Some(text) = object.as_object_mut().and_then(|o| o.remove("stringData")) {
            object["data"] = encoded(&text);
        }
        *Arc::make_mut(&mut self.created).entry(key.clone()).or_default() += 1;
        self.put(key, object);
        Ok(Arc::clone(&self.objects[key]))
    }

    fn put(&mut self, key: &Key, mut object: Value) {
        self.version += 1;
        self.changes += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        Arc::make_mut(&mut self.objects).insert(key.clone(), Stored::new(object));
    }

    /// Changes an object in place; a no-op leaves the version alone.
    pub(crate) fn update(&mut self, key: &Key, change: impl FnOnce(&mut Value)) {
        let Some(old) = self.get(key) else { return };
        let mut new = old.clone();
        change(&mut new);
        // An empty list of finalizers is none.
        let meta = new["metadata"].as_object_mut().expect("metadata");
        if meta.get("finalizers").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            meta.remove("finalizers");
        }
        if new == *old {
            return;
        }
        // The mark of a deletion is a change of what is wanted, too.
        let deleted = |object: &Value| object["metadata"]["deletionTimestamp"].is_string();
        if new.get("spec") != old.get("spec") || deleted(&new) != deleted(old) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            new["metadata"]["generation"] = generation.into();
        }
        self.put(key, new);
        self.sweep(key);
    }

    /// Server-side apply of the main resource or of `status`.
    pub(crate) fn apply(
        &mut self,
        key: &Key,
        subresource: &'static str,
        body: &Value,
    ) -> Result<Arc<Stored>, Refusal> {
        let slot = (key.clone(), subresource);
        let wanted = Arc::new(content(body, subresource));
        if !self.objects.contains_key(key) {
            if subresource == "status" {
                return Err((404, "NotFound"));
            }
            if body["metadata"]["uid"].is_string() {
                return Err((409, "Conflict"));
            }
            let made = self.create(key, body.clone())?;
            Arc::make_mut(&mut self.applied).insert(slot, wanted);
            return Ok(made);
        }
        self.check(key, body)?;
        let before = Arc::make_mut(&mut self.applied).insert(slot, Arc::clone(&wanted));
        let is_first = before.is_none();
        let before = before.unwrap_or_else(|| Arc::new(json!({})));
        let old = Arc::clone(&self.objects[key]);
        self.update(key, |object| {
            remove_missing(object, &before, &wanted);
            merge(object, &wanted);
        });
        // That somebody applies it at all is noted in the object.
        if is_first && self.objects.get(key).is_some_and(|new| Arc::ptr_eq(new, &old)) {
            self.put(key, (**old).clone());
        }
        Ok(Arc::clone(&self.objects[key]))
    }

    /// Merge patch.
    pub(crate) fn merge_patch(&mut self, key: &Key, body: &Value) -> Result<Arc<Stored>, Refusal> {
        if !self.objects.contains_key(key) {
            return Err((404, "NotFound"));
        }
        self.check(key, body)?;
        let mut patch = body.clone();
        if let Some(meta) = patch["metadata"].as_object_mut() {
            meta.remove("resourceVersion");
        }
        let old = Arc::clone(&self.objects[key]);
        self.update(key, |object| merge(object, &patch));
        Ok(self.objects.get(key).cloned().unwrap_or(old))
    }

    /// Versions and identities that a patch insists upon.
    fn check(&self, key: &Key, body: &Value) -> Result<(), Refusal> {
        let meta = &self.objects[key]["metadata"];
        for field in ["resourceVersion", "uid"] {
            let wanted = &body["metadata"][field];
            if wanted.is_string() && *wanted != meta[field] {
                return Err((409, "Conflict"));
            }
        }
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: &Key, uid: Option<&str>) -> Result<(), Refusal> {
        let Some(object) = self.objects.get(key) else { return Err((404, "NotFound")) };
        if uid.is_some_and(|uid| object["metadata"]["uid"] != *uid) {
            return Err((409, "Conflict"));
        }
        if object["metadata"]["deletionTimestamp"].is_null() {
            let now = time(self.now);
            self.update(key, |object| object["metadata"]["deletionTimestamp"] = now.into());
        }
        self.sweep(key);
        Ok(())
    }

    /// Removes a deleted object that nothing holds.
    fn sweep(&mut self, key: &Key) {
        let Some(object) = self.objects.get(key) else { return };
        let held = object["metadata"]["finalizers"].as_array().is_some_and(|f| !f.is_empty());
        if object["metadata"]["deletionTimestamp"].is_null() || held {
            return;
        }
        Arc::make_mut(&mut self.objects).remove(key);
        Arc::make_mut(&mut self.applied).retain(|(applied, _), _| applied != key);
        self.changes += 1;
        *Arc::make_mut(&mut self.deleted).entry(key.clone()).or_default() += 1;
    }

    /// Deletes what belongs to owners that are gone: one level at a time, as the collector of a cluster does some time
    /// later.
    pub(crate) fn collect(&mut self) {
        let uids: HashSet<&Value> = self.objects.values().map(|o| &o["metadata"]["uid"]).collect();
        let orphaned = |object: &Value| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| owners.iter().all(|owner| !uids.contains(&owner["uid"])))
        };
        let orphans: Vec<Key> =
            self.objects.iter().filter(|(_, o)| orphaned(o)).map(|(key, _)| key.clone()).collect();
        for key in orphans {
            self.delete(&key, None).expect("it was there");
        }
    }

    /// Deletes everything, as the controller of a namespace does that goes.
    pub(crate) fn clear(&mut self) {
        let all: Vec<Key> = self.objects.keys().filter(|key| key.0 != "events").cloned().collect();
        for key in all {
            self.delete(&key, None).expect("it was there");
        }
    }

    /// What was applied last to an object that is there.
    pub(crate) fn applied(&self, key: &Key) -> Option<&Value> {
        self.applied.get(&(key.clone(), "")).map(|applied| &**applied)
    }

    pub(crate) fn list(
        &self,
        plural: &str,
        namespace: &str,
        selector: Option<&str>,
    ) -> Vec<Arc<Stored>> {
        let matches = |object: &Value| {
            selector.is_none_or(|selector| {
                selector.split(',').all(|term| {
                    let (name, value) = term.split_once('=').expect("an equality");
                    object["metadata"]["labels"][name] == value
                })
            })
        };
        self.objects
            .iter()
            .filter(|((p, n, _), object)| p == plural && n == namespace && matches(object))
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }
}

fn encoded(text: &Value) -> Value {
    let bytes = |value: &Value| k8s_openapi::ByteString(value.as_str().unwrap().into());
    text.as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), serde_json::to_value(bytes(value)).unwrap()))
        .collect::<Map<String, Value>>()
        .into()
}

/// The part of a body that an apply is about.
pub(crate) fn content(body: &Value, subresource: &str) -> Value {
    if subresource == "status" {
        return json!({"status": body["status"]});
    }
    let mut body = body.clone();
    let fields = body.as_object_mut().expect("an object");
    fields.remove("status");
    if let Some(meta) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("resourceVersion");
        meta.remove("uid");
    }
    body
}

/// Takes away what was applied before and is not any more.
fn remove_missing(object: &mut Value, before: &Value, now: &Value) {
    let (Some(fields), Some(before)) = (object.as_object_mut(), before.as_object()) else { return };
    for (name, old) in before {
        match now.get(name) {
            None => {
                fields.remove(name);
            }
            Some(new) => {
                if let Some(inner) = fields.get_mut(name) {
                    remove_missing(inner, old, new);
                }
            }
        }
    }
}

fn merge(object: &mut Value, over: &Value) {
    match (object, over) {
        (Value::Object(fields), Value::Object(over)) => {
            for (name, value) in over {
                merge(fields.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (object, over) => *object = over.clone(),
    }
}
