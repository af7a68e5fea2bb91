//! Random steps that a client of an API server takes, and what comes of them, one line each: the same against the API
//! server in memory and against a real one. Names, identities and versions are numbered as they appear.

use std::collections::BTreeMap;

use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
    Preconditions,
};
use kube::{Client, Error, ResourceExt};
use serde_json::{Value, json};

use crate::random::Random;

/// Sequences that are compared.
pub(crate) const SEEDS: u64 = 12;
/// Steps of each.
const STEPS: usize = 50;
const MANAGER: &str = "contract";
const FINALIZER: &str = "test.streamjob.dev/held";
const NAMES: [&str; 2] = ["a", "b"];
const API_VERSION: &str = "test.streamjob.dev/v1";

/// A kind with a status, of no schema.
pub(crate) fn resource() -> ApiResource {
    ApiResource {
        group: "test.streamjob.dev".into(),
        version: "v1".into(),
        api_version: API_VERSION.into(),
        kind: "Thing".into(),
        plural: "things".into(),
    }
}

/// What is applied: fields come, change and go.
fn body(name: &str, variant: usize) -> Value {
    let (spec, labels) = match variant {
        0 => (json!({"a": 1}), json!({"l": "1"})),
        1 => (json!({"a": 1, "b": {"c": 2}}), json!({"l": "1"})),
        2 => (json!({"a": 2, "b": {"c": 3, "d": [1, 2]}}), json!({"l": "2", "m": "1"})),
        _ => (json!({"a": 2, "b": {"d": [1]}}), json!({"l": "1"})),
    };
    json!({
        "apiVersion": API_VERSION, "kind": "Thing",
        "metadata": {"name": name, "labels": labels}, "spec": spec,
    })
}

/// An object as it was seen at some time.
#[derive(Clone)]
struct Sight {
    uid: String,
    version: String,
}

/// One sequence under way.
struct Sequence {
    api: Api<DynamicObject>,
    random: Random,
    seen: BTreeMap<&'static str, Vec<Sight>>,
    /// Identities in the order in which they appeared, each with its versions.
    numbers: Vec<(String, Vec<String>)>,
    /// How each was described last.
    described: BTreeMap<&'static str, String>,
}

/// Takes the steps of a seed; a line for each.
pub(crate) async fn run(client: &Client, namespace: &str, seed: u64) -> Vec<String> {
    let api = Api::namespaced_with(client.clone(), namespace, &resource());
    let random = Random::new(seed);
    let (seen, numbers, described) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    let mut sequence = Sequence { api, random, seen, numbers, described };
    let mut lines = Vec::new();
    for _ in 0..STEPS {
        lines.push(sequence.step().await);
    }
    sequence.clear().await;
    lines
}

/// All sequences, each with a client of its own.
pub(crate) async fn all(client: impl Fn() -> Client, namespace: &str) -> String {
    let mut text = String::new();
    for seed in 0..SEEDS {
        text += "sequence ";
        text += &seed.to_string();
        text += "\n";
        for line in run(&client(), namespace, seed).await {
            text += &line;
            text += "\n";
        }
    }
    text
}

/// The first line of each sequence that is another one; of the first of them those before it, too.
pub(crate) fn difference(expected: &str, found: &str) -> Option<String> {
    let split = |text: &str| -> Vec<Vec<String>> {
        let sequences = text.split("sequence ").skip(1);
        sequences.map(|text| text.lines().map(str::to_owned).collect()).collect()
    };
    let (expected, found) = (split(expected), split(found));
    let mut told = String::new();
    for (expected, found) in expected.iter().zip(&found) {
        let mut pairs = expected.iter().zip(found);
        let Some(at) = pairs.position(|(expected, found)| expected != found) else { continue };
        if told.is_empty() {
            told = format!("{}\n", expected[..at].join("\n"));
        }
        let number = &expected[0];
        for (word, line) in [("expected", &expected[at]), ("found   ", &found[at])] {
            told = format!("{told}{number}: {word} {line}\n");
        }
    }
    if told.is_empty() && expected.len() != found.len() {
        told = format!("{} sequences, not {}", found.len(), expected.len());
    }
    (!told.is_empty()).then_some(told)
}

impl Sequence {
    /// The version or identity that a request insists upon: none, the newest, or an older one.
    fn insist(&mut self, name: &str) -> (Option<Sight>, &'static str) {
        let none = Vec::new();
        let seen = self.seen.get(name).unwrap_or(&none).clone();
        match self.random.below(4) {
            0 | 1 if !seen.is_empty() => (seen.last().cloned(), " of the newest"),
            2 if seen.len() > 1 => {
                let at = self.random.below(seen.len() - 1);
                (Some(seen[at].clone()), " of an older one")
            }
            _ => (None, ""),
        }
    }

    async fn step(&mut self) -> String {
        let name = NAMES[self.random.below(NAMES.len())];
        let (what, done) = match self.random.below(16) {
            0 => self.create(name).await,
            1..=5 => self.apply(name).await,
            6..=9 => self.status(name).await,
            10..=12 => self.finalizer(name).await,
            13 | 14 => self.delete(name).await,
            _ => self.list().await,
        };
        let answer = match done {
            Ok(text) => text,
            Err(Error::Api(status)) => format!("{} {}", status.code, status.reason),
            // No answer of an API server: the line is another one, and says why.
            Err(error) => error.to_string(),
        };
        let state = match self.api.get_opt(name).await.expect("a reading") {
            Some(object) => self.describe(name, &object),
            None => "nothing".to_owned(),
        };
        let before = self.described.insert(name, state.clone());
        let state = if before.as_ref() == Some(&state) { "as it was" } else { &state };
        format!("{what}: {answer} -> {state}")
    }

