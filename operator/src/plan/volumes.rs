//! What pods find under `/etc/streamjob`: one projected volume of the job and the Secrets that the
//! spec names, each under a fixed path.

use crds::{Auth, SecretKeyRef, StreamJobSpec};
use serde_json::{Value, json};

use super::token_secret;
use crate::names;

/// Where the volume is mounted.
pub const MOUNT: &str = "/etc/streamjob";

/// The file with the log filter in it.
pub const LOG_FILE: &str = "log";

/// The sources of the projected volume. The Secrets of users are optional, so that a missing one
/// is reported by the worker with its name instead of a pod that never starts.
pub fn sources(job: &str, config_map: &str, spec: &StreamJobSpec, admin: bool) -> Value {
    let mut sources = vec![json!({"configMap": {"name": config_map}})];
    if admin {
        sources.push(json!({"secret": {
            "name": names::token_secret(job),
            "items": [{"key": token_secret::KEY, "path": "secrets/admin/token"}],
        }}));
        // Workers follow this file: whoever annotates their pod changes what they log.
        let annotation = format!("metadata.annotations['{}']", names::LOG);
        sources.push(json!({"downwardAPI": {
            "items": [{"path": LOG_FILE, "fieldRef": {"fieldPath": annotation}}],
        }}));
    }
    if let Some(auth) = &spec.kafka.auth {
        sources.extend(kafka(auth));
    }
    if let Some(secret) = &spec.checkpoints.credentials_secret_ref {
        sources.push(json!({"secret": {
            "name": secret.name,
            "optional": true,
            "items": [
                {"key": secret.access_key_id_key(), "path": "secrets/s3/access-key-id"},
                {"key": secret.secret_access_key_key(), "path": "secrets/s3/secret-access-key"},
            ],
        }}));
    }
    Value::Array(sources)
}

fn kafka(auth: &Auth) -> Vec<Value> {
    let tls = auth.tls.as_ref();
    let sasl = auth.sasl.as_ref();
    let files: [(Option<&SecretKeyRef>, &str); 5] = [
        (tls.and_then(|tls| tls.ca_secret_ref.as_ref()), "ca.crt"),
        (tls.and_then(|tls| tls.certificate_secret_ref.as_ref()), "tls.crt"),
        (tls.and_then(|tls| tls.key_secret_ref.as_ref()), "tls.key"),
        (sasl.map(|sasl| &sasl.username_secret_ref), "username"),
        (sasl.map(|sasl| &sasl.password_secret_ref), "password"),
    ];
    files
        .into_iter()
        .filter_map(|(secret, file)| Some((secret?, file)))
        .map(|(secret, file)| {
            json!({"secret": {
                "name": secret.name,
                "optional": true,
                "items": [{"key": secret.key, "path": format!("secrets/kafka/{file}")}],
            }})
        })
        .collect()
}
