//! A whole job in one thread: shards of all stages in a random order, with commits and crashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use dataflow::{EmissionLimit, Input, JobPlan, Shard};
use protocol::Log;
use protocol::metadata::EmissionCursor;
use protocol::registers::{ShardRegisters, UpstreamWatermark};

use super::input::{Logs, Row, batch};
use super::random::Random;
use super::sink::texts;

/// A record of an exchange partition.
#[derive(Clone)]
enum Record {
    Rows(RecordBatch),
    Watermark(u32, UpstreamWatermark),
}

type Store = BTreeMap<(u16, Vec<u8>), Vec<u8>>;

/// A shard, and what is durable of it.
struct Owned {
    stage: protocol::StageId,
    input: usize,
    log: Log,
    shard: Shard,
    position: usize,
    committed: usize,
    /// With the commit.
    clock: Option<i64>,
    cursor: Option<EmissionCursor>,
    snapshot: (usize, ShardRegisters, Store),
}

impl Owned {
    fn new(plan: &Arc<JobPlan>, stage: protocol::StageId, input: usize, log: Log) -> Self {
        let shard = Shard::new(Arc::clone(plan), stage, input, log.clone()).unwrap();
        let snapshot = (0, ShardRegisters::default(), Store::new());
        let clock = None;
        Self { stage, input, log, shard, position: 0, committed: 0, clock, cursor: None, snapshot }
    }

    fn save(&mut self) {
        let (offset, registers, store) = &mut self.snapshot;
        for changes in self.shard.changes().unwrap() {
            if let Some(live) = changes.live_from {
                let floor = ((live as u64) ^ (1 << 63)).to_be_bytes();
                store.retain(|(table, key), _| *table != changes.table || key[..8] >= floor[..]);
            }
            for (key, value) in changes.entries.iter() {
                let key = (changes.table, key.to_vec());
                match value {
                    Some(value) => drop(store.insert(key, value.to_vec())),
                    None => drop(store.remove(&key)),
                }
            }
        }
        (*offset, *registers) = (self.position, self.shard.registers());
    }
}

struct Job<'a> {
    plan: &'a Arc<JobPlan>,
    logs: &'a Logs,
    exchanges: BTreeMap<(usize, u32), Vec<Record>>,
    sinks: BTreeMap<String, Vec<String>>,
    /// Sinks that get changes: by key the row that counts.
    tables: BTreeMap<String, BTreeMap<String, String>>,
    random: Random,
}

/// Rows of all sinks once everything has been read.
pub(super) fn run(plan: &Arc<JobPlan>, logs: &Logs, seed: u64) -> BTreeMap<String, Vec<String>> {
    let mut job = Job {
        plan,
        logs,
        exchanges: BTreeMap::new(),
        sinks: BTreeMap::new(),
        tables: BTreeMap::new(),
        random: Random::new(seed ^ 0x77),
    };
    let mut shards = Vec::new();
    for stage in &plan.stages {
        for (input, read) in stage.inputs.iter().enumerate() {
            let (topic, partitions) = match read.input {
                Input::Source(at) => (plan.sources[at].topic.clone(), logs.sources[at].len()),
                Input::Exchange(at) => {
                    (format!("exchange {at}"), plan.exchanges[at].partitions as usize)
                }
            };
            for partition in 0..partitions {
                let log = Log::new(topic.clone(), partition as i32);
                shards.push(Owned::new(plan, stage.id, input, log));
            }
        }
    }
    for _ in 0..40 {
        for shard in &mut shards {
            job.step(shard, 25);
        }
    }
    // Everything to its end, stage after stage: the last rows of one are the input of the next.
    for shard in &mut shards {
        job.step(shard, usize::MAX as u64);
        job.step(shard, usize::MAX as u64);
    }
    let tables = job.tables.into_iter();
    job.sinks.extend(tables.map(|(name, table)| (name, table.into_values().collect())));
    job.sinks
}

