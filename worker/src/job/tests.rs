use std::path::PathBuf;

use serde_json::json;

use super::*;

fn object(change: impl FnOnce(&mut serde_json::Value)) -> StreamJob {
    let mut value = json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "StreamJob",
        "metadata": {"name": "clicks", "namespace": "shop", "uid": "u-1"},
        "spec": {
            "kafka": {"bootstrapServers": "kafka:9092"},
            "sources": [{
                "name": "clicks", "topic": "clicks", "format": {"json": {}},
                "columns": [{"name": "u", "type": "BIGINT"}, {"name": "ts", "type": "TIMESTAMP"}],
                "watermark": {"column": "ts", "delay": "5s"},
                "startFrom": {"earliest": {}},
                "onBadRecord": {"deadLetter": {"topic": "dlq"}}
            }],
            "sinks": [{"name": "out", "topic": "out", "format": {"json": {}}, "key": ["u"]}],
            "sql": "INSERT INTO out SELECT u FROM clicks",
            "checkpoints": {"location": "file:///tmp/x"}
        }
    });
    change(&mut value);
    crds::file::stream_job(&value.to_string()).expect("a job")
}

fn faults(object: StreamJob, secrets: &Path) -> Vec<(Reason, String)> {
    let error = Job::from_object(object, secrets).expect_err("refused");
    error.faults.into_iter().map(|f| (f.reason, f.message)).collect()
}

fn nowhere() -> PathBuf {
    PathBuf::from("/nonexistent")
}

#[test]
fn defaults_and_identity_are_resolved() {
    let job = Job::from_object(object(|_| {}), &nowhere()).expect("valid");
    assert_eq!(
        (job.name.as_str(), job.namespace.as_str(), job.uid.as_str()),
        ("clicks", "shop", "u-1")
    );
    assert_eq!(job.names.control_topic(), "streamjob.u-1.control");
    assert_eq!(job.commit_interval, Duration::from_millis(100));
    assert_eq!(job.checkpoint_interval, Duration::from_secs(30));
    assert!(job.exactly_once);
    let source = &job.sources[0];
    assert_eq!((source.max_future_ms, source.max_drift_ms), (Some(24 * 3600 * 1000), None));
    assert_eq!(source.on_bad_record, BadRecordPolicy::DeadLetter("dlq".into()));
}

#[test]
fn a_job_without_uid_is_known_by_its_name() {
    let local = object(|v| v["metadata"] = json!({"name": "clicks"}));
    let job = Job::from_object(local, &nowhere()).expect("valid");
    assert_eq!(job.uid, "local-default-clicks");
}

#[test]
fn all_faults_are_reported() {
    let broken = object(|v| {
        v["metadata"]["name"] = json!("Clicks");
        v["spec"]["kafka"] = json!({"auth": {"sasl": {
            "mechanism": "PLAIN",
            "usernameSecretRef": {"name": "s", "key": "user"},
            "passwordSecretRef": {"name": "s", "key": "password"}
        }}});
        v["spec"]["parallelism"] = json!(5000);
    });
    let faults = faults(broken, &nowhere());
    for part in
        ["metadata.name", "bootstrapServers", "parallelism", "kafka/username", "kafka/password"]
    {
        assert!(faults.iter().any(|(_, m)| m.contains(part)), "{part} in {faults:?}");
    }
    assert!(faults.iter().any(|(reason, _)| *reason == Reason::SecretMissing));
    assert!(faults.iter().any(|(reason, _)| *reason == Reason::InvalidSpec));
}

#[test]
fn secrets_come_from_files_and_never_into_messages() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(dir.path().join("kafka")).expect("made");
    fs::create_dir_all(dir.path().join("s3")).expect("made");
    for (file, text) in [
        ("kafka/username", "anna\n"),
        ("kafka/password", "hunter2\n"),
        ("kafka/ca.crt", "PEM"),
        ("s3/access-key-id", "id"),
        ("s3/secret-access-key", "key"),
    ] {
        fs::write(dir.path().join(file), text).expect("written");
    }
    let secret = |key: &str| json!({"name": "s", "key": key});
    let job = object(|v| {
        v["spec"]["kafka"]["auth"] = json!({
            "tls": {"caSecretRef": secret("ca")},
            "sasl": {
                "mechanism": "SCRAM-SHA-512",
                "usernameSecretRef": secret("user"),
                "passwordSecretRef": secret("password")
            }
        });
        v["spec"]["checkpoints"]["credentialsSecretRef"] = json!({"name": "s3"});
    });
    let job = Job::from_object(job, dir.path()).expect("valid");
    let property = |name: &str| job.kafka.properties.get(name).map(String::as_str);
    assert_eq!(property("security.protocol"), Some("SASL_SSL"));
    assert_eq!(property("sasl.mechanism"), Some("SCRAM-SHA-512"));
    assert_eq!(property("sasl.username"), Some("anna"));
    assert_eq!(property("sasl.password"), Some("hunter2"));
    assert!(property("ssl.ca.location").is_some_and(|path| path.ends_with("kafka/ca.crt")));
    let credentials = job.s3.credentials.as_ref().expect("read");
    assert_eq!(
        (credentials.access_key_id.as_str(), credentials.secret_access_key.as_str()),
        ("id", "key")
    );
    assert!(!format!("{job:?}").contains("hunter2"));
}

#[test]
fn plain_text_needs_no_secret() {
    let job = Job::from_object(object(|_| {}), &nowhere()).expect("valid");
    assert!(job.kafka.properties.is_empty());
    assert_eq!(job.s3.credentials, None);
}

#[test]
fn a_memory_limit_that_says_nothing_is_none() {
    for (text, limit) in [
        (None, None),
        (Some(""), None),
        (Some("0"), None),
        (Some("x"), None),
        (Some("1073741824\n"), Some(1 << 30)),
    ] {
        assert_eq!(memory_limit(text), limit, "{text:?}");
    }
}
