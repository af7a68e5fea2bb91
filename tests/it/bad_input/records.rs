//! The table: what stands in the log, and which row it gives.

use serde_json::{Value, json};

/// One record, and its row when it has one.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) row: Option<Value>,
    /// Kafka's timestamp; `None`: the time of writing.
    pub(super) timestamp: Option<i64>,
}

/// The event time of most records: 2026-01-01T00:00:00Z.
const TIME: i64 = 1_767_225_600_000;
/// An event time further than this after Kafka's timestamp is a fault (`maxFuture`, by default).
const MAX_FUTURE: i64 = 24 * 3_600 * 1_000;

impl Record {
    pub(super) fn of(value: Option<Vec<u8>>, row: Option<Value>) -> Self {
        Self { key: Some(b"key".to_vec()), value, row, timestamp: None }
    }
}

/// `(value, row)`; rows get their number as `id`, which `ID` stands for in the value.
const TABLE: &[(&str, Option<&str>)] = &[
    // What is right.
    (r#"{"id":ID,"amount":7,"share":0.5,"name":"a","event_time":TIME}"#, Some(r#"[7,0.5,"a"]"#)),
    (r#"{"event_time":TIME,"name":"a","share":1,"amount":-7,"id":ID}"#, Some(r#"[-7,1.0,"a"]"#)),
    // Missing fields and nulls are null, but for the event time.
    (r#"{"id":ID,"event_time":TIME}"#, Some("[null,null,null]")),
    (
        r#"{"id":ID,"amount":null,"share":null,"name":null,"event_time":TIME}"#,
        Some("[null,null,null]"),
    ),
    (r#"{"id":ID,"amount":1,"share":1,"name":"no time"}"#, None),
    (r#"{"id":ID,"amount":1,"share":1,"name":"no time","event_time":null}"#, None),
    // More fields than declared, of whatever kind.
    (
        r#"{"more":[{"x":[1,2,{}]}],"id":ID,"amount":1,"share":1,"name":"","event_time":TIME,"z":"\n"}"#,
        Some(r#"[1,1.0,""]"#),
    ),
    // Texts.
    (
        r#"{"id":ID,"amount":1,"share":1,"name":"\u00e4 \"quoted\" \ud83d\ude00","event_time":TIME}"#,
        Some(r#"[1,1.0,"ä \"quoted\" 😀"]"#),
    ),
    (r#"{"id":ID,"amount":1,"share":1,"name":"\ud800","event_time":TIME}"#, None),
    // Undecodable.
    ("", None),
    ("null", None),
    ("[]", None),
    ("42", None),
    ("not json", None),
    (r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":TIME"#, None),
    (r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":TIME} trailing"#, None),
    (r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":TIME,}"#, None),
    // Wrong types.
    (r#"{"id":ID,"amount":"7","share":1,"name":"a","event_time":TIME}"#, None),
    (r#"{"id":ID,"amount":1,"share":true,"name":"a","event_time":TIME}"#, None),
    (r#"{"id":ID,"amount":1,"share":1,"name":7,"event_time":TIME}"#, None),
    (r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":"yesterday"}"#, None),
    (r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":{}}"#, None),
    // Numbers.
    (
        r#"{"id":ID,"amount":2147483647,"share":1e300,"name":"a","event_time":TIME}"#,
        Some(r#"[2147483647,1e300,"a"]"#),
    ),
    (r#"{"id":ID,"amount":2147483648,"share":1,"name":"a","event_time":TIME}"#, None),
    (r#"{"id":ID,"amount":1.5,"share":1,"name":"a","event_time":TIME}"#, None),
    (r#"{"id":ID,"amount":7.0,"share":1,"name":"a","event_time":TIME}"#, Some(r#"[7,1.0,"a"]"#)),
    (r#"{"id":ID,"amount":1,"share":1e400,"name":"a","event_time":TIME}"#, None),
    (r#"{"id":99999999999999999999,"amount":1,"share":1,"name":"a","event_time":TIME}"#, None),
    (r#"{"id":ID,"amount":1,"share":NaN,"name":"a","event_time":TIME}"#, None),
    // Times.
    (
        r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":"2026-01-01T00:00:00+01:00"}"#,
        Some(r#"[1,1.0,"a"]"#),
    ),
    (
        r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":"0001-01-01T00:00:00Z"}"#,
        Some(r#"[1,1.0,"a"]"#),
    ),
    (r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":"9999-12-31T23:59:59Z"}"#, None),
    (r#"{"id":ID,"amount":1,"share":1,"name":"a","event_time":99999999999999999}"#, None),
];

/// The table, with records that do not fit into a line.
pub(super) fn records() -> Vec<Record> {
    let mut records: Vec<Record> = TABLE
        .iter()
        .zip(1i64..)
        .map(|((value, row), id)| {
            let value = fill(value, id);
            Record::of(Some(value), row.map(|row| filled(id, row)))
        })
        .collect();
    let plain = |id: i64| fill(TABLE[0].0, id);
    // Keys are nothing to the decoder.
    for (id, key) in [(101, None), (102, Some(Vec::new())), (103, Some(vec![0xff, 0]))] {
        let row = Some(filled(id, TABLE[0].1.unwrap()));
        records.push(Record { key, ..Record::of(Some(plain(id)), row) });
    }
    records.push(Record::of(None, None));
    records.push(Record::of(Some(b"{\"id\":1,\"name\":\"\xff\"}".to_vec()), None));
    records.push(Record::of(Some(vec![b'x'; 1_000_000]), None));
    records.push(Record::of(Some(nested(1_000)), None));
    // The future begins a day after Kafka's timestamp.
    for (id, timestamp) in [(105, TIME - MAX_FUTURE), (106, TIME - MAX_FUTURE - 1), (107, 1)] {
        let row = (id == 105).then(|| filled(id, TABLE[0].1.unwrap()));
        records.push(Record { timestamp: Some(timestamp), ..Record::of(Some(plain(id)), row) });
    }
    // Large keys and texts are as good as small ones.
    let row = Some(filled(108, TABLE[0].1.unwrap()));
    records.push(Record { key: Some(vec![b'k'; 1_000_000]), ..Record::of(Some(plain(108)), row) });
    let text = "n".repeat(1_000_000);
    let value =
        format!(r#"{{"id":109,"amount":7,"share":0.5,"name":"{text}","event_time":{TIME}}}"#);
    let row = json!({"id": 109, "amount": 7, "share": 0.5, "name": text});
    records.push(Record::of(Some(value.into_bytes()), Some(row)));
    // A large value of a field that nobody asked for is no fault.
    let mut large = plain(104);
    large.pop();
    large.extend(b",\"blob\":\"");
    large.resize(large.len() + 1_000_000, b'b');
    large.extend(b"\"}");
    records.push(Record::of(Some(large), Some(filled(104, TABLE[0].1.unwrap()))));
    records
}

fn nested(depth: usize) -> Vec<u8> {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!("{{\"id\":1,\"event_time\":{TIME},\"deep\":{open}{close}}}").into_bytes()
}

fn fill(value: &str, id: i64) -> Vec<u8> {
    value.replace("ID", &id.to_string()).replace("TIME", &TIME.to_string()).into_bytes()
}

fn filled(id: i64, row: &str) -> Value {
    let row: Vec<Value> = serde_json::from_str(row).unwrap();
    json!({"id": id, "amount": row[0], "share": row[1], "name": row[2]})
}
