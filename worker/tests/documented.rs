//! The sources of the SQL page: their records, read as the page declares them, are the rows that stand below.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use arrow::util::display::array_value_to_string;
use formats::{Headers, Record};
use worker::job::Job;

const PAGE: &str = "../docs/sql.md";
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000;

/// The job with these lines in its only source.
fn job(lines: &str) -> Job {
    let format = if lines.starts_with("format:") { "" } else { "\n    format: {json: {}}" };
    let lines = lines.trim_end().replace('\n', "\n    ");
    let text = format!(
        "apiVersion: streamjob.dev/v1alpha1
kind: StreamJob
metadata: {{name: page, uid: u-1}}
spec:
  kafka: {{bootstrapServers: \"kafka:9092\"}}
  sources:
  - name: src
    topic: src
    startFrom: {{earliest: {{}}}}{format}
    {lines}
  sinks:
  - {{name: out, topic: out, format: {{json: {{}}}}}}
  sql: INSERT INTO out SELECT * FROM src
  checkpoints: {{location: \"file:///data\"}}
"
    );
    let object = crds::file::stream_job(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
    Job::from_object(object, Path::new("none")).unwrap()
}

fn rows(job: &Job, records: &str) -> String {
    let plan = sql::plan(&job.query(1)).unwrap();
    let source = &plan.sources[0];
    let mut decoder = job.sources[0].decoder(source, None).unwrap();
    let names: Vec<&str> = source.schema.fields().iter().map(|f| f.name().as_str()).collect();
    let mut text = names.join(" ") + "\n";
    for (offset, record) in (0..).zip(records.lines()) {
        let key = format!("key-{offset}");
        let mut headers = Vec::new();
        let traced = (offset % 2 == 0).then_some(("trace".as_bytes(), Some(key.as_bytes())));
        Headers::lay_out(traced.into_iter(), &mut headers);
        let record = Record {
            key: Some(key.as_bytes()),
            headers: Headers::new(&headers),
            timestamp_ms: Some(START + offset * 1_000),
            partition: 3,
            offset,
            read_ms: Some(START + offset * 5_000),
            ..Record::of_value(record.as_bytes())
        };
        if let Err(bad) = decoder.decode(record) {
            writeln!(text, "  bad: {}", bad.kind).unwrap();
            continue;
        }
        let row = decoder.finish();
        let value = |column: &arrow::array::ArrayRef| {
            let shown = array_value_to_string(column, 0).unwrap();
            if column.is_null(0) { "null".to_owned() } else { shown.replace('Z', "") }
        };
        let values: Vec<String> = row.columns().iter().map(value).collect();
        writeln!(text, "  {}", values.join(" ")).unwrap();
    }
    text
}

#[test]
fn every_source_of_the_page_is_one_that_a_job_may_have() {
    let page = fs::read_to_string(PAGE).unwrap();
    let blocks: Vec<&str> = page.split("```").filter_map(|b| b.strip_prefix("yaml\n")).collect();
    let drifts = blocks.iter().filter_map(|lines| job(lines).sources[0].max_drift_ms);
    assert_eq!(drifts.collect::<Vec<_>>(), [300_000]);
}

#[test]
fn the_sources_of_the_page_are_read_as_it_says() {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut blocks = page.split("```");
    let mut last = "";
    let mut examples = 0;
    while let (Some(_), Some(block)) = (blocks.next(), blocks.next()) {
        let (kind, body) = block.split_once('\n').unwrap();
        match kind {
            "yaml" => last = body,
            "json" | "csv" => {
                let (Some(_), Some(expected)) = (blocks.next(), blocks.next()) else { break };
                let expected = expected.strip_prefix("text\n").unwrap();
                assert_eq!(rows(&job(last), body), expected, "{last}");
                examples += 1;
            }
            _ => {}
        }
    }
    assert!(examples >= 2, "the page has {examples} sources");
}
