//! The schema as the API server gets it: what the derives make, made fit for structural schemas.
//!
//! - No defaults: they would be stored in every object, make tools that compare see differences,
//!   and pin today's value for ever. The types know the defaults.
//! - A choice ("exactly one of") is a CEL rule with a sentence instead of `oneOf`, whose error
//!   names nothing.
//! - No integer formats that Kubernetes does not know.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::crd::v1::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::rules::KEYWORD;
use crate::savepoint::Savepoint;
use crate::stream_job::{ROOT_RULES, StreamJob};

/// The definition of `StreamJob` as JSON.
pub fn stream_job_crd() -> Value {
    let mut crd = finished(&StreamJob::crd());
    if let Some(root) = root_schema_mut(&mut crd) {
        root.insert(KEYWORD.to_owned(), crate::rules::rules(ROOT_RULES));
    }
    crd
}

/// The definition of `Savepoint` as JSON.
pub fn savepoint_crd() -> Value {
    finished(&Savepoint::crd())
}

fn finished(crd: &CustomResourceDefinition) -> Value {
    let mut crd = serde_json::to_value(crd).expect("a definition is plain data");
    if let Some(root) = root_schema_mut(&mut crd) {
        tidy(root);
    }
    crd
}

fn root_schema_mut(crd: &mut Value) -> Option<&mut Map<String, Value>> {
    crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema")?.as_object_mut()
}

/// The schema inside a definition.
pub fn root_schema(crd: &Value) -> Option<&Value> {
    crd.pointer("/spec/versions/0/schema/openAPIV3Schema")
}

fn tidy(schema: &mut Map<String, Value>) {
    schema.remove("default");
    let format = schema.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| format.starts_with("uint")) {
        schema.remove("format");
    }
    choice_to_rule(schema);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().filter_map(Value::as_object_mut).for_each(tidy);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(Value::Object(inner)) = schema.get_mut(inner) {
            tidy(inner);
        }
    }
}

/// `oneOf: [{required: [a]}, {required: [b]}]` becomes the rule that exactly one is there.
fn choice_to_rule(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.remove("oneOf") else { return };
    let names: Vec<&str> =
        choices.iter().filter_map(|choice| choice.pointer("/required/0")?.as_str()).collect();
    debug_assert_eq!(names.len(), choices.len(), "a choice that is not by field");
    let has: Vec<String> = names.iter().map(|name| format!("has(self.{name})")).collect();
    let rule = match has.as_slice() {
        [only] => only.clone(),
        _ => format!("[{}].filter(x, x).size() == 1", has.join(", ")),
    };
    let message = format!("set exactly one of: {}", names.join(", "));
    let rules = schema.entry(KEYWORD).or_insert_with(|| json!([]));
    if let Some(rules) = rules.as_array_mut() {
        rules.push(json!({"rule": rule, "message": message}));
    }
}

/// Paths of fields that the schema does not know; what a typing error in a file looks like.
pub fn unknown_fields(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, value, "", &mut found);
    found
}

fn walk(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) {
        return;
    }
    match value {
        Value::Object(fields) => {
            let known = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            for (name, inner) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match (known.and_then(|known| known.get(name)), others) {
                    (Some(schema), _) | (None, Some(schema)) => walk(schema, inner, &path, found),
                    (None, None) => found.push(path),
                }
            }
        }
        Value::Array(items) => {
            let schema = schema.get("items").unwrap_or(&Value::Null);
            for (index, item) in items.iter().enumerate() {
                walk(schema, item, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_named_with_their_path() {
        let schema = json!({"properties": {
            "a": {"type": "string"},
            "list": {"items": {"properties": {"b": {}}}},
            "map": {"additionalProperties": {"properties": {"c": {}}}},
            "raw": {"x-kubernetes-preserve-unknown-fields": true},
        }});
        let value = json!({
            "a": "x", "z": 1,
            "list": [{"b": 1}, {"y": 1}],
            "map": {"any": {"c": 1, "x": 1}},
            "raw": {"w": {}},
        });
        assert_eq!(unknown_fields(&schema, &value), ["list[1].y", "map.any.x", "z"]);
    }

    #[test]
    fn a_choice_becomes_a_rule() {
        let mut schema = json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
        tidy(schema.as_object_mut().expect("an object"));
        let want = json!({KEYWORD: [{
            "rule": "[has(self.a), has(self.b)].filter(x, x).size() == 1",
            "message": "set exactly one of: a, b",
        }]});
        assert_eq!(schema, want);
    }
}
