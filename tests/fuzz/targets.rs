//! Who reads what comes from outside, and what must hold of it.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use formats::Record;
use formats::exchange::{ExchangeDecoder, ExchangeRecord, encode_rows};
use formats::json::JsonDecoder;
use protocol::manifest::{Manifest, ManifestName};
use protocol::metadata::OffsetMetadata;
use protocol::{Fingerprint, Origin, PathStep};
use sha2::{Digest as _, Sha256};

use crate::{corpus, fixture};

/// A reader.
pub(crate) struct Target {
    /// Its folder in the corpus.
    pub(crate) name: &'static str,
    /// Cases where no time is given.
    pub(crate) cases: u64,
    /// What means something to it.
    pub(crate) words: &'static [&'static str],
    /// Inputs beside those in its folder.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Reads, and panics where something does not hold.
    pub(crate) run: fn(&[u8]),
}

pub(crate) const JSON: Target = Target {
    name: "json",
    cases: 20_000,
    words: &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\u0000",
        "\\ud800",
        "null",
        "true",
        "1e999",
        "-",
        "0.",
        "9223372036854775808",
        "\"i\":",
        "\"t\":\"",
        "\"a\":[",
        "\u{feff}",
        "\0",
    ],
    seeds: Vec::new,
    run: json,
};

pub(crate) const OFFSET_METADATA: Target = Target {
    name: "offset-metadata",
    cases: 20_000,
    words: &[";", "=", "-", "sj1", "sj2", "g=", "k=", "18446744073709551616", "r=1", ":"],
    seeds: Vec::new,
    run: offset_metadata,
};

pub(crate) const MANIFEST: Target = Target {
    name: "manifest",
    cases: 5_000,
    words: &["/", "..", "-", "null", "[]", "{}", "-1", "4294967296", "\"\"", "\n", "%2e"],
    seeds: corpus::manifests,
    run: manifest,
};

pub(crate) const STREAM_JOB: Target = Target {
    name: "stream-job",
    cases: 500,
    words: &[
        "null",
        "{}",
        "[]",
        "-1",
        "\"\"",
        "0s",
        "99999999999999999999d",
        "1Ei",
        "0",
        "{{",
        ": ",
        "\n  ",
        "latest",
        "partitionedBy",
        "DECIMAL(39, 0)",
        "../x",
        "*",
        "&a",
        "*a",
    ],
    seeds: corpus::jobs,
    run: stream_job,
};

pub(crate) const SQL: Target = Target {
    name: "sql",
    cases: 400,
    words: &[
        "(",
        ")",
        ",",
        ";",
        " AND ",
        " OR ",
        " NOT ",
        " CASE WHEN ",
        " END",
        "NULL",
        "*",
        "''",
        "-",
        "9223372036854775808",
        "1e400",
        "INTERVAL '1' SECOND",
        "INTERVAL '-1' DAY",
        "CAST(",
        " AS ",
        "count(*)",
        "sum(price)",
        "window_start",
        "TUMBLE(",
        "TABLE clicks",
        "DESCRIPTOR(event_time)",
        " GROUP BY ",
        " HAVING ",
        " WHERE ",
        "SELECT ",
        "INSERT INTO out ",
        "CREATE VIEW v AS ",
        " FILTER (WHERE ok)",
        "ü",
        "'",
        "\"",
        "--",
        "/*",
        "OVER (",
        "price / 0",
        "DISTINCT ",
    ],
    seeds: corpus::queries,
    run: sql,
};

pub(crate) const EXCHANGE: Target = Target {
    name: "exchange",
    cases: 5_000,
    words: &["\0\0\0\0", "\u{7f}\0\0\0", "SJXR"],
    seeds: exchange_seeds,
    run: exchange,
};

fn row_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("i", DataType::Int64, true),
        Field::new("f", DataType::Float64, true),
        Field::new("t", DataType::Utf8, true),
        Field::new("b", DataType::Boolean, true),
    ]))
}

