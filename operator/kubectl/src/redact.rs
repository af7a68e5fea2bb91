//! What others may see of an object: no secrets, no noise.

use serde_json::Value;

/// Stands where something was masked.
pub const MASK: &str = "(masked)";
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

/// Masks what follows a telling word in a line of a log, up to the next space, comma or quote.
pub fn line(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for word in ["password=", "password\":\"", "secret=", "token=", "authorization: bearer "] {
        for (at, _) in lower.match_indices(word) {
            let start = at + word.len();
            if start < from {
                continue;
            }
            let rest = &text[start..];
            let end = rest.find([' ', ',', '"', '\'', '&', '}']).map_or(text.len(), |n| start + n);
            masked.push_str(&text[from..start]);
            masked.push_str(MASK);
            from = end;
        }
    }
    masked.push_str(&text[from..]);
    masked
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

    #[test]
    fn lines_lose_what_follows_a_telling_word() {
        for (text, want) in [
            ("connected to kafka:9092", "connected to kafka:9092"),
            ("sasl.password=hunter2, x=1", "sasl.password=(masked), x=1"),
            ("{\"password\":\"hunter2\"}", "{\"password\":\"(masked)\"}"),
            ("GET /?token=abc&x", "GET /?token=(masked)&x"),
        ] {
            assert_eq!(line(text), want);
        }
    }
}
