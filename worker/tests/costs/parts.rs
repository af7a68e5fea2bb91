//! The way of a record in steady state, in parts that can be counted alone.

use std::hint::black_box;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use dataflow::{EmissionLimit, JobPlan, Shard};
use formats::json::{JsonDecoder, JsonEncoder};
use formats::{EventTimeRule, Record};
use protocol::{Log, ShardId, StageId};
use sql::{ColumnDef, JobQuery, SinkDef, SourceDef, SqlType};
use state::LocalStore;

pub(crate) const BATCH_ROWS: usize = 8_192;
const KEYS: usize = 1_000;
const START_MS: usize = 1_700_000_000_000;

/// Count and highest price by key in windows of ten seconds.
const WINDOWS: &str = "INSERT INTO counts SELECT auction, window_start, count(*) AS bids, max(price) AS top \
     FROM TUMBLE(TABLE bids, DESCRIPTOR(event_time), INTERVAL '10' SECOND) \
     GROUP BY auction, window_start, window_end";

/// Keys without windows: kept for ever, for a while, and the first row of each.
pub(crate) const KEYED: [&str; 3] = [
    "INSERT INTO counts SELECT auction, count(*) AS bids, max(price) AS top FROM bids \
     GROUP BY auction EMIT CHANGES STATE TTL NONE",
    "INSERT INTO counts SELECT auction, count(*) AS bids, max(price) AS top FROM bids \
     GROUP BY auction EMIT CHANGES STATE TTL INTERVAL '1' HOUR",
    "INSERT INTO counts SELECT auction, price FROM (SELECT *, \
     ROW_NUMBER() OVER (PARTITION BY auction ORDER BY event_time) AS n FROM bids) WHERE n = 1 \
     STATE TTL INTERVAL '1' HOUR",
];

/// The input is claimed by the key.
fn plan(sql: &str) -> Arc<JobPlan> {
    let column = |name: &str, of| ColumnDef::field(name, of);
    let query = JobQuery {
        sources: vec![SourceDef {
            name: "bids".to_owned(),
            topic: "bids".to_owned(),
            columns: vec![
                column("auction", SqlType::Bigint),
                column("price", SqlType::Double),
                column("event_time", SqlType::Timestamp),
            ],
            reading: None,
            event_time: Some("event_time".to_owned()),
            delay_ms: 5_000,
            idle_timeout_ms: None,
            partitioned_by: Some(vec!["auction".to_owned()]),
        }],
        sinks: vec![SinkDef {
            name: "counts".to_owned(),
            topic: "counts".to_owned(),
            key: vec!["auction".to_owned()],
        }],
        sql: sql.to_owned(),
        exchange_partitions: 16,
    };
    Arc::new(sql::plan(&query).expect("a query that can be planned"))
}

/// One row in ten milliseconds of event time, its values as those of a topic.
fn record(n: usize) -> String {
    let (auction, bidder) = (1_000 + n * 7 % KEYS, 2_000 + n % 977);
    let (price, time) = (100 + n % 800, START_MS + n / 100);
    format!(
        "{{\"auction\":{auction},\"bidder\":{bidder},\"price\":{price}.25,\"channel\":\"channel-{}\",\
         \"event_time\":{time},\"ref\":\"3:{n}\"}}",
        n % 4
    )
}

/// Everything that a slot has for one shard.
pub(crate) struct Work {
    records: Vec<String>,
    decoder: JsonDecoder,
    shard: Shard,
    encoder: JsonEncoder,
    store: LocalStore,
    _folder: tempfile::TempDir,
}

impl Work {
    pub(crate) fn new() -> Self {
        Self::of(WINDOWS)
    }

    pub(crate) fn of(sql: &str) -> Self {
        let plan = plan(sql);
        let schema = plan.sources[0].schema.clone();
        let column = schema.index_of("event_time").unwrap();
        let rule = EventTimeRule { column, max_future_ms: None };
        let folder = tempfile::tempdir().unwrap();
        let sink = &plan.sinks[0];
        Self {
            records: (0..BATCH_ROWS).map(record).collect(),
            decoder: JsonDecoder::new(schema, Some(rule)).unwrap(),
            encoder: JsonEncoder::new(&sink.schema, sink.key.clone()).unwrap(),
            shard: Shard::new(plan, StageId(0), 0, Log::new("bids", 0)).unwrap(),
            store: LocalStore::open(folder.path(), 32 << 20).unwrap(),
            _folder: folder,
        }
    }

    /// Rows out of records, `batches` times the same ones.
    #[inline(never)]
    pub(crate) fn decode(&mut self, batches: usize) -> RecordBatch {
        let mut last = None;
        for _ in 0..batches {
            for record in &self.records {
                self.decoder.decode(Record::of_value(record.as_bytes())).unwrap();
            }
            last = Some(black_box(self.decoder.finish()));
        }
        last.unwrap()
    }

    /// Rows into an open window.
    #[inline(never)]
    pub(crate) fn aggregate(&mut self, rows: &RecordBatch, batches: usize) {
        for _ in 0..batches {
            self.shard.process_rows(rows).unwrap();
        }
    }

    /// Rows of a sink as records.
    #[inline(never)]
    pub(crate) fn encode(&mut self, rows: &RecordBatch) -> usize {
        let mut bytes = 0;
        self.encoder
            .encode(rows, &mut |key, value| bytes += key.map_or(0, <[u8]>::len) + value.len());
        bytes
    }

    /// All groups of the window into a run; how many.
    #[inline(never)]
    pub(crate) fn checkpoint(&mut self) -> u64 {
        let id = ShardId { stage: StageId(0), log: Log::new("bids", 0) };
        self.shard.mark_all_changed();
        let changes = self.shard.changes().unwrap();
        self.store.write_run(&id, &changes).unwrap().map_or(0, |run| run.entries)
    }

    /// Nothing is left to hand out.
    pub(crate) fn settle(&mut self) {
        let limit = EmissionLimit { rows: u64::MAX, bytes: u64::MAX };
        assert_eq!(self.shard.boundary(limit).unwrap().rows(), 0, "the window is open");
        self.shard.settle(None).unwrap();
    }

    /// Rows as the window hands them to the sink.
    pub(crate) fn results() -> RecordBatch {
        use arrow::array::{ArrayRef, Float64Array, Int64Array, TimestampMillisecondArray};
        use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
        let fields = Schema::new(vec![
            Field::new("auction", DataType::Int64, true),
            Field::new(
                "window_start",
                DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                true,
            ),
            Field::new("bids", DataType::Int64, true),
            Field::new("top", DataType::Float64, true),
        ]);
        let rows = BATCH_ROWS as i64;
        let starts = (0..rows).map(|n| START_MS as i64 + n % 7 * 10_000);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(0..rows)),
            Arc::new(TimestampMillisecondArray::from_iter_values(starts).with_timezone("UTC")),
            Arc::new(Int64Array::from_iter_values((0..rows).map(|n| n % 97))),
            Arc::new(Float64Array::from_iter_values((0..rows).map(|n| n as f64 + 0.25))),
        ];
        RecordBatch::try_new(Arc::new(fields), columns).unwrap()
    }
}
