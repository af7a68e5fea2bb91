//! What others may see of an object: no secrets, no noise.

use protocol::redact::MASK;
use serde_json::Value;

/// Parts of field names whose text is never shown.
const TELLING: [&str; 8] = [
    "password",
    "passwd",
    "secretkey",
    "accesskey",
    "apikey",
    "credential",
    "privatekey",
    "bearer",
];
/// Fields that say nothing to a reader, or repeat the object unmasked.
const NOISE: [&str; 2] = ["managedFields", "kubectl.kubernetes.io/last-applied-configuration"];

/// Masks an object in place.
pub fn object(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !NOISE.contains(&name.as_str()));
            for (name, inner) in fields.iter_mut() {
                if name == "env" {
                    variables(inner);
                } else if inner.is_string() && is_telling(name) {
                    *inner = MASK.into();
                } else {
                    object(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(object),
        _ => {}
    }
}

/// The values of environment variables; where they come from may be seen.
fn variables(list: &mut Value) {
    for variable in list.as_array_mut().into_iter().flatten() {
        if let Some(value) = variable.get_mut("value") {
            *value = MASK.into();
        }
    }
}

fn is_telling(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    let refers = ["ref", "name", "keykey", "idkey"].iter().any(|end| name.ends_with(end));
    !refers && (TELLING.iter().any(|word| name.contains(word)) || name == "token")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_and_references_are_not() {
        let mut found = json!({
            "metadata": {"managedFields": [1], "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b",
            }},
            "spec": {
                "credentialsSecretRef": {"name": "minio", "accessKeyIdKey": "access-key-id"},
                "password": "hunter2", "secret-access-key": "x", "token": "t",
                "containers": [{"env": [
                    {"name": "A", "value": "hunter2"},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ]}],
            },
        });
        object(&mut found);
        let want = json!({
            "metadata": {"annotations": {"a": "b"}},
            "spec": {
                "credentialsSecretRef": {"name": "minio", "accessKeyIdKey": "access-key-id"},
                "password": MASK, "secret-access-key": MASK, "token": MASK,
                "containers": [{"env": [
                    {"name": "A", "value": MASK},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ]}],
            },
        });
        assert_eq!(found, want);
    }
}
