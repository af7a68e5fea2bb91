//! Getting at a place of an object: what is missing on the way is put there, no more than the schema asks for.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value, json};

use super::table::Table;
use super::walk::Step;

/// How a rule begins that one of several fields be there.
const CHOICE: &str = "set exactly one of: ";
/// An instant.
pub(super) const INSTANT: &str = "2026-01-31T00:00:00Z";

/// The schema and the value at the end of the steps.
pub(super) fn open<'s, 'v>(
    schema: &'s Value,
    at: &'v mut Value,
    steps: &[Step],
    table: &Table,
) -> anyhow::Result<(&'s Value, &'v mut Value)> {
    let Some((step, rest)) = steps.split_first() else { return Ok((schema, at)) };
    let (inner, value) = match step {
        Step::Field(name) => {
            let inner = &schema["properties"][name.as_str()];
            let fields = at.as_object_mut().with_context(|| format!("{name}: of an object"))?;
            if !fields.contains_key(name) {
                if choices(schema).is_some_and(|words| words.contains(&name.as_str())) {
                    fields.clear();
                }
                fields.insert(name.clone(), least(inner, table)?);
            }
            (inner, &mut at[name.as_str()])
        }
        Step::Item => {
            let items = at.as_array_mut().context("an item of a list")?;
            if items.is_empty() {
                items.push(least(&schema["items"], table)?);
            }
            (&schema["items"], &mut at[0])
        }
        Step::Entry => {
            let inner = &schema["additionalProperties"];
            let entries = at.as_object_mut().context("an entry of a map")?;
            if entries.is_empty() {
                entries.insert("0".to_owned(), least(inner, table)?);
            }
            (inner, entries.values_mut().next().context("just made")?)
        }
    };
    open(inner, value, rest, table)
}

fn choices(schema: &Value) -> Option<Vec<&str>> {
    let rules = schema["x-kubernetes-validations"].as_array()?;
    let mut words = rules.iter().filter_map(|rule| rule["message"].as_str()?.strip_prefix(CHOICE));
    Some(words.next()?.split(", ").collect())
}

/// The least value that the schema accepts.
pub(super) fn least(schema: &Value, table: &Table) -> anyhow::Result<Value> {
    if let Some(word) = schema["enum"].get(0) {
        return Ok(word.clone());
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return Ok(if schema["pattern"].is_null() { json!("a") } else { json!(1) });
    }
    Ok(match schema["type"].as_str().context("a type")? {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten();
            let required = required.filter_map(Value::as_str);
            let first = choices(schema).and_then(|words| words.first().copied());
            let mut fields = Map::new();
            for name in required.chain(first) {
                fields.insert(name.to_owned(), least(&schema["properties"][name], table)?);
            }
            if schema["minProperties"].is_number() {
                fields.insert("0".to_owned(), least(&schema["additionalProperties"], table)?);
            }
            Value::Object(fields)
        }
        "array" if schema["minItems"].is_null() => json!([]),
        "array" => json!([least(&schema["items"], table)?]),
        "integer" if schema["minimum"].is_null() => json!(0),
        "integer" => json!(schema["minimum"].as_f64().map_or(0, |least| i64::from(least > 0.0))),
        "boolean" => json!(true),
        "string" if schema["format"] == "date-time" => json!(INSTANT),
        "string" => match schema["pattern"].as_str() {
            None => json!("a"),
            Some(pattern) => json!(table.shortest(pattern)?),
        },
        other => bail!("no value of type {other}"),
    })
}

/// Writes a value at a JSON pointer; null takes the field away. Objects on the way are made.
pub(super) fn write(object: &mut Value, pointer: &str, value: &Value) -> anyhow::Result<()> {
    let (parent, field) = pointer.rsplit_once('/').context("a pointer")?;
    let parent = object.pointer_mut(parent).with_context(|| format!("{pointer}: no parent"))?;
    if let Some(items) = parent.as_array_mut() {
        let at: usize = field.parse()?;
        *items.get_mut(at).with_context(|| format!("{pointer}: no item"))? = value.clone();
        return Ok(());
    }
    let fields = parent.as_object_mut().with_context(|| format!("{pointer}: no object"))?;
    if value.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value.clone());
    }
    ensure!(!fields.contains_key(""), "{pointer}");
    Ok(())
}
