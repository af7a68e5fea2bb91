//! Nanoseconds per record of the JSON decoder: three columns out of a flat record of 117 bytes, and
//! out of one with a long text, and one with its fields shuffled. Prints the best and the median of several
//! rounds. An argument is the name of the one that runs alone, for counting instructions.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use formats::json::JsonDecoder;
use formats::{EventTimeRule, Record};

const RECORDS: usize = 20_000;
const ROUNDS: usize = 21;

fn main() {
    let instant = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("auction", DataType::Int64, true),
        Field::new("price", DataType::Float64, true),
        Field::new("event_time", instant, true),
    ]));
    let rule = EventTimeRule { column: 2, max_future_ms: Some(60_000) };
    let flat = |i: usize| {
        let (auction, bidder, time) = (1000 + i % 1000, 2000 + i % 977, 1_700_000_000_000 + i);
        format!(
            "{{\"auction\":{auction},\"bidder\":{bidder},\"price\":{}.25,\"channel\":\"Google\",\
             \"url\":\"https://a.example\",\"event_time\":{time}}}",
            100 + i % 800
        )
    };
    let shuffled = |i: usize| {
        let record = flat(i);
        let mut fields: Vec<&str> = record[1..record.len() - 1].split(',').collect();
        let turn = i % fields.len();
        fields.rotate_left(turn);
        format!("{{{}}}", fields.join(","))
    };
    let long =
        |i: usize| flat(i).replace("https://a.example", &"https://a.example/path?".repeat(9));
    for (name, records) in [
        ("flat", (0..RECORDS).map(flat).collect::<Vec<_>>()),
        ("long text", (0..RECORDS).map(long).collect()),
        ("flat, any order", (0..RECORDS).map(shuffled).collect()),
    ] {
        if std::env::args().nth(1).is_some_and(|only| only != name) {
            continue;
        }
        let mut decoder = JsonDecoder::new(schema.clone(), Some(rule)).expect("a fitting schema");
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| round(&mut decoder, &records)).collect();
        times.sort_by(f64::total_cmp);
        let bytes: usize = records.iter().map(String::len).sum();
        println!(
            "{name}: {} B/record, best {:.1} ns/record, median {:.1} ns/record",
            bytes / RECORDS,
            times[0],
            times[ROUNDS / 2]
        );
    }
}

fn round(decoder: &mut JsonDecoder, records: &[String]) -> f64 {
    let start = Instant::now();
    for record in records {
        let record =
            Record { timestamp_ms: Some(1_700_000_000_000), ..Record::of_value(record.as_bytes()) };
        decoder.decode(record).expect("a good record");
    }
    let nanoseconds = start.elapsed().as_nanos() as f64;
    assert_eq!(decoder.finish().num_rows(), RECORDS);
    nanoseconds / RECORDS as f64
}
