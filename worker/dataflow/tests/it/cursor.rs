//! Cut emissions (C10).

use dataflow::{DataflowError, EmissionLimit};
use protocol::metadata::EmissionCursor;

use crate::random::Random;
use crate::support::*;

#[test]
fn any_limit_gives_the_same_rows_in_the_same_order() {
    let plan = keyed_job(&[
        ("b", WINDOWS[2], Keys::Id),
        ("a", WINDOWS[0], Keys::NameAndId),
        ("s", ALL_WINDOWS[10], Keys::Id),
        ("t", ALL_WINDOWS[11], Keys::NameAndId),
    ]);
    let mut random = Random::new(11);
    let rows = rows(&mut random, 200, false);
    let emissions: Vec<Vec<String>> = [u64::MAX, 0, 1, 2, 7, 50]
        .into_iter()
        .map(|limit| {
            let mut shard = shard(&plan, 0, 0);
            shard.process_rows(&batch(&rows)).unwrap();
            let mut out = Vec::new();
            loop {
                let before = out.len();
                let limit = EmissionLimit { rows: limit, bytes: u64::MAX };
                let emission = shard.boundary(limit).unwrap();
                sink_rows(&emission, &mut out);
                assert!((out.len() - before) as u64 <= limit.rows.max(1));
                if emission.cut.is_none() {
                    break;
                }
                assert!(out.len() > before, "every emission makes progress");
                let early = shard.process_rows(&batch(&rows));
                assert!(matches!(early, Err(DataflowError::Bug(_))), "nothing is read meanwhile");
            }
            out
        })
        .collect();
    assert!(emissions[0].len() > 100);
    assert!(emissions.iter().all(|rows| *rows == emissions[0]));
}

#[test]
fn bytes_cut_too() {
    let plan = keyed_job(&[("w", WINDOWS[0], Keys::Id)]);
    let mut shard = shard(&plan, 0, 0);
    shard.process_rows(&batch(&rows(&mut Random::new(1), 200, true))).unwrap();
    let emission = shard.boundary(EmissionLimit { rows: u64::MAX, bytes: 1 }).unwrap();
    assert!(emission.cut.is_some());
}

#[test]
fn a_cursor_that_the_state_does_not_know_is_refused() {
    let plan = keyed_job(&[("w", WINDOWS[0], Keys::Id)]);
    let rows = rows(&mut Random::new(2), 50, true);
    for (window_end, groups, other) in [(10, 0, 0), (1_010, 1_000_000, 0), (1_010, 0, 1)] {
        let mut shard = shard(&plan, 0, 0);
        shard.process_rows(&batch(&rows)).unwrap();
        let operator = shard.tables()[0].table ^ other;
        let cursor = EmissionCursor { operator, window_end, rows: groups };
        assert!(shard.settle(Some(cursor)).is_err(), "{cursor:?}");
    }
}
