//! Runs plans over rows in shards, through exchanges, as a worker would.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMillisecondArray,
};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use dataflow::{DataflowError, Emission, EmissionLimit, JobPlan, Shard};
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

/// The columns that the plan reads.
fn batch(plan: &JobPlan, clicks: &[Click]) -> RecordBatch {
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
    let mut merging: BTreeMap<(usize, u32), Shard> = BTreeMap::new();
    for (exchange, declared) in plan.exchanges.iter().enumerate() {
        for partition in 0..declared.partitions {
            let log = Log::new("x", partition as i32);
            let shard = Shard::new(Arc::clone(&plan), StageId(1), exchange, log)?;
            merging.insert((exchange, partition), shard);
        }
    }
    let mut out = BTreeMap::new();
    for rows in clicks.chunks(commit) {
        first.process_rows(&batch(&plan, rows))?;
        let emission = first.boundary(limit)?;
        show(&plan, &emission, &mut out);
        for (exchange, partition, rows) in &emission.exchanges {
            merging.get_mut(&(*exchange, *partition)).unwrap().process_partials(rows)?;
        }
        for shard in merging.values_mut() {
            shard.process_watermarks(1, &[emission.watermark.clone().unwrap()])?;
            show(&plan, &shard.boundary(limit)?, &mut out);
        }
    }
    Ok(out)
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
}
