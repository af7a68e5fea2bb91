//! One record from the far future must not close all windows.

use serde_json::{Value, json};
use tests::oracle::Query;

use super::records::Record;
use super::{output, run};
use crate::stage::Stage;

/// 2026-01-01T00:00:00Z, the start of the window of all rows but the last.
const START: i64 = 1_767_225_600_000;
/// The last instant that a timestamp may name.
const FAR: i64 = 253_402_300_799_999;

fn bid(price: i64, event_time: i64) -> Record {
    let value = json!({
        "auction": 1, "bidder": 2, "price": price, "channel": "web",
        "event_time": event_time, "ref": "0:0",
    });
    Record::of(Some(value.to_string().into_bytes()), None)
}

/// Three rows of a window, one from the far future, one from the far past, two of the window again, and one by which
/// the window closes. Gives the rows of the output, and the counts of bad and of late rows.
fn windows(name: &str, max_future: Option<&str>) -> (Vec<Value>, u64, u64) {
    let mut stage = Stage::development(name, Query::bids_per_auction(true));
    stage.job.on_bad_record = json!({"skip": {}});
    let mut object = stage.job.object();
    if let Some(bound) = max_future {
        object["spec"]["sources"][0]["watermark"]["maxFuture"] = json!(bound);
    }
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    let mut records: Vec<Record> = (1..=3).map(|n| bid(n, START + n)).collect();
    records.push(bid(9, FAR - 20_000));
    records.push(bid(9, -62_135_596_800_000));
    records.extend((4..=5).map(|n| bid(n, START + n)));
    records.push(bid(1, START + stage.job.query.closing()));
    let counts = run(&stage, &records);
    (output(&stage), counts.bad, counts.late)
}

fn window(bids: i64, top: i64) -> Value {
    json!({
        "auction": 1, "bids": bids, "top": top,
        "window_start": "2026-01-01T00:00:00.000Z", "window_end": "2026-01-01T00:00:10.000Z",
    })
}

#[test]
fn a_record_from_the_far_future_closes_no_window() {
    let (rows, bad, late) = windows("future-bound", None);
    assert_eq!(rows, [window(5, 5)]);
    assert_eq!((bad, late), (1, 1), "the one of the future is bad, the one of the past is late");
}

/// Switched off, the same record does what the bound is there to prevent.
#[test]
fn without_the_bound_it_makes_all_that_follows_late() {
    let (rows, bad, late) = windows("future-free", Some("0s"));
    assert_eq!(rows, [window(3, 3)]);
    assert_eq!((bad, late), (0, 4));
}
