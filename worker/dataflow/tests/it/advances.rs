//! Forced advances (R8): what is open closes, once, whoever goes on from the checkpoint of the advance.

use std::sync::Arc;

use dataflow::{EmissionLimit, JobPlan, Shard, WindowKind};
use protocol::manifest::ManifestName;
use protocol::metadata::EmissionCursor;
use protocol::registers::ShardRegisters;

use crate::keyed::{with_first_rows, without_times};
use crate::random::Random;
use crate::support::*;

fn name() -> ManifestName {
    "g1-s0-c7-00000000000000aa".parse().unwrap()
}

/// The checkpoint of an advance: registers behind it, tables before.
struct Checkpoint {
    registers: ShardRegisters,
    store: Store,
}

/// Takes the checkpoint of an advance and carries it out.
fn advance(shard: &mut Shard) -> Checkpoint {
    let registers = shard.advanced(&name()).expect("something is open");
    let mut store = Store::new();
    shard.mark_all_changed();
    save(shard, &mut store);
    shard.advance(registers.clone());
    Checkpoint { registers, store }
}

fn restored(plan: &Arc<JobPlan>, checkpoint: &Checkpoint) -> Shard {
    let mut shard = shard(plan, 0, 0);
    let mapping = shard.check_tables(&shard.tables()).unwrap();
    shard.restore(checkpoint.registers.clone(), mapping).unwrap();
    for ((table, key), value) in &checkpoint.store {
        shard.restore_entry(*table, key, value).unwrap();
    }
    shard
}

/// Hands out in parts and stops, perhaps in the middle: how far it came.
fn hand_out(
    shard: &mut Shard,
    random: &mut Random,
    out: &mut Vec<String>,
) -> Option<EmissionCursor> {
    loop {
        let rows = if random.chance(70) { 1 + random.below(4) } else { u64::MAX };
        let emission = shard.boundary(EmissionLimit { rows, bytes: u64::MAX }).unwrap();
        sink_rows(&emission, out);
        if emission.cut.is_none() || random.chance(20) {
            return emission.cut;
        }
    }
}

fn plan_of(seed: u64, kind: WindowKind) -> Arc<JobPlan> {
    let plan = keyed_job(&[("b", kind, Keys::Id), ("a", ALL_WINDOWS[seed as usize % 3], Keys::Id)]);
    match kind {
        WindowKind::First { .. } => with_first_rows(&keyed_job(&[("f", kind, Keys::Id)])),
        _ if seed.is_multiple_of(2) || kind.session_gap().is_some() => plan,
        _ => with_lateness(&plan, 25),
    }
}

#[test]
fn a_forced_advance_closes_what_is_open_once_whatever_is_cut_and_whoever_goes_on() {
    let first = WindowKind::First { ttl_ms: 40 };
    let mut cuts = 0;
    for (seed, kind) in
        (0..6).flat_map(|seed| ALL_WINDOWS.into_iter().chain([first]).map(move |k| (seed, k)))
    {
        let case = format!("seed {seed} {kind}");
        let mut random = Random::new(seed);
        let (rows, plan) = (rows(&mut random, 200, true), plan_of(seed, kind));
        let at = 1 + random.below(150) as usize;
        let upto = at + random.below(30) as usize;

        let mut expected = Vec::new();
        let mut whole = shard(&plan, 0, 0);
        whole.process_rows(&batch(&rows[..at])).unwrap();
        emit(&mut whole, &mut expected);
        let mut out = expected.clone();
        let Some(to) = whole.waits_until() else { continue };
        advance(&mut whole);
        emit(&mut whole, &mut expected);
        assert_eq!((whole.watermark(), whole.waits_until()), (Some(to), None), "{case}");
        whole.process_rows(&batch(&rows[at..])).unwrap();
        emit(&mut whole, &mut expected);

        let mut owner = shard(&plan, 0, 0);
        owner.process_rows(&batch(&rows[..at])).unwrap();
        emit(&mut owner, &mut Vec::new());
        let checkpoint = advance(&mut owner);
        // Rows may come before what the advance closes has gone out.
        owner.process_rows(&batch(&rows[at..upto])).unwrap();
        let cursor = hand_out(&mut owner, &mut random, &mut out);
        cuts += u32::from(cursor.is_some());
        let mut successor = restored(&plan, &checkpoint);
        successor.set_muted(true);
        successor.process_rows(&batch(&rows[at..upto])).unwrap();
        successor.settle(cursor).unwrap();
        emit(&mut successor, &mut out);
        assert_eq!(successor.registers().sent_until, None, "{case}");
        successor.process_rows(&batch(&rows[upto..])).unwrap();
        emit(&mut successor, &mut out);

        let last = |rows: Vec<String>| match kind {
            // How far its life has come when it goes out is no part of it.
            WindowKind::First { .. } => without_times(&rows),
            _ if seed.is_multiple_of(2) => sorted(rows),
            _ => last_rows(rows, Keys::Id),
        };
        assert_eq!(last(out), last(expected), "{case}");
        assert_eq!(digest(&mut successor), digest(&mut whole), "{case}");
    }
    assert!(cuts > 8, "emissions of an advance were cut: {cuts}");
}

#[test]
fn the_watermark_goes_where_the_last_thing_closes_that_waits_for_it() {
    let row = |time| Row { time, id: Some(1), name: None, quantity: None, price: None };
    let first = WindowKind::First { ttl_ms: 40 };
    for (kind, expected) in [
        (WindowKind::Tumble { size_ms: 10, offset_ms: 3 }, Some(1_013)),
        (WindowKind::Hop { size_ms: 20, slide_ms: 5, offset_ms: 0 }, Some(1_025)),
        (WindowKind::Session { gap_ms: 25 }, Some(1_056)),
        (first, Some(1_000)),
        (WindowKind::All, None),
        (WindowKind::Life { ttl_ms: 40 }, None),
    ] {
        let plan = keyed_job(&[("w", kind, Keys::Id)]);
        let plan = if kind == first { with_first_rows(&plan) } else { plan };
        let mut shard = shard(&plan, 0, 0);
        assert_eq!(shard.waits_until(), None, "{kind}: nothing came");
        shard.process_rows(&batch(&[row(1_006), row(1_000)])).unwrap();
        emit(&mut shard, &mut Vec::new());
        assert_eq!(shard.waits_until(), expected, "{kind}");
    }
}

#[test]
fn what_comes_behind_an_advance_is_late_by_it() {
    let row = |time| Row { time, id: Some(1), name: None, quantity: None, price: None };
    let plan = keyed_job(&[("w", WINDOWS[0], Keys::Id)]);
    let mut shard = shard(&plan, 0, 0);
    shard.process_rows(&batch(&[row(1_006)])).unwrap();
    let mut out = Vec::new();
    emit(&mut shard, &mut out);
    assert!(out.is_empty());
    let checkpoint = advance(&mut shard);
    assert_eq!(checkpoint.registers.sent_until, Some(1_006 - DELAY));
    emit(&mut shard, &mut out);
    assert_eq!(out.len(), 1, "{out:?}");
    shard.process_rows(&batch(&[row(1_009), row(1_010)])).unwrap();
    emit(&mut shard, &mut out);
    let registers = shard.registers();
    assert_eq!(registers.late_rows.get("w"), Some(&1));
    assert_eq!((out.len(), registers.advances, registers.idle), (1, 1, false));
    assert_eq!(registers.advanced_by, Some(name()));
    assert_eq!(shard.waits_until(), Some(1_020));
}
