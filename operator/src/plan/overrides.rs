//! Merging what a user writes over what the operator makes.

use serde_json::Value;

/// Objects field by field, lists of named things by name, everything else replaced; null removes.
pub fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                if value.is_null() {
                    base.remove(name);
                } else {
                    merge(base.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(base), Value::Array(over)) if named(base) && named(over) => {
            for item in over {
                match base.iter_mut().find(|known| known["name"] == item["name"]) {
                    Some(known) => merge(known, item),
                    None => base.push(item.clone()),
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get("name").is_some_and(Value::is_string))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn what_a_user_writes_wins_where_it_is_written() {
        let cases = [
            (json!({"a": 1, "b": 2}), json!({"b": 3}), json!({"a": 1, "b": 3})),
            (json!({"a": {"x": 1}}), json!({"a": {"y": 2}}), json!({"a": {"x": 1, "y": 2}})),
            (json!({"a": 1}), json!({"a": null}), json!({})),
            (json!({"l": [1, 2]}), json!({"l": [3]}), json!({"l": [3]})),
            (
                json!({"c": [{"name": "w", "image": "i"}]}),
                json!({"c": [{"name": "w", "env": []}, {"name": "s"}]}),
                json!({"c": [{"name": "w", "image": "i", "env": []}, {"name": "s"}]}),
            ),
        ];
        for (mut base, over, want) in cases {
            super::merge(&mut base, &over);
            assert_eq!(base, want);
        }
    }
}