/// A decoder that has learnt the order of fields gives the same row, or the same refusal, as one that knows nothing.
fn json(input: &[u8]) {
    let element = Origin::Field(vec!["a".into(), PathStep::At(1)]);
    let [i, f, t, b] = ["i", "f", "t", "b"].map(Origin::field);
    let origins = [i, f, t, b, element];
    let fields = row_schema().fields().iter().cloned().collect::<Vec<_>>();
    let more = Arc::new(Field::new("e", DataType::Int64, true));
    let schema = Arc::new(Schema::new([fields, vec![more]].concat()));
    let decoder = || JsonDecoder::with_origins(Arc::clone(&schema), &origins, None).unwrap();
    let (mut learned, mut fresh) = (decoder(), decoder());
    for _ in 0..3 {
        learned.decode(Record::of_value(br#"{"i":1,"f":1.5,"t":"x","b":true,"a":[0,1]}"#)).unwrap();
    }
    learned.finish();
    // Twice: the first may teach another order.
    for _ in 0..2 {
        let found = learned.decode(Record::of_value(input)).map_err(|bad| bad.kind);
        let expected = fresh.decode(Record::of_value(input)).map_err(|bad| bad.kind);
        assert_eq!(found, expected);
        let (found, expected) = (learned.finish(), fresh.finish());
        // As text: what is no number equals nothing.
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        fresh = decoder();
    }
}

fn offset_metadata(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(metadata) = OffsetMetadata::decode(text) else { return };
    let written = metadata.encode();
    assert!(written.is_ascii() && written.len() <= 256, "{written}");
    assert_eq!(OffsetMetadata::decode(&written).as_ref(), Ok(&metadata));
}

fn manifest(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        let number = protocol::keys::trailing_number(text);
        assert!(number.is_none() || text.ends_with(|end: char| end.is_ascii_digit()), "{text}");
        if let Ok(name) = text.parse::<ManifestName>() {
            assert_eq!(name.to_string().parse().as_ref(), Ok(&name));
        }
    }
    let name: ManifestName = "g2-s1-c3-00000000000000aa".parse().unwrap();
    drop(Manifest::decode(input, &name, "u-1"));
    // With a digest that is right, so that what is inside gets read.
    let body = input.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let digest = Sha256::digest(body).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    });
    let whole = [body, b"\n", digest.as_bytes()].concat();
    if let Ok(found) = Manifest::decode(&whole, &name, "u-1") {
        assert_eq!(Manifest::decode(&found.encode(), &name, "u-1").as_ref(), Ok(&found));
    }
}

fn stream_job(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(job) = crds::file::stream_job(&text) else { return };
    for violation in crds::validate(&job.spec) {
        assert!(!violation.to_string().is_empty());
    }
    drop(crds::validate_for_cluster(&job.spec));
    let written = serde_json::to_string(&job).unwrap();
    let again: crds::StreamJob = serde_json::from_str(&written).unwrap();
    assert_eq!(again.spec, job.spec);
}

fn sql(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match sql::plan(&fixture::job(&text)) {
        Ok(plan) => drop(sql::describe(&plan)),
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a reason");
            for fault in faults {
                assert!(!fault.message.is_empty());
                // Behind the last character at most: there the text ends too early.
                let line = (fault.line as usize).checked_sub(1).map(|n| text.split('\n').nth(n));
                if let Some(line) = line {
                    let line = line.unwrap_or_else(|| panic!("line {} of {text:?}", fault.line));
                    let columns = 1..=line.chars().count() as u64 + 1;
                    assert!(columns.contains(&fault.column), "{fault} in {text:?}");
                }
            }
        }
    }
}

fn exchange_id() -> Fingerprint {
    Fingerprint::from_bits(0x0123_4567_89ab_cdef)
}

fn exchange_seeds() -> Vec<Vec<u8>> {
    let columns = RecordBatch::try_new(
        row_schema(),
        vec![
            Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN)])),
            Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None])),
            Arc::new(StringArray::from(vec![Some("one"), Some(""), None])),
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ],
    );
    let record = encode_rows(&exchange_id(), &columns.unwrap()).unwrap();
    corpus::exchange_records().into_iter().chain([record.to_vec()]).collect()
}

/// Where the checksum of a record stands.
const CHECKSUM: std::ops::Range<usize> = 28..32;
/// Where it says how long its body is.
const LENGTH: std::ops::Range<usize> = 24..28;

fn exchange(input: &[u8]) {
    let decoder = ExchangeDecoder::new(&exchange_id(), row_schema()).unwrap();
    let read = |record: &[u8]| {
        if let Ok(ExchangeRecord::Rows(rows)) = decoder.decode(record) {
            assert_eq!(rows.schema(), row_schema());
            // Every value can be looked at.
            assert!(format!("{rows:?}").len() > rows.num_rows());
        }
    };
    read(input);
    // With length and checksum right, so that what is inside gets read.
    let mut record = input.to_vec();
    if record.len() >= CHECKSUM.end {
        let length = (record.len() - CHECKSUM.end) as u32;
        record[LENGTH].copy_from_slice(&length.to_be_bytes());
        let head = crc32c::crc32c(&record[..CHECKSUM.start]);
        let checksum = crc32c::crc32c_append(head, &record[CHECKSUM.end..]);
        record[CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
        read(&record);
    }
}