impl Job<'_> {
    /// Reads a little, commits, perhaps crashes.
    fn step(&mut self, owned: &mut Owned, most: u64) {
        if owned.cursor.is_none() {
            self.read(owned, most);
        }
        let cut = self.random.chance(20);
        let rows = if cut { 1 + self.random.below(4) } else { u64::MAX };
        self.commit(owned, rows);
        if most == usize::MAX as u64 {
            while owned.cursor.is_some() {
                self.commit(owned, u64::MAX);
            }
            return;
        }
        if owned.cursor.is_none() && self.random.chance(25) {
            owned.save();
        }
        if self.random.chance(15) {
            // Something more, which is lost.
            if owned.cursor.is_none() {
                self.read(owned, most);
            }
            self.restart(owned);
        }
    }

    fn read(&mut self, owned: &mut Owned, most: u64) {
        let length = self.length(owned);
        let count = if most > 1000 { most as usize } else { self.random.below(most) as usize };
        let end = owned.position.saturating_add(count).min(length);
        self.feed(owned, end);
        if let Some(now) = self.clock(owned) {
            owned.shard.set_clock(now);
        } else if end == length && self.random.chance(50) || most > 1000 {
            owned.shard.set_idle(true);
        }
    }

    /// Where a watermark is a clock: somewhere before the next row; at the end where all clocks stand.
    fn clock(&mut self, owned: &Owned) -> Option<i64> {
        let Input::Source(source) = self.input(owned) else { return None };
        if !self.plan.sources[source].is_clocked() {
            return None;
        }
        let logs = &self.logs.sources[source];
        let log = &logs[owned.log.partition as usize];
        let last = logs.iter().flatten().map(|row| row.time).max().unwrap();
        let next = log.get(owned.position).map_or(last, |row| row.time);
        let before = owned.shard.clock().unwrap_or(next.min(1_000_000));
        let rest = (next - before).max(0) as u64;
        Some(if owned.position < log.len() {
            before + self.random.below(rest + 1) as i64
        } else {
            next
        })
    }

    fn length(&self, owned: &Owned) -> usize {
        match self.input(owned) {
            Input::Source(at) => self.logs.sources[at][owned.log.partition as usize].len(),
            Input::Exchange(at) => {
                self.exchanges.get(&(at, owned.log.partition as u32)).map_or(0, Vec::len)
            }
        }
    }

    fn input(&self, owned: &Owned) -> Input {
        self.plan.stage(owned.stage).unwrap().inputs[owned.input].input
    }

    fn feed(&mut self, owned: &mut Owned, end: usize) {
        let own = owned.position..end;
        match self.input(owned) {
            Input::Source(at) => {
                let schema = &self.plan.sources[at].schema;
                let mut rest: &[Row] = &self.logs.sources[at][owned.log.partition as usize][own];
                while !rest.is_empty() {
                    let (now, later) =
                        rest.split_at(1 + self.random.below(rest.len() as u64) as usize);
                    owned.shard.process_rows(&batch(schema, now)).unwrap();
                    rest = later;
                }
            }
            Input::Exchange(at) => {
                let records = self.exchanges.get(&(at, owned.log.partition as u32));
                for record in records.map_or(&[][..], |records| &records[own]) {
                    match record {
                        Record::Rows(rows) => owned.shard.process_partials(rows).unwrap(),
                        Record::Watermark(shards, entry) => owned
                            .shard
                            .process_watermarks(*shards, std::slice::from_ref(entry))
                            .unwrap(),
                    }
                }
            }
        }
        owned.position = end;
    }

    fn commit(&mut self, owned: &mut Owned, rows: u64) {
        let emission = owned.shard.boundary(EmissionLimit { rows, bytes: u64::MAX }).unwrap();
        for (sink, rows) in &emission.sinks {
            let sink = &self.plan.sinks[*sink];
            if sink.upsert {
                let table = self.tables.entry(sink.name.clone()).or_default();
                table.extend(texts(&rows.project(&sink.key).unwrap()).into_iter().zip(texts(rows)));
            } else {
                self.sinks.entry(sink.name.clone()).or_default().extend(texts(rows));
            }
        }
        for (sink, rows) in &emission.deletions {
            let sink = &self.plan.sinks[*sink];
            let table = self.tables.entry(sink.name.clone()).or_default();
            for key in texts(&rows.project(&sink.key).unwrap()) {
                table.remove(&key);
            }
        }
        let mut fed: Vec<usize> = Vec::new();
        for (exchange, partition, rows) in emission.exchanges {
            let records = self.exchanges.entry((exchange, partition)).or_default();
            records.push(Record::Rows(rows));
        }
        let input = &self.plan.stage(owned.stage).unwrap().inputs[owned.input];
        fed.extend(input.pipelines.iter().filter_map(dataflow::Pipeline::exchange));
        if let Some(entry) = emission.watermark {
            let shards = match input.input {
                Input::Source(at) => self.logs.sources[at].len() as u32,
                Input::Exchange(at) => self.plan.exchanges[at].partitions,
            };
            for exchange in fed {
                for partition in 0..self.plan.exchanges[exchange].partitions {
                    let records = self.exchanges.entry((exchange, partition)).or_default();
                    records.push(Record::Watermark(shards, entry.clone()));
                }
            }
        }
        (owned.committed, owned.cursor) = (owned.position, emission.cut);
        owned.clock = owned.shard.clock();
    }

    /// Restores the snapshot, replays muted to the commit.
    fn restart(&mut self, owned: &mut Owned) {
        let log = owned.log.clone();
        let mut shard = Shard::new(Arc::clone(self.plan), owned.stage, owned.input, log).unwrap();
        let (offset, registers, store) = &owned.snapshot;
        let mapping = shard.check_tables(&shard.tables()).unwrap();
        shard.restore(registers.clone(), mapping).unwrap();
        for ((table, key), value) in store {
            shard.restore_entry(*table, key, value).unwrap();
        }
        owned.shard = shard;
        owned.position = *offset;
        if let Some(now) = owned.clock {
            owned.shard.set_clock(now);
        }
        owned.shard.set_muted(self.random.chance(70));
        self.feed(owned, owned.committed);
        owned.shard.settle(owned.cursor).unwrap();
    }
}
