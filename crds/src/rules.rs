//! CEL rules as data: what stands in `x-kubernetes-validations` beside a field.

use serde_json::{Value, json};

/// The schema keyword that carries CEL rules.
pub const KEYWORD: &str = "x-kubernetes-validations";

/// One rule: the CEL expression and what the user is told when it does not hold.
pub type Rule = (&'static str, &'static str);

/// The value of [`KEYWORD`] for the given rules.
pub fn rules(rules: &[Rule]) -> Value {
    rules.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect()
}
