//! B8: how long after the event that closes a window its results are visible, at a part of the rate that writer, broker
//! and engine sustain together on this machine.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use protocol::admin::{SlotPhase, WorkerStatus};
use rdkafka::consumer::Consumer as _;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::compare;
use super::engine::Bench;
use super::fold::{self, Pair};
use super::inputs::{self, BenchInput, PARTITIONS, Writing};
use super::pipelines::{B2, DELAY, InputKind, System};
use super::report::say;
use crate::generator::{Pace, Recipe, WriteOptions, writer};
use crate::harness::wait;
use crate::harness::worker::{Role, Worker};
use crate::kafka::logs::{self, Isolation};
use crate::kafka::topics;
use crate::oracle::Window;

/// Rows by which the sustained rate is found.
const SUSTAINED_ROWS: u64 = 4_000_000;
const LOAD_FOR: Duration = Duration::from_secs(30);
const STEP_MAX: Duration = Duration::from_mins(3);
/// Seconds of event time in a second: a window of 10 s closes every second.
const SPEED: u64 = 10;
const LATE_PER_MILLION: u64 = 50_000;
/// Parts of the sustained rate, in percent.
const SHARES: [u64; 2] = [50, 80];
const WINDOW: Window = Window::Tumble { size: 10_000 };

/// What was measured at one part of the sustained rate.
#[derive(Clone, Debug)]
pub(super) struct Latency {
    /// Percent of the sustained rate.
    pub(super) share: u64,
    /// Rows per second, one per round.
    pub(super) rates: Vec<f64>,
    /// Half of the results were visible within this many ms, one per round.
    pub(super) p50: Vec<f64>,
    /// 99 of 100 were.
    pub(super) p99: Vec<f64>,
    /// What was wrong with the output.
    pub(super) faults: Vec<String>,
}

/// Measures at every part of the rate, `rounds` times each.
pub(super) fn measure(
    bench: &mut Bench<'_>,
    rounds: u32,
    writing: Writing,
) -> anyhow::Result<Vec<Latency>> {
    let mut found = SHARES.map(|share| Latency {
        share,
        rates: Vec::new(),
        p50: Vec::new(),
        p99: Vec::new(),
        faults: Vec::new(),
    });
    for round in 1..=rounds {
        let sustained = sustained(bench, writing, round)?;
        say(&format!("round {round} of {rounds}: b8 {sustained} rows/s are sustained"))?;
        for latency in &mut found {
            let rate = sustained * latency.share / 100;
            let (mut delays, faults) = loaded(bench, writing, (rate, round))?;
            delays.sort_unstable();
            let (p50, p99) = (percentile(&delays, 50), percentile(&delays, 99));
            let share = latency.share;
            say(&format!("round {round} of {rounds}: b8 {share} % p50 {p50} ms, p99 {p99} ms"))?;
            latency.rates.push(rate as f64);
            latency.p50.push(p50 as f64);
            latency.p99.push(p99 as f64);
            latency.faults.extend(faults);
        }
    }
    Ok(found.into())
}

fn percentile(sorted: &[i64], percent: usize) -> i64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent / 100).min(last)).copied().unwrap_or_default()
}

fn rows_read(status: &WorkerStatus) -> u64 {
    status.slots.iter().map(|slot| slot.rows).sum()
}

fn is_running(status: &WorkerStatus) -> bool {
    status.slots.iter().all(|slot| slot.phase == SlotPhase::Running)
}

/// Rows per second from the first one written to the last one read.
fn sustained(bench: &mut Bench<'_>, writing: Writing, round: u32) -> anyhow::Result<u64> {
    let topic = format!("sustained-{round}");
    topics::create(bench.bootstrap, &[(&topic, PARTITIONS)])?;
    let job = bench.job(&topic, &B2)?;
    let setup = bench.setup(&job, Role::Alone)?;
    let mut worker = bench.processors.start(|| Worker::start(&setup))?;
    worker.until_status("a running job", STEP_MAX, is_running)?;
    let options = options(bench, writing, &topic, (SUSTAINED_ROWS, Pace::FlatOut));
    let start = Instant::now();
    writer::write(&inputs::recipe(&B2.input, writing.seed), &options, &mut |_| true)?;
    worker.until_status("the end of the source", STEP_MAX, |status| {
        rows_read(status) >= SUSTAINED_ROWS
    })?;
    let rate = SUSTAINED_ROWS as f64 / start.elapsed().as_secs_f64();
    worker.process().stop()?;
    topics::delete(bench.bootstrap, &[&topic, &job.sink])?;
    Ok(rate as u64)
}

