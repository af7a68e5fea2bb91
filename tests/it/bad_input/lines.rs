//! CSV in, CSV out: what a source reads and a sink writes, and where bad lines go.

use serde_json::json;
use tests::kafka::logs::{self, Isolation};

use super::records::Record;
use super::{Counts, DEAD_LETTERS, dead_letters, run, stage};

const LINES: [(&str, Option<&str>); 7] = [
    ("1;ann;1767225600000", Some("ann")),
    ("2;-;2026-01-01T00:00:01Z", Some("")),
    ("3;\"-\";1767225602000\r\n", Some("-")),
    ("4;\"a;\"\"b\"\"\";1767225603000", Some("\"a;\"\"b\"\"\"")),
    ("5;too few", None),
    ("6;;1767225605000", Some("\"\"")),
    ("7;\"open;1767225606000", None),
];

#[test]
fn lines_are_read_and_written_and_bad_ones_become_dead_letters() {
    let mut stage = stage("lines", json!({"deadLetter": {"topic": DEAD_LETTERS}}));
    let mut object = stage.job.object();
    let source = &mut object["spec"]["sources"][0];
    source["format"] = json!({"csv": {"delimiter": ";", "nullLiteral": "-"}});
    source["columns"] = json!([
        {"name": "id", "type": "BIGINT"},
        {"name": "name", "type": "VARCHAR"},
        {"name": "event_time", "type": "TIMESTAMP"},
    ]);
    object["spec"]["sinks"][0]["format"] = json!({"csv": {}});
    object["spec"]["sinks"][0]["key"] = json!([]);
    object["spec"]["sql"] = json!("INSERT INTO snk SELECT name FROM src");
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    let records = LINES.map(|(line, _)| Record::of(Some(line.as_bytes().to_vec()), None));
    assert_eq!(run(&stage, &records), Counts { bad: 2, late: 0 });
    let mut found: Vec<Option<String>> = Vec::new();
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |record| {
        found.push(record.value.map(|value| String::from_utf8(value.to_vec()).unwrap()));
        Ok(())
    })
    .unwrap();
    found.sort();
    // A line of one null is empty, and no record without a value.
    let mut expected: Vec<Option<String>> =
        LINES.iter().filter_map(|(_, row)| row.map(|row| Some(row.to_owned()))).collect();
    expected.sort();
    assert_eq!(found, expected);
    let letters: Vec<i64> = dead_letters(&stage).into_iter().map(|(offset, ..)| offset).collect();
    assert_eq!(letters, [4, 6]);
}
