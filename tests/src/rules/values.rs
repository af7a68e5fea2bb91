//! Values that keep a rule, just, and values that break it.

use std::iter;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use super::place::{self, INSTANT};
use super::table::{Table, Texts};
use super::walk::{Demand, Rule};

/// A word that no schema knows.
const NO_WORD: &str = "nonsense";

/// Values for the place of the rule, each with whether it breaks the rule.
pub(super) fn of(
    rule: &Rule,
    schema: &Value,
    current: &Value,
    table: &Table,
) -> anyhow::Result<Vec<(Value, bool)>> {
    let place = rule.place.to_string();
    let texts = || schema["pattern"].as_str().map(|pattern| table.texts(pattern)).transpose();
    let (mut keeps, breaks) = match &rule.demand {
        Demand::Type(_) | Demand::NumberOrText | Demand::Required(_) => {
            shape(&rule.demand, current)
        }
        Demand::Pattern(pattern) => {
            let texts = table.texts(pattern)?;
            (all(&texts.keeps), all(&texts.breaks))
        }
        Demand::MaxLength(n) => {
            let (fits, longer) = around(*n, schema, texts()?)?;
            (vec![json!(fits)], vec![json!(longer)])
        }
        Demand::MinLength(n) => {
            ensure!(*n == 1, "a text of at least {n}");
            let shortest = schema["pattern"].as_str().map_or(Ok("a"), |p| table.shortest(p))?;
            (vec![json!(shortest)], vec![json!("")])
        }
        Demand::Minimum(n) => (vec![json!(n)], vec![json!(n - 1)]),
        Demand::Maximum(n) => (vec![json!(n)], vec![json!(n + 1)]),
        Demand::MinItems(n) => {
            (vec![items(*n, schema, current, table)?], vec![items(n - 1, schema, current, table)?])
        }
        Demand::MaxItems(n) => {
            let most = items(room(schema).min(*n), schema, current, table)?;
            (vec![most], vec![items(n + 1, schema, current, table)?])
        }
        Demand::MinProperties(n) => (vec![entries(*n)], vec![entries(n - 1)]),
        Demand::MaxProperties(n) => (vec![entries(*n)], vec![entries(n + 1)]),
        Demand::OneOf(words) => (words.clone(), vec![json!(NO_WORD)]),
        Demand::DateTime => (vec![json!(INSTANT)], vec![json!("yesterday")]),
        Demand::Unique(_) => {
            let one = items(1, schema, current, table)?;
            let twice: Vec<&Value> = iter::repeat_n(&one[0], 2).collect();
            (vec![one.clone()], vec![json!(twice)])
        }
        Demand::Says(message) => anyhow::bail!("{message}: rows say what keeps it"),
    };
    if let (Some(only), Demand::Pattern(_) | Demand::NumberOrText) =
        (table.only(&place), &rule.demand)
    {
        keeps = only.to_vec();
    }
    let kept = keeps.into_iter().map(|value| (value, false));
    Ok(kept.chain(breaks.into_iter().map(|value| (value, true))).collect())
}

fn all(texts: &[String]) -> Vec<Value> {
    texts.iter().map(|text| json!(text)).collect()
}

/// What is there, and something of another shape.
fn shape(demand: &Demand, current: &Value) -> (Vec<Value>, Vec<Value>) {
    let kept = vec![current.clone()];
    match demand {
        Demand::NumberOrText => (vec![json!(5), json!("5")], vec![json!(true)]),
        Demand::Required(field) => {
            let mut without = current.clone();
            without.as_object_mut().map(|fields| fields.remove(field));
            (kept, vec![without])
        }
        Demand::Type(name) if name == "string" => (kept, vec![json!(true)]),
        _ => (kept, vec![json!("text")]),
    }
}

/// A text as long as may be, and one that is longer.
fn around(n: usize, schema: &Value, texts: Option<&Texts>) -> anyhow::Result<(String, String)> {
    match texts {
        Some(texts) => texts.around(n),
        None if schema["format"] == "date-time" => {
            let nanos = "2026-01-31T00:00:00.123456789+00:00".to_owned();
            Ok((nanos, format!("2026-01-31T00:00:00.{}Z", "0".repeat(n))))
        }
        None => Ok(("a".repeat(n), "a".repeat(n + 1))),
    }
}

/// So many items: those that are there, and more of the first one, of other names where items must differ.
fn items(count: usize, schema: &Value, current: &Value, table: &Table) -> anyhow::Result<Value> {
    let mut items = current.as_array().context("a list")?.clone();
    items.truncate(count);
    if items.is_empty() && count > 0 {
        items.push(place::least(&schema["items"], table)?);
    }
    let key = schema["x-kubernetes-list-map-keys"][0].as_str();
    let differ = schema["x-kubernetes-list-type"] == "set";
    for at in items.len()..count {
        let mut item = items[0].clone();
        match (key, item.as_str()) {
            (Some(key), _) => {
                let name = item[key].as_str().context("a name")?;
                let word = words(schema, key).and_then(|words| words.get(at));
                item[key] = word.cloned().unwrap_or_else(|| json!(format!("{name}{at}")));
            }
            (None, Some(text)) if differ => item = json!(format!("{text}{at}")),
            _ => {}
        }
        items.push(item);
    }
    Ok(json!(items))
}

/// The words that may tell items apart, where these are few.
fn words<'a>(schema: &'a Value, key: &str) -> Option<&'a Vec<Value>> {
    schema["items"]["properties"][key]["enum"].as_array()
}

/// How many items there can be.
fn room(schema: &Value) -> usize {
    let key = schema["x-kubernetes-list-map-keys"][0].as_str();
    key.and_then(|key| words(schema, key)).map_or(usize::MAX, Vec::len)
}

/// A map of so many entries.
fn entries(count: usize) -> Value {
    let entries: Map<String, Value> = (0..count).map(|at| (at.to_string(), json!(0))).collect();
    Value::Object(entries)
}