fn options(
    bench: &Bench<'_>,
    writing: Writing,
    topic: &str,
    (rows, pace): (u64, Pace),
) -> WriteOptions {
    WriteOptions {
        bootstrap: bench.bootstrap.into(),
        topic: topic.into(),
        rows: rows / u64::from(PARTITIONS),
        first: 0,
        pace,
        lz4: writing.lz4,
        closing: Some(B2.query().closing()),
    }
}

/// The engine under a steady load: the delay of every result in ms, and what is wrong with the output.
fn loaded(
    bench: &mut Bench<'_>,
    writing: Writing,
    (rate, round): (u64, u32),
) -> anyhow::Result<(Vec<i64>, Vec<String>)> {
    let topic = format!("paced-{rate}-{round}");
    topics::create(bench.bootstrap, &[(&topic, PARTITIONS)])?;
    let job = bench.job(&topic, &B2)?;
    let setup = bench.setup(&job, Role::Alone)?;
    let mut worker = bench.processors.start(|| Worker::start(&setup))?;
    worker.until_status("a running job", STEP_MAX, is_running)?;
    let stop = Arc::new(AtomicBool::new(false));
    let reader = {
        let (bootstrap, sink) = (bench.bootstrap.to_owned(), job.sink.clone());
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || results(&bootstrap, &sink, &stop))
    };
    let kind = InputKind { density: rate / SPEED, ..B2.input };
    let recipe = Recipe {
        late_per_million: LATE_PER_MILLION,
        ..inputs::recipe(&kind, writing.seed + u64::from(round))
    };
    let rows = rate * LOAD_FOR.as_secs();
    let options = options(bench, writing, &topic, (rows, Pace::PerSecond(rate)));
    let written = writer::write(&recipe, &options, &mut |_| true)?;
    worker.until_status("the end of the source", STEP_MAX, |status| {
        rows_read(status) >= written.rows
    })?;
    let input = BenchInput::read(bench.bootstrap, &topic, written.bytes, B2)?;
    wait::until("the whole output", STEP_MAX, || {
        let faults = input.faults(bench.bootstrap, &job.sink, &B2, System::StreamJob)?;
        Ok(faults.iter().all(|fault| !fault.contains(" lost:")).then_some(()))
    })?;
    stop.store(true, Ordering::SeqCst);
    let seen = reader.join().ok().context("the reader of results panicked")??;
    worker.process().stop()?;
    let faults = input.faults(bench.bootstrap, &job.sink, &B2, System::StreamJob)?;
    let closers = closers(bench.bootstrap, &topic)?;
    topics::delete(bench.bootstrap, &[&topic, &job.sink])?;
    let delays = seen.iter().filter_map(|([auction, start], moment)| {
        let end = start + WINDOW.size();
        Some(moment - closers.get(&[auction % i64::from(PARTITIONS), end])?)
    });
    Ok((delays.collect(), faults))
}

/// Every committed result with the time, ms, at which a reader had it.
fn results(bootstrap: &str, sink: &str, stop: &AtomicBool) -> anyhow::Result<Vec<(Pair, i64)>> {
    let consumer = logs::consumer(bootstrap, Isolation::Committed)?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(sink, partition as i32, Offset::Beginning)?;
    }
    consumer.assign(&assignment).context("the results")?;
    let mut seen = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) {
            let now = jiff::Timestamp::now().as_millisecond();
            let (identity, _) = compare::row(B2.work, message.payload().unwrap_or_default())?;
            seen.push((identity, now));
        }
    }
    Ok(seen)
}

/// By log and end of the window: when the row was handed to the writer's client that moved the watermark there.
fn closers(bootstrap: &str, topic: &str) -> anyhow::Result<HashMap<Pair, i64>> {
    let mut closers = HashMap::new();
    let mut ends: Vec<Option<i64>> = vec![None; PARTITIONS as usize];
    logs::read(bootstrap, topic, Isolation::Committed, &mut |record| {
        let time = fold::event_time(B2.input.shape, record.value.unwrap_or_default())?;
        let sent = record.timestamp.context("a record without a time")?;
        let closed = (time - DELAY).div_euclid(WINDOW.size()) * WINDOW.size();
        let end = &mut ends[record.partition as usize];
        let mut next = end.map_or(closed, |end| end + WINDOW.size());
        while next <= closed {
            closers.insert([i64::from(record.partition), next], sent);
            *end = Some(next);
            next += WINDOW.size();
        }
        Ok(())
    })?;
    Ok(closers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_delays() {
        let delays: Vec<i64> = (1..=200).collect();
        assert_eq!((percentile(&delays, 50), percentile(&delays, 99)), (101, 199));
        assert_eq!((percentile(&[7], 99), percentile(&[], 99)), (7, 0));
    }
}
