//! Columns out of objects within the value, and from beside it: the same for a worker as for the planner.

use serde_json::{Value, json};

use super::records::Record;
use super::{Counts, output, run, stage};

const TIME: i64 = 1_767_225_600_000;

fn record(key: Option<&[u8]>, value: &Value, row: Option<Value>) -> Record {
    let value = Some(value.to_string().into_bytes());
    Record { key: key.map(<[u8]>::to_vec), timestamp: Some(TIME), ..Record::of(value, row) }
}

#[test]
fn columns_are_taken_from_where_they_stand() {
    let mut stage = stage("places", json!({"skip": {}}));
    let mut object = stage.job.object();
    object["spec"]["sources"][0]["columns"] = json!([
        {"name": "price", "type": "DOUBLE", "path": ["bid", "price.eur"]},
        {"name": "event_time", "type": "TIMESTAMP", "path": ["bid", "at"]},
        {"name": "sender", "type": "VARCHAR", "metadata": "key"},
        {"name": "written", "type": "TIMESTAMP", "metadata": "timestamp"},
        {"name": "log", "type": "INT", "metadata": "partition"},
        {"name": "id", "type": "BIGINT", "metadata": "offset"},
    ]);
    object["spec"]["sinks"][0]["key"] = json!([]);
    object["spec"]["sql"] =
        json!("INSERT INTO snk SELECT id, price, event_time, sender, written, log FROM src");
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    let at = |id: i64, price: Value, sender: Value| {
        json!({
            "id": id, "price": price, "event_time": "2026-01-01T00:00:01.000Z", "sender": sender,
            "written": "2026-01-01T00:00:00.000Z", "log": 0,
        })
    };
    let bid = |price: Value| json!({"price": 1, "bid": {"price.eur": price, "at": TIME + 1000}});
    let records = [
        record(Some(b"ann"), &bid(json!(2.5)), Some(at(0, json!(2.5), json!("ann")))),
        record(None, &bid(Value::Null), Some(at(1, Value::Null, Value::Null))),
        record(Some(b"ann"), &json!({"bid": 7}), None),
        record(Some(b"\xff"), &bid(json!(1)), None),
        record(Some(b""), &json!({"person": {"at": TIME}, "bid": null}), None),
        record(Some(b""), &bid(json!(4)), Some(at(5, json!(4.0), json!("")))),
    ];
    assert_eq!(run(&stage, &records), Counts { bad: 3, late: 0 });
    let rows: Vec<Value> = records.iter().filter_map(|record| record.row.clone()).collect();
    assert_eq!(output(&stage), rows);
}
