//! Do two plans fire the same windows of a log at the same points of it? What one has fired is gone from its state: a
//! plan that draws the line elsewhere would fire it again, or never. Pure, over what planners have written down.

use std::collections::BTreeSet;

use protocol::StageId;
use protocol::manifest::{ColumnSchema, TableSchema};
use protocol::verdict::OperatorChanges;
use serde_json::Value;

/// The windows that a shard keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows<'a> {
    /// Its stage.
    pub(crate) stage: StageId,
    /// The topic of its log.
    pub(crate) topic: &'a str,
    /// Its tables.
    pub(crate) tables: &'a [TableSchema],
}

/// Why the other plan fires other windows than those of this shard, if it does. What a filter or an aggregate makes of
/// the rows does not count; when a window closes does.
pub(crate) fn why_not_alike(own: &Value, other: &Value, windows: &Windows<'_>) -> Option<String> {
    if windows.tables.is_empty() {
        return None;
    }
    let unknown = windows.tables.iter().find(|table| !keeps(other, windows.stage, table));
    if let Some(table) = unknown {
        return Some(format!("it does not keep the windows of {}", table.operator));
    }
    (windows.stage == StageId(0)).then(|| moved_line(own, other, windows.topic)).flatten()
}

/// How the watermark of a source differs, if it does: windows over the source itself close by it. Behind an exchange
/// watermarks are data, and go on from where they are.
pub(crate) fn moved_line(own: &Value, other: &Value, topic: &str) -> Option<String> {
    let (own, other) = (line(own, topic), line(other, topic));
    let text = |line: Option<&str>| line.unwrap_or("not read").to_owned();
    (own != other).then(|| {
        format!("the watermark of {topic} is '{}' in it, here '{}'", text(other), text(own))
    })
}

/// What becomes of the operators that keep state.
pub(crate) fn operator_changes(before: &Value, now: &Value) -> OperatorChanges {
    let named = |description: &Value| -> BTreeSet<String> {
        let tables = description.get("tables").and_then(Value::as_array);
        let names =
            tables.into_iter().flatten().filter_map(|table| table.get("operator")?.as_str());
        names.map(str::to_owned).collect()
    };
    let (before, now) = (named(before), named(now));
    OperatorChanges {
        kept: before.intersection(&now).cloned().collect(),
        dropped: before.difference(&now).cloned().collect(),
        added: now.difference(&before).cloned().collect(),
    }
}

/// May a plan have forced the watermark of a shard (R8)? It keeps windows over the source, whose logs can be idle.
pub(crate) fn may_advance(description: &Value, stage: StageId, topic: &str) -> bool {
    let stage_0 = |table: &Value| table.get("stage").and_then(Value::as_u64) == Some(0);
    let tables = description.get("tables").and_then(Value::as_array);
    let never = watermark(description, topic).is_some_and(|text| text.ends_with(", never idle"));
    stage == StageId(0) && !never && tables.into_iter().flatten().any(stage_0)
}

/// Column and delay of a source's watermark. When it is idle does not count: what that closed is recorded (R8).
fn line<'a>(description: &'a Value, topic: &str) -> Option<&'a str> {
    let watermark = watermark(description, topic)?;
    Some(watermark.rsplit_once(", ").map_or(watermark, |(line, _)| line))
}

fn watermark<'a>(description: &'a Value, topic: &str) -> Option<&'a str> {
    let sources = description.get("sources")?.as_array()?;
    let source = sources.iter().find(|s| s.get("topic").and_then(Value::as_str) == Some(topic))?;
    Some(source.get("watermark").and_then(Value::as_str).unwrap_or("none"))
}

