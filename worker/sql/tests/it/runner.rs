//! Runs plans over rows in shards, through exchanges, as a worker would.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMillisecondArray,
};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use dataflow::{
    DataflowError, Emission, EmissionLimit, Input, JobPlan, Pipeline, Shard, StageInput,
};
use protocol::{Log, StageId};

/// A row of the test's source. `amount` is the quantity as a decimal, `ok` says that it is above 2.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Click {
    pub(crate) user: i64,
    /// Empty = null.
    pub(crate) name: String,
    pub(crate) seconds: i64,
    pub(crate) price: f64,
    pub(crate) quantity: i32,
}

/// Between two rows that are read, where somebody asks for the time.
const POLL_MS: i64 = 5_000;

/// The columns that the plan reads, at a time of the clock.
fn batch(plan: &JobPlan, clicks: &[Click], clock_ms: i64) -> RecordBatch {
    let source = &plan.sources[0];
    let column = |name: &str| -> ArrayRef {
        match name {
            "user_id" => Arc::new(clicks.iter().map(|c| Some(c.user)).collect::<Int64Array>()),
            "name" => Arc::new(
                clicks
                    .iter()
                    .map(|c| (!c.name.is_empty()).then_some(c.name.as_str()))
                    .collect::<StringArray>(),
            ),
            "event_time" => Arc::new(
                clicks
                    .iter()
                    .map(|c| Some(c.seconds * 1000))
                    .collect::<TimestampMillisecondArray>(),
            ),
            "proc_time" => Arc::new(
                clicks.iter().map(|_| Some(clock_ms)).collect::<TimestampMillisecondArray>(),
            ),
            "price" => Arc::new(clicks.iter().map(|c| Some(c.price)).collect::<Float64Array>()),
            "quantity" => Arc::new(clicks.iter().map(|c| Some(c.quantity)).collect::<Int32Array>()),
            "ok" => Arc::new(clicks.iter().map(|c| Some(c.quantity > 2)).collect::<BooleanArray>()),
            _ => {
                let cents = clicks.iter().map(|c| Some(i128::from(c.quantity) * 100));
                Arc::new(
                    cents.collect::<Decimal128Array>().with_precision_and_scale(10, 2).unwrap(),
                )
            }
        }
    };
    let columns = source.schema.fields().iter().map(|f| column(f.name())).collect();
    RecordBatch::try_new(source.schema.clone(), columns).unwrap()
}

/// Runs a plan over one log, with a commit after every `commit` rows. Rows of each sink in order, as text.
pub(crate) fn run(
    plan: JobPlan,
    clicks: &[Click],
    commit: usize,
) -> Result<BTreeMap<String, Vec<String>>, DataflowError> {
    let plan = Arc::new(plan);
    let limit = EmissionLimit { rows: u64::MAX, bytes: u64::MAX };
    let log = Log::new(plan.sources[0].topic.clone(), 0);
    let mut first = Shard::new(Arc::clone(&plan), StageId(0), 0, log)?;
    // Stage after stage: the exchange that each shard reads, and those that it feeds.
    let mut merging: Vec<(usize, Vec<usize>, Shard)> = Vec::new();
    for stage in &plan.stages[1..] {
        for (at, input) in stage.inputs.iter().enumerate() {
            let Input::Exchange(exchange) = input.input else { panic!("a source in {}", stage.id) };
            for partition in 0..plan.exchanges[exchange].partitions {
                let log = Log::new(format!("x{exchange}"), partition as i32);
                let shard = Shard::new(Arc::clone(&plan), stage.id, at, log)?;
                merging.push((exchange, fed(input), shard));
            }
        }
    }
    let fed = fed(&plan.stages[0].inputs[0]);
    let mut out = BTreeMap::new();
    let clocked = plan.sources[0].is_clocked();
    // Where the watermark is the clock, it goes on a little when nothing is left.
    let after = if clocked { 20 } else { 0 };
    let reads = clicks.chunks(commit).chain(std::iter::repeat_n(&[][..], after));
    for (clock_ms, rows) in (0..).step_by(POLL_MS as usize).zip(reads) {
        first.process_rows(&batch(&plan, rows, clock_ms))?;
        if clocked {
            first.set_clock(clock_ms + POLL_MS);
        }
        let emission = first.boundary(limit)?;
        show(&plan, &emission, &mut out);
        deliver((emission, 1), &fed, &mut merging)?;
        for at in 0..merging.len() {
            let (exchange, fed, shard) = &mut merging[at];
            let (shards, fed) = (plan.exchanges[*exchange].partitions, fed.clone());
            let emission = shard.boundary(limit)?;
            show(&plan, &emission, &mut out);
            deliver((emission, shards), &fed, &mut merging[at + 1..])?;
        }
    }
    Ok(out)
}

fn fed(input: &StageInput) -> Vec<usize> {
    input.pipelines.iter().filter_map(Pipeline::exchange).collect()
}

/// Rows, then the watermark, to the shards behind. `shards`: that feed the same exchanges.
fn deliver(
    (emission, shards): (Emission, u32),
    fed: &[usize],
    behind: &mut [(usize, Vec<usize>, Shard)],
) -> Result<(), DataflowError> {
    for (exchange, partition, rows) in &emission.exchanges {
        let own = |(read, _, shard): &&mut (usize, Vec<usize>, Shard)| {
            read == exchange && shard.id().log.partition as u32 == *partition
        };
        behind.iter_mut().find(own).unwrap().2.process_partials(rows)?;
    }
    for (_, _, shard) in behind.iter_mut().filter(|(read, _, _)| fed.contains(read)) {
        shard.process_watermarks(
            shards,
            std::slice::from_ref(emission.watermark.as_ref().unwrap()),
        )?;
    }
    Ok(())
}

fn show(plan: &JobPlan, emission: &Emission, out: &mut BTreeMap<String, Vec<String>>) {
    for (sink, batch) in &emission.sinks {
        let rows = out.entry(plan.sinks[*sink].name.clone()).or_default();
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayRef| {
                if column.is_null(row) {
                    "null".to_owned()
                } else {
                    array_value_to_string(column, row).unwrap()
                }
            };
            rows.push(batch.columns().iter().map(value).collect::<Vec<_>>().join(" "));
        }
    }
    for (sink, batch) in &emission.deletions {
        let sink = &plan.sinks[*sink];
        let rows = out.entry(sink.name.clone()).or_default();
        for row in 0..batch.num_rows() {
            let key = sink.key.iter().map(|key| array_value_to_string(batch.column(*key), row));
            let key: Vec<String> = key.map(Result::unwrap).collect();
            rows.push(format!("{} deleted", key.join(" ")));
        }
    }
}
