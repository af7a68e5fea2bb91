//! The Secret with the bearer token of the admin port. Made once; never read by users.

use serde_json::{Value, json};

use super::metadata;
use crate::names::{self, Component};
use crate::observed::Observed;

/// The key in the Secret, and the file in the pod.
pub const KEY: &str = "token";

/// The Secret with a token.
pub fn of(observed: &Observed, token: &str) -> Value {
    let name = names::token_secret(&observed.job.name);
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata::of(observed, &name, Component::Worker, None),
        "type": "Opaque",
        "immutable": true,
        "stringData": {KEY: token},
    })
}
