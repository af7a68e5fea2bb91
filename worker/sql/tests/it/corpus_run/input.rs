//! What the sources of a plan hold.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dataflow::JobPlan;

use super::random::Random;

const LOGS: usize = 3;
const ROWS: u64 = 120;
/// Beyond every window of the corpus, and its lateness.
const CLOSING_MS: i64 = 40 * 86_400_000;

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) user: i64,
    pub(super) name: Option<String>,
    pub(super) time: i64,
    price: f64,
    quantity: i32,
}

/// The logs of each source of a plan.
pub(super) struct Logs {
    pub(super) sources: Vec<Vec<Vec<Row>>>,
}

impl Logs {
    /// The last row of a log lies far ahead, but for every other plan that only changes; the last log is empty.
    pub(super) fn random(plan: &JobPlan, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let sources = plan.sources.iter().map(|source| {
            let mut logs = vec![Vec::new(); LOGS];
            let mut now = 1_000_000;
            for _ in 0..ROWS {
                // Users stay with their log, as a claim may say.
                let user = random.below(6) as i64;
                let log = &mut logs[user as usize % (LOGS - 1)];
                now += random.below(4) as i64 * 700;
                if random.chance(3) {
                    now += 45_000;
                }
                let far = random.chance(15);
                let back = random.below(if far { 30_000 } else { 3_000 }) as i64;
                let time = now - back;
                // A clock does not go back.
                let clock = log.last().map_or(time, |last: &Row| last.time.max(time));
                log.push(Row {
                    user,
                    name: random.chance(85).then(|| ["ann", "bob", "Cy"][user as usize % 3].into()),
                    time: if source.is_clocked() { clock } else { time },
                    price: random.below(40) as f64 * 0.25,
                    quantity: 1 + random.below(5) as i32,
                });
            }
            let open = seed % 2 == 1 && plan.sinks.iter().all(|sink| sink.upsert);
            let closed = logs.iter_mut().filter(|log| !log.is_empty() && !open);
            for (user, log) in (99..).zip(closed) {
                let time = now + CLOSING_MS;
                log.push(Row { user, name: None, time, price: 1.0, quantity: 1 });
            }
            logs
        });
        Self { sources: sources.collect() }
    }
}

/// Rows as the plan reads them.
pub(super) fn batch(schema: &SchemaRef, rows: &[Row]) -> RecordBatch {
    let column = |name: &str| -> ArrayRef {
        match name {
            "user_id" => Arc::new(rows.iter().map(|r| Some(r.user)).collect::<Int64Array>()),
            "name" => Arc::new(rows.iter().map(|r| r.name.as_deref()).collect::<StringArray>()),
            "event_time" | "proc_time" => {
                Arc::new(rows.iter().map(|r| Some(r.time)).collect::<TimestampMillisecondArray>())
            }
            "price" => Arc::new(rows.iter().map(|r| Some(r.price)).collect::<Float64Array>()),
            "quantity" => Arc::new(rows.iter().map(|r| Some(r.quantity)).collect::<Int32Array>()),
            "ok" => Arc::new(rows.iter().map(|r| Some(r.quantity > 2)).collect::<BooleanArray>()),
            _ => {
                let cents = rows.iter().map(|r| Some(i128::from(r.quantity) * 100));
                let cents: Decimal128Array = cents.collect();
                Arc::new(cents.with_precision_and_scale(10, 2).unwrap())
            }
        }
    };
    let columns = schema.fields().iter().map(|field| column(field.name())).collect();
    RecordBatch::try_new(schema.clone(), columns).unwrap()
}
