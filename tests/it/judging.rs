//! The checker itself, end to end: right output passes, each doctored output is caught, on the development broker.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Map, Value, json};
use tests::checker::{Case, Delivery, Open, Upto, judge};
use tests::generator::{Pace, Recipe, Shape, WriteOptions, writer};
use tests::harness::{Scratch, broker::Devbroker};
use tests::kafka::topics;
use tests::oracle::{Cell, Expected, Query};

const FLUSH_MAX: Duration = Duration::from_secs(10);

struct Stage {
    _broker: Devbroker,
    bootstrap: String,
    expected: Expected,
    _scratch: Scratch,
}

fn stage(query: &Query) -> Stage {
    let scratch = Scratch::new("judging").unwrap();
    let broker = Devbroker::start(&scratch).unwrap();
    let bootstrap = broker.bootstrap().to_owned();
    topics::create(&bootstrap, &[("input", 2)]).unwrap();
    let recipe = Recipe { late_per_million: 10_000, keys: 20, ..Recipe::plain(Shape::Bids, 7, 2) };
    let options = WriteOptions {
        bootstrap: bootstrap.clone(),
        topic: "input".into(),
        rows: 20_000,
        first: 0,
        pace: Pace::FlatOut,
        lz4: true,
        closing: Some(query.closing()),
    };
    let written = writer::write(&recipe, &options, &mut |_| true).unwrap();
    assert_eq!(written.rows, 40_002);
    let (expected, _) = tests::checker::judge::expected(&case(&bootstrap, query, "")).unwrap();
    Stage { _broker: broker, bootstrap, expected, _scratch: scratch }
}

fn case(bootstrap: &str, query: &Query, sink: &str) -> Case {
    Case {
        bootstrap: bootstrap.into(),
        query: query.clone(),
        source: "input".into(),
        sink: sink.into(),
        stamps: None,
        upto: Upto::End,
        open: Open::Refused,
        delivery: Delivery::ExactlyOnce,
        groups: None,
    }
}

/// What a faultless worker would write.
fn output(expected: &Expected) -> Vec<Value> {
    let due = expected.rows.iter().filter(|(_, row)| row.due);
    due.map(|(identity, row)| {
        let cells = identity.iter().chain(&row.values);
        let fields = expected.columns.iter().zip(cells);
        Value::Object(fields.map(|(name, cell)| (name.clone(), value(cell))).collect::<Map<_, _>>())
    })
    .collect()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(whole) => json!(whole),
        Cell::Float(float) => json!(float),
        Cell::Text(text) => json!(text),
        Cell::Bool(truth) => json!(truth),
        Cell::Time(_) => json!(cell.to_string()),
    }
}

/// Writes rows as one transaction into the partitions of a topic in turn, ended or not.
pub(crate) fn write(
    bootstrap: &str,
    sink: &str,
    rows: &[Value],
    partitions: u32,
    end: &str,
) -> BaseProducer {
    topics::create(bootstrap, &[(sink, partitions)]).unwrap();
    let in_turn = rows.iter().enumerate().map(|(n, row)| (n as u32 % partitions, row.to_string()));
    let producer = open_transaction(bootstrap, &format!("{sink}-{end}"), sink, in_turn);
    match end {
        "commit" => producer.commit_transaction(FLUSH_MAX).unwrap(),
        "abort" => producer.abort_transaction(FLUSH_MAX).unwrap(),
        _ => {}
    }
    producer
}

/// Writes rows, each with its partition, in a transaction that stays open.
pub(crate) fn open_transaction(
    bootstrap: &str,
    id: &str,
    topic: &str,
    rows: impl IntoIterator<Item = (u32, String)>,
) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", id)
        .create()
        .unwrap();
    producer.init_transactions(FLUSH_MAX).unwrap();
    producer.begin_transaction().unwrap();
    for (partition, payload) in rows {
        let record: BaseRecord<'_, [u8], str> =
            BaseRecord::to(topic).partition(partition as i32).payload(&payload);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(FLUSH_MAX).unwrap();
    producer
}

#[test]
fn right_output_passes_and_every_doctored_one_is_caught() {
    let query = Query::bids_per_auction(true);
    let stage = stage(&query);
    let rows = output(&stage.expected);
    assert!(rows.len() > 30, "{}", rows.len());
    assert!(stage.expected.late > 100, "{}", stage.expected.late);

    let doctor = |sink: &str, change: &dyn Fn(&mut Vec<Value>)| {
        let mut rows = rows.clone();
        change(&mut rows);
        write(&stage.bootstrap, sink, &rows, 2, "commit");
        judge(&case(&stage.bootstrap, &query, sink)).unwrap()
    };
    let right = doctor("right", &|_| {});
    assert!(right.is_clean(), "{right}");
    assert_eq!(right.events, 40_002);
    assert_eq!(right.expected, rows.len() as u64);

    let lost = doctor("lost", &|rows| drop(rows.pop()));
    assert_eq!((lost.lost, lost.doubled), (1, 0), "{lost}");
    let doubled = doctor("doubled", &|rows| rows.push(rows[3].clone()));
    assert_eq!((doubled.lost, doubled.doubled), (0, 1), "{doubled}");
    let wrong = doctor("wrong", &|rows| rows[0]["bids"] = json!(1_000_000));
    assert_eq!(wrong.findings[0].fault, "row with wrong values", "{wrong}");
    let swapped = doctor("swapped", &|rows| {
        let (one, other) = (rows[0]["top"].clone(), rows[1]["top"].clone());
        assert_ne!(one, other);
        (rows[0]["top"], rows[1]["top"]) = (other, one);
    });
    assert_eq!(swapped.findings[0].count, 2, "{swapped}");
}

#[test]
fn aborted_rows_do_not_count_and_an_open_transaction_is_a_fault() {
    let query = Query::bids_filtered();
    let stage = stage(&query);
    let rows = output(&stage.expected);
    write(&stage.bootstrap, "out", &rows[..10], 2, "abort");
    write(&stage.bootstrap, "out", &rows, 2, "commit");
    // Rows of the oracle come in no order; the query's output must.
    let verdict = judge(&case(&stage.bootstrap, &query, "out")).unwrap();
    let faults: Vec<&str> = verdict.findings.iter().map(|f| f.fault.as_str()).collect();
    assert_eq!(faults, ["row out of order"], "{verdict}");

    let _open = write(&stage.bootstrap, "out", &rows[..1], 2, "leave open");
    let verdict = judge(&case(&stage.bootstrap, &query, "out")).unwrap();
    let faults: Vec<&str> = verdict.findings.iter().map(|f| f.fault.as_str()).collect();
    assert_eq!(faults, ["output log held back by a transaction", "row out of order"], "{verdict}");
}