fn keeps(description: &Value, stage: StageId, table: &TableSchema) -> bool {
    let text = |column: &ColumnSchema| format!("{} {}", column.name, column.type_name);
    let key: Vec<String> = table.key.iter().map(text).collect();
    let tables = description.get("tables").and_then(Value::as_array);
    tables.into_iter().flatten().any(|known| {
        known.get("stage").and_then(Value::as_u64) == Some(u64::from(stage.0))
            && known.get("operator").and_then(Value::as_str) == Some(table.operator.as_str())
            && known.get("key") == Some(&Value::from(key.clone()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn description(watermark: &str, operators: &[(&str, &str)]) -> Value {
        let table = |(operator, key): &(&str, &str)| json!({"stage": 0, "operator": operator, "key": [key], "values": []});
        json!({
            "sources": [{"name": "s", "topic": "in", "watermark": watermark}],
            "tables": operators.iter().map(table).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn a_plan_forces_watermarks_where_it_keeps_windows_over_logs_that_can_be_idle() {
        let key: &[(&str, &str)] = &[("a.window", "k")];
        for (watermark, operators, stage, topic, expected) in [
            ("t - 5 ms, idle after 9 ms", key, 0, "in", true),
            ("t - 5 ms, never idle", key, 0, "in", false),
            ("t - 5 ms, idle after 9 ms", &[], 0, "in", false),
            ("t - 5 ms, idle after 9 ms", key, 1, "in", false),
            ("t - 5 ms, never idle", key, 0, "unknown", true),
        ] {
            let plan = description(watermark, operators);
            let found = may_advance(&plan, StageId(stage), topic);
            assert_eq!(found, expected, "{watermark} {operators:?} {stage} {topic}");
        }
    }

    #[test]
    fn operators_are_kept_dropped_or_added_by_their_ids() {
        let before = description("t", &[("a", "k"), ("b", "k")]);
        let now = description("t", &[("b", "other"), ("c", "k")]);
        let changes = operator_changes(&before, &now);
        let names = |list: &[String]| list.join(" ");
        let found = (names(&changes.kept), names(&changes.dropped), names(&changes.added));
        assert_eq!(found, ("b".into(), "a".into(), "c".into()));
    }

    #[test]
    fn plans_fire_alike_by_their_windows_and_the_delay_alone() {
        let table = TableSchema {
            table: 1,
            operator: "a.window".into(),
            key: vec![ColumnSchema { name: "window_end".into(), type_name: "TUMBLE 10 s".into() }],
            values: Vec::new(),
        };
        let key = "window_end TUMBLE 10 s";
        let own = description("t - 5000 ms, never idle", &[("a.window", key)]);
        let cases = [
            ("t - 5000 ms, never idle", vec![("a.window", key)], None),
            ("t - 5000 ms, idle after 9 ms", vec![("b.window", key), ("a.window", key)], None),
            ("t - 4000 ms, never idle", vec![("a.window", key)], Some("watermark of in")),
            ("u - 5000 ms, never idle", vec![("a.window", key)], Some("watermark of in")),
            ("t - 5000 ms, never idle", vec![("a.window", "window_end HOP")], Some("a.window")),
            ("t - 5000 ms, never idle", vec![("b.window", key)], Some("a.window")),
        ];
        for (watermark, operators, expected) in cases {
            let other = description(watermark, &operators);
            let tables = [table.clone()];
            let windows = Windows { stage: StageId(0), topic: "in", tables: &tables };
            let why = why_not_alike(&own, &other, &windows);
            match (&why, expected) {
                (None, None) => {}
                (Some(why), Some(part)) if why.contains(part) => {}
                _ => panic!("{watermark} {operators:?}: {why:?}"),
            }
            let none = Windows { tables: &[], ..windows };
            assert_eq!(why_not_alike(&own, &other, &none), None, "no windows, nothing fired");
        }
        let behind =
            Windows { stage: StageId(1), topic: "x", tables: std::slice::from_ref(&table) };
        let mut other = description("t - 1 ms, never idle", &[("a.window", key)]);
        other["tables"][0]["stage"] = json!(1);
        assert_eq!(why_not_alike(&own, &other, &behind), None, "watermarks are data there");
    }
}
