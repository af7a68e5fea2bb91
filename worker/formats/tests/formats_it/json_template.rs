//! Records that look like those before them are read a shorter way: what is read, and what is
//! refused and how it is called, must not depend on the records before.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use formats::json::JsonDecoder;
use formats::{BadRecord, EventTimeRule, Record};
use protocol::{Origin, PathStep};

use crate::random::Random;

/// Records with a `$` for every value.
const SHAPES: [&str; 15] = [
    r#"{"id":$,"who":$,"at":$,"x":$,"price":$}"#,
    r#"{"price":$,"x":$,"id":$,"at":$,"who":$,"ok":$,"amount":$}"#,
    r#" { "id" : $ , "at" : $ , "a_name_longer_than_sixteen_bytes" : $ , "bid" : { "deep" : $ } } "#,
    r#"{"at":$,"bid":{"x":$,"deep":$,"more":{"deep":$}},"id":$}"#,
    r#"{"at":$,"bid":{},"id":$}"#,
    r#"{"at":$,"bid":$,"id":$}"#,
    r#"{"at":$,"id":$,"id":$}"#,
    r#"{"at":$,"bid":{"deep":$},"bid":{"x":$},"id":$}"#,
    r#"{"at":$,"\u0069d":$,"id":$}"#,
    r#"{"at":$,"x":[$,{"id":$},$],"id":$}"#,
    r#"{"at":$,"tags":[$,$,{"x":$}],"id":$}"#,
    r#"{"at":$,"tags":[$,$],"tags":[$],"id":$}"#,
    r#"{"at":$,"tags":[[$,{}],$],"bid":{"deep":[$]},"id":$}"#,
    r#"{"at":$}"#,
    r#"{"who":$,"at":$,"id":$"#,
];

const VALUES: [&str; 48] = [
    "0",
    "7",
    "-7",
    "12",
    "123",
    "1234567",
    "12345678",
    "123456789",
    "1234567890123456789",
    "01",
    "-",
    "1700000000000",
    "1700000000123",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "12345678901234567890",
    "1.5",
    "1.",
    ".5",
    "100.25",
    "12345678.12345678",
    "0.1",
    "1e3",
    "1E-2",
    "1e400",
    "9007199254740993",
    "0.00000000000000000001",
    "null",
    "true",
    "false",
    "nul",
    r#""""#,
    r#""a""#,
    r#""ann""#,
    r#""eight888""#,
    r#""a text of more than eight""#,
    r#""a text that is looked through in larger pieces, of which it has two and more""#,
    r#""a text with an escape that comes late, when larger pieces are \u006cooked at""#,
    r#""a text that is outside of ASCII only far behind its begin, where a € stands""#,
    "\"a text with a control character behind its first sixteen bytes, here: \u{2}\"",
    r#""ünïcode""#,
    r#""a\nb""#,
    r#""\ud800""#,
    "\"\u{1}\"",
    r#""2026-01-01T00:00:00Z""#,
    "{}",
    r#"[1,{"a":[]},"b"]"#,
];

fn decoder() -> JsonDecoder {
    let instant = DataType::Timestamp(TimeUnit::Millisecond, None);
    let columns = [
        ("id", DataType::Int64, false),
        ("who", DataType::Utf8, true),
        ("at", instant, true),
        ("price", DataType::Float64, true),
        ("deep", DataType::Int32, true),
        ("ok", DataType::Boolean, true),
        ("amount", DataType::Decimal128(9, 2), true),
        ("tag", DataType::Int64, true),
    ];
    let field =
        |(name, of, nullable): &(&str, DataType, bool)| Field::new(*name, of.clone(), *nullable);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let path = |name: &str| match name {
        "deep" => Origin::Field(vec!["bid".into(), "deep".into()]),
        "tag" => Origin::Field(vec!["tags".into(), PathStep::At(1)]),
        name => Origin::field(name),
    };
    let origins: Vec<Origin> = columns.iter().map(|(name, ..)| path(name)).collect();
    let rule = EventTimeRule { column: 2, max_future_ms: Some(60_000) };
    JsonDecoder::with_origins(schema, &origins, Some(rule)).unwrap()
}

fn decode(decoder: &mut JsonDecoder, bytes: &[u8]) -> Result<(), BadRecord> {
    decoder.decode(Record { timestamp_ms: Some(1_700_000_000_000), ..Record::of_value(bytes) })
}

/// By a decoder that has seen nothing else.
fn alone(bytes: &[u8]) -> Result<RecordBatch, BadRecord> {
    let mut fresh = decoder();
    decode(&mut fresh, bytes).map(|()| fresh.finish())
}

/// A value, mostly a common one, so that records are whole now and then.
fn value(random: &mut Random) -> &'static str {
    let common = ["17", "1700000000000", "\"ann\"", "1.25", "null"];
    let from = if random.one_in(3) { &VALUES[..] } else { &common[..] };
    random.pick::<&str>(from)
}

fn record(random: &mut Random, shape: &str) -> Vec<u8> {
    let mut text = String::new();
    for piece in shape.split_inclusive('$') {
        match piece.strip_suffix('$') {
            Some(before) => {
                // Where the columns stand their own values are likely.
                let own = if before.contains("\"at\"") { "1700000000000" } else { "42" };
                text.push_str(before);
                text.push_str(if random.one_in(2) { own } else { value(random) });
            }
            None => text.push_str(piece),
        }
    }
    let mut bytes = text.into_bytes();
    if random.one_in(8) {
        random.damage(&mut bytes);
    }
    bytes
}

#[test]
fn what_is_read_does_not_depend_on_the_records_before() {
    let (mut whole, mut refused) = (0, 0);
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut used = decoder();
        let mut want = Vec::new();
        // One shape for a while, others between, as topics have them.
        for turn in 0..40 {
            let usual = SHAPES[(seed as usize + turn / 10) % SHAPES.len()];
            for _ in 0..25 {
                let shape = if random.one_in(10) { *random.pick(&SHAPES) } else { usual };
                let bytes = record(&mut random, shape);
                let (found, expected) = (decode(&mut used, &bytes), alone(&bytes));
                let text = String::from_utf8_lossy(&bytes);
                match expected {
                    Ok(row) => {
                        assert!(found.is_ok(), "seed {seed}: {text}: {found:?}");
                        want.push(row);
                    }
                    Err(fault) => {
                        assert_eq!(found.unwrap_err(), fault, "seed {seed}: {text}");
                        refused += 1;
                    }
                }
            }
        }
        whole += want.len();
        let found = used.finish();
        assert_eq!(
            found,
            arrow::compute::concat_batches(&found.schema(), &want).unwrap(),
            "seed {seed}"
        );
    }
    assert!(whole > 10_000 && refused > 10_000, "{whole} whole, {refused} refused: too few of one");
}
