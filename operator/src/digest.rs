//! Short digests of values, to see whether two specs are the same.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Sixteen hex digits over the canonical JSON of a value (object keys sorted).
pub fn of<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).expect("specs are plain data");
    let mut hash = Sha256::new();
    hash.update(canonical(&value).as_bytes());
    hex::encode(&hash.finalize()[..8])
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|a, b| a.0.cmp(b.0));
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn digests_are_frozen_and_ignore_the_order_of_keys() {
        let digest = super::of(&json!({"a": [1, "x"], "b": null}));
        assert_eq!(digest, super::of(&json!({"b": null, "a": [1, "x"]})));
        assert_ne!(digest, super::of(&json!({"a": ["x", 1], "b": null})));
        assert_eq!(digest.len(), 16);
    }
}