    async fn create(&mut self, name: &str) -> (String, Result<String, Error>) {
        let object = serde_json::from_value(body(name, 0)).expect("an object");
        let done = self.api.create(&PostParams::default(), &object).await;
        (format!("create {name}"), done.map(|_| "done".to_owned()))
    }

    async fn apply(&mut self, name: &'static str) -> (String, Result<String, Error>) {
        let variant = self.random.below(4);
        let (insisted, words) = self.insist(name);
        let mut body = body(name, variant);
        if let Some(sight) = insisted {
            body["metadata"]["uid"] = sight.uid.into();
            body["metadata"]["resourceVersion"] = sight.version.into();
        }
        let params = PatchParams::apply(MANAGER).force();
        let done = self.api.patch(name, &params, &Patch::Apply(&body)).await;
        (format!("apply {variant} to {name}{words}"), done.map(|_| "done".to_owned()))
    }

    async fn status(&mut self, name: &'static str) -> (String, Result<String, Error>) {
        let status = [json!({"p": 1}), json!({"p": 2, "q": [1]}), json!({"q": []})];
        let variant = self.random.below(status.len());
        let (insisted, words) = self.insist(name);
        let mut body = json!({
            "apiVersion": API_VERSION, "kind": "Thing",
            "metadata": {"name": name}, "status": status[variant],
        });
        if let Some(sight) = insisted {
            body["metadata"]["uid"] = sight.uid.into();
            body["metadata"]["resourceVersion"] = sight.version.into();
        }
        let params = PatchParams::apply(MANAGER).force();
        let done = self.api.patch_status(name, &params, &Patch::Apply(&body)).await;
        (format!("status {variant} of {name}{words}"), done.map(|_| "done".to_owned()))
    }

    async fn finalizer(&mut self, name: &'static str) -> (String, Result<String, Error>) {
        let on = self.random.one_in(2);
        let (insisted, words) = self.insist(name);
        let held: Vec<&str> = on.then_some(FINALIZER).into_iter().collect();
        let mut body = json!({"metadata": {"finalizers": held}});
        if let Some(sight) = insisted {
            body["metadata"]["resourceVersion"] = sight.version.into();
        }
        let done = self.api.patch(name, &PatchParams::default(), &Patch::Merge(&body)).await;
        let what = if on { "hold" } else { "let go" };
        (format!("{what} {name}{words}"), done.map(|_| "done".to_owned()))
    }

    async fn delete(&mut self, name: &'static str) -> (String, Result<String, Error>) {
        let (insisted, words) = self.insist(name);
        let uid = insisted.map(|sight| sight.uid);
        let params = DeleteParams::background();
        let params = match uid {
            None => params,
            uid => params.preconditions(Preconditions { uid, resource_version: None }),
        };
        let done = self.api.delete(name, &params).await;
        (format!("delete {name}{words}"), done.map(|_| "done".to_owned()))
    }

    async fn list(&mut self) -> (String, Result<String, Error>) {
        let found = self.api.list(&ListParams::default().labels("l=1")).await;
        let names = found
            .map(|list| list.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>().join(" "));
        ("list l=1".to_owned(), names)
    }

    /// The object, without what depends on the server and the time.
    fn describe(&mut self, name: &'static str, object: &DynamicObject) -> String {
        let meta = &object.metadata;
        let uid = meta.uid.clone().expect("an identity");
        let version = meta.resource_version.clone().expect("a version");
        let sights = self.seen.entry(name).or_default();
        if sights.last().is_none_or(|last| last.version != version || last.uid != uid) {
            sights.push(Sight { uid: uid.clone(), version: version.clone() });
        }
        let identity = self.numbers.iter().position(|(known, _)| *known == uid);
        let identity = identity.unwrap_or_else(|| {
            self.numbers.push((uid, Vec::new()));
            self.numbers.len() - 1
        });
        let versions = &mut self.numbers[identity].1;
        let number = versions.iter().position(|known| *known == version).unwrap_or_else(|| {
            versions.push(version);
            versions.len() - 1
        });
        let fields = json!({
            "generation": meta.generation,
            "labels": meta.labels,
            "finalizers": meta.finalizers.clone().unwrap_or_default(),
            "deleted": meta.deletion_timestamp.is_some(),
            "spec": object.data.get("spec"),
            "status": object.data.get("status"),
        });
        format!("object {identity}, version {number}, {fields}")
    }

    /// Leaves nothing behind.
    async fn clear(&self) {
        let body = json!({"metadata": {"finalizers": []}});
        for name in NAMES {
            if self.api.get_opt(name).await.expect("a reading").is_some() {
                let params = PatchParams::default();
                drop(self.api.patch(name, &params, &Patch::Merge(&body)).await);
                drop(self.api.delete(name, &DeleteParams::default()).await);
            }
        }
    }
}
