//! Secrets are shown nowhere: unmistakable texts stand in the Secrets of the run, and at its end they are looked for in
//! all that anybody could read. A text that is no secret was put where it had to come through: it must be found.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::say;
use crate::world::{SYSTEM, World};

/// The secret key of the object store.
pub(crate) const STORE: &str = "canary-of-the-store-5d1c9f";
/// Another, which the store refuses.
pub(crate) const WRONG_STORE: &str = "canary-refused-by-the-store-77ab02";
/// The password of Kafka.
pub(crate) const KAFKA: &str = "canary-of-kafka-c30e58";
/// Another, which Kafka refuses.
pub(crate) const WRONG_KAFKA: &str = "canary-refused-by-kafka-e9f4d1";
/// No secret: the name of a column in a bad query, which is told in status, event and log.
pub(crate) const PLANTED: &str = "canary_that_may_sing";

const CANARIES: [&str; 4] = [STORE, WRONG_STORE, KAFKA, WRONG_KAFKA];

/// The place of a text, and the text.
type Text = (String, Vec<u8>);

/// Where secrets stand in the texts of one sort of place. What `holds` says must be there too, or it was not looked at.
fn shown(name: &str, holds: &str, texts: &[Text]) -> Vec<String> {
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    say(&format!("{name}: {} texts, {bytes} bytes", texts.len()));
    let is_looked_at = texts.iter().any(|(_, text)| has(text, holds));
    assert!(is_looked_at || !World::is_whole(), "{name}: {holds} is not there");
    let mut shown = Vec::new();
    for (place, text) in texts {
        let found = CANARIES.into_iter().filter(|canary| has(text, canary));
        shown.extend(found.map(|canary| format!("{name}: {place}: {canary}")));
    }
    shown
}

fn has(text: &[u8], part: &str) -> bool {
    // Whatever is not text is replaced, which leaves text beside it as it is.
    String::from_utf8_lossy(text).contains(part)
}

/// A page that only shows what is now is kept for the end.
pub(crate) fn keep_pages(world: &World, pod: &str) {
    let folder = world.folder("pages").unwrap();
    for page in ["metrics", "v1/status"] {
        let path = format!("/api/v1/namespaces/default/pods/{pod}:9090/proxy/{page}");
        let text = world.tools.kubectl(&["get", "--raw", &path]).unwrap();
        fs::write(folder.join(format!("{pod}-{}", page.replace('/', "-"))), text).unwrap();
    }
    for pid in workers() {
        for file in ["environ", "cmdline"] {
            // It may be gone by now.
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            fs::write(folder.join(format!("{file}-{pid}")), text).unwrap();
        }
    }
}

/// The processes of workers, as the host sees them.
fn workers() -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let is_worker = |pid: &String| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.starts_with("streamjob-worke")
    };
    names.filter(is_worker).collect()
}

/// All that can be read of the run holds no secret.
pub(crate) fn shown_nowhere(world: &World) {
    let path = format!("/api/v1/namespaces/{SYSTEM}/services/streamjob:8080/proxy/metrics");
    let metrics = world.tools.kubectl(&["get", "--raw", &path]).unwrap();
    let folder = world.folder("pages").unwrap();
    fs::write(folder.join("operator-metrics"), metrics).unwrap();
    let (records, stored) = (files(&world.kafka_data(), "log"), files(&world.bucket(), ""));
    let [plugin, desk] = ["plugin", "desk"].map(|name| files(&world.folder(name).unwrap(), ""));
    let found = [
        shown("logs", PLANTED, &world.listener.texts().unwrap()),
        shown("requests", PLANTED, &[requests(world)]),
        shown("objects", PLANTED, &[objects(world)]),
        shown("pages", "streamjob_", &files(&folder, "")),
        shown("reports", "plugged", &plugin),
        shown("the handbook's desk", "clicks", &desk),
        shown("the store", "plan_fingerprint", &stored),
        shown("Kafka's records", "streamjob.", &records),
    ]
    .concat();
    assert!(found.is_empty(), "secrets are shown:\n{}", found.join("\n"));
}

/// What was written through the API server, with all statuses and events that ever were.
fn requests(world: &World) -> Text {
    ("audit.log".to_owned(), fs::read(world.audit_log()).unwrap())
}

/// Every object that is there at the end but Secrets.
fn objects(world: &World) -> Text {
    let kinds = ["api-resources", "--verbs=list", "-o", "name"];
    let kinds = world.tools.kubectl(&kinds).unwrap();
    let kinds: Vec<&str> = kinds.lines().filter(|kind| *kind != "secrets").collect();
    assert!(kinds.contains(&"events") && kinds.contains(&"streamjobs.streamjob.dev"), "{kinds:?}");
    let all = ["get", &kinds.join(","), "--all-namespaces", "-o", "json"];
    ("kubectl get".to_owned(), world.tools.kubectl(&all).unwrap().into_bytes())
}

/// All files below a folder, or those with an ending.
fn files(folder: &Path, ending: &str) -> Vec<Text> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if ending.is_empty() || path.extension().is_some_and(|found| found == ending) {
            // Kafka and the store tidy up meanwhile.
            found.push((path.display().to_string(), fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

/// The Secret that a job of the run names, with another value of one key.
pub(crate) fn secret(name: &str, fields: &[(&str, &str)]) -> Value {
    let fields: serde_json::Map<String, Value> =
        fields.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    serde_json::json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": "default"},
        "stringData": fields,
    })
}

#[test]
fn a_secret_that_is_shown_is_found() {
    let silent = ("a log".to_owned(), b"all is well".to_vec());
    let telling = ("a page".to_owned(), [b"\xff\x00 ", STORE.as_bytes(), b"\""].concat());
    let found = shown("test", "well", &[silent, telling]);
    assert_eq!(found, [format!("test: a page: {STORE}")]);
}
