//! The input logs as the oracle's table: late rows gone, one row per window.

use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{
    ArrayRef, BooleanArray, Float64Builder, Int64Builder, StringBuilder, TimestampMillisecondArray,
    TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use serde::Deserialize;

use super::lateness::LogClock;
use super::query::Query;
use crate::generator::Shape;

/// Rows of one Arrow batch.
const BATCH_ROWS: usize = 64 * 1024;

/// A row of either shape as it stands in the log; fields that a shape lacks are absent.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(alias = "user_id")]
    auction: i64,
    #[serde(default)]
    bidder: i64,
    price: serde_json::Number,
    #[serde(alias = "dateTime")]
    event_time: EventTime<'a>,
    #[serde(borrow, default)]
    url: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "ref", borrow)]
    reference: &'a str,
}

/// Nexmark's wrapping of a row.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    bid: Record<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum EventTime<'a> {
    Milliseconds(i64),
    Text(&'a str),
}

impl EventTime<'_> {
    fn milliseconds(&self) -> anyhow::Result<i64> {
        match self {
            Self::Milliseconds(ms) => Ok(*ms),
            Self::Text(text) => {
                let time: jiff::Timestamp =
                    text.parse().with_context(|| format!("event time '{text}'"))?;
                Ok(time.as_millisecond())
            }
        }
    }
}

struct Columns {
    key: Int64Builder,
    bidder: Int64Builder,
    whole_price: Int64Builder,
    price: Float64Builder,
    event_time: TimestampMillisecondBuilder,
    url: StringBuilder,
    reference: StringBuilder,
    window_start: TimestampMillisecondBuilder,
    window_end: TimestampMillisecondBuilder,
    rows: usize,
}

impl Columns {
    fn new() -> Self {
        Self {
            key: Int64Builder::new(),
            bidder: Int64Builder::new(),
            whole_price: Int64Builder::new(),
            price: Float64Builder::new(),
            event_time: TimestampMillisecondBuilder::new(),
            url: StringBuilder::new(),
            reference: StringBuilder::new(),
            window_start: TimestampMillisecondBuilder::new(),
            window_end: TimestampMillisecondBuilder::new(),
            rows: 0,
        }
    }

    fn push(&mut self, shape: Shape, record: &Record<'_>, time: i64, window: (i64, i64)) {
        self.key.append_value(record.auction);
        match shape {
            Shape::Bids | Shape::Nexmark => {
                self.bidder.append_value(record.bidder);
                self.whole_price.append_option(record.price.as_i64());
            }
            Shape::Clicks => {
                self.price.append_option(record.price.as_f64());
                self.url.append_option(record.url.as_deref());
            }
        }
        self.event_time.append_value(time);
        self.reference.append_value(record.reference);
        self.window_start.append_value(window.0);
        self.window_end.append_value(window.1);
        self.rows += 1;
    }

    fn finish(&mut self, shape: Shape) -> Vec<ArrayRef> {
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.key.finish())];
        match shape {
            Shape::Bids | Shape::Nexmark => {
                arrays.push(Arc::new(self.bidder.finish()));
                arrays.push(Arc::new(self.whole_price.finish()));
            }
            Shape::Clicks => {
                arrays.push(Arc::new(self.price.finish()));
                arrays.push(Arc::new(self.url.finish()));
            }
        }
        arrays.push(Arc::new(self.event_time.finish()));
        arrays.push(Arc::new(self.reference.finish()));
        arrays.push(Arc::new(self.window_start.finish()));
        arrays.push(Arc::new(self.window_end.finish()));
        self.rows = 0;
        arrays
    }
}

struct LogRows {
    clock: LogClock,
    rows: u64,
    columns: Columns,
    full: Vec<Vec<ArrayRef>>,
}

/// The input of a query, taken record by record.
pub struct Input {
    query: Query,
    logs: Vec<LogRows>,
    starts: Vec<i64>,
}

impl Input {
    /// Nothing read yet of any of `partitions` logs.
    pub fn new(query: Query, partitions: usize) -> Self {
        let log = || LogRows {
            clock: LogClock::new(query.delay),
            rows: 0,
            columns: Columns::new(),
            full: Vec::new(),
        };
        let logs = (0..partitions).map(|_| log()).collect();
        Self { query, logs, starts: Vec::new() }
    }

    /// The query that the rows are for.
    pub fn query(&self) -> &Query {
        &self.query
    }

    fn read<'a>(&self, value: &'a [u8]) -> anyhow::Result<(Record<'a>, i64)> {
        let record = match self.query.shape {
            Shape::Nexmark => serde_json::from_slice(value).map(|row: Envelope<'_>| row.bid),
            Shape::Bids | Shape::Clicks => serde_json::from_slice(value),
        };
        let record: Record<'_> =
            record.with_context(|| format!("input record {}", String::from_utf8_lossy(value)))?;
        let time = record.event_time.milliseconds()?;
        Ok((record, time))
    }

    /// Takes the next record of a log, which does not count: the log's time goes on with it.
    pub fn pass(&mut self, partition: usize, value: &[u8]) -> anyhow::Result<()> {
        let (_, time) = self.read(value)?;
        let log = &mut self.logs[partition];
        log.rows += 1;
        match self.query.window {
            None => log.clock.pass(time),
            Some(window) => log.clock.take(time, window, &mut self.starts),
        }
        Ok(())
    }

    /// Takes the next record of a log.
    pub fn push(&mut self, partition: usize, value: &[u8]) -> anyhow::Result<()> {
        let (record, time) = self.read(value)?;
        let log = &mut self.logs[partition];
        log.rows += 1;
        match self.query.window {
            None => {
                log.clock.pass(time);
                log.columns.push(self.query.shape, &record, time, (time, time));
            }
            Some(window) => {
                log.clock.take(time, window, &mut self.starts);
                for start in &self.starts {
                    let bounds = (*start, *start + window.size());
                    log.columns.push(self.query.shape, &record, time, bounds);
                }
            }
        }
        if log.columns.rows >= BATCH_ROWS {
            let arrays = log.columns.finish(self.query.shape);
            log.full.push(arrays);
        }
        Ok(())
    }

    /// The watermark of a log was forced, behind what was pushed of it.
    pub fn advance(&mut self, partition: usize, to: i64) -> anyhow::Result<()> {
        let filter = &self.query.filter;
        anyhow::ensure!(
            filter.is_none(),
            "which windows are open depends on the filter {filter:?}"
        );
        self.logs[partition].clock.advance(to)
    }

    /// The watermark of a log goes on without a row, as a clock does.
    pub fn go_on(&mut self, partition: usize, to: i64) {
        self.logs[partition].clock.pass(to);
    }

    /// Rows taken.
    pub fn rows(&self) -> u64 {
        self.logs.iter().map(|log| log.rows).sum()
    }

    /// Late rows among them.
    pub fn late(&self) -> u64 {
        self.logs.iter().map(|log| log.clock.late()).sum()
    }

    /// The watermark by which the windows of a log close, ms.
    fn closing_watermark(&self, log: &LogRows) -> Option<i64> {
        if self.query.claimed {
            return log.clock.watermark();
        }
        let all: Option<Vec<i64>> = self.logs.iter().map(|log| log.clock.watermark()).collect();
        all?.into_iter().min()
    }

    /// The table, one part per log, with the column `due`: whether the row's window closes by the watermark.
    pub(super) fn into_table(mut self) -> anyhow::Result<(SchemaRef, Vec<Vec<RecordBatch>>)> {
        let shape = self.query.shape;
        for log in &mut self.logs {
            let rest = log.columns.finish(shape);
            log.full.push(rest);
        }
        let schema = schema(shape);
        let mut parts = Vec::with_capacity(self.logs.len());
        for log in &self.logs {
            let watermark = self.closing_watermark(log);
            let windows = self.query.window.is_some();
            let batches: anyhow::Result<Vec<RecordBatch>> = log
                .full
                .iter()
                .map(|arrays| {
                    let due =
                        due(arrays.last().expect("window_end is the last"), watermark, windows);
                    let mut arrays = arrays.clone();
                    arrays.push(Arc::new(due));
                    Ok(RecordBatch::try_new(schema.clone(), arrays)?)
                })
                .collect();
            parts.push(batches?);
        }
        Ok((schema, parts))
    }
}

fn due(ends: &ArrayRef, watermark: Option<i64>, windows: bool) -> BooleanArray {
    let ends: &TimestampMillisecondArray =
        ends.as_any().downcast_ref().expect("window_end is a timestamp");
    ends.values().iter().map(|end| Some(!windows || watermark.is_some_and(|w| *end <= w))).collect()
}

fn schema(shape: Shape) -> SchemaRef {
    let timestamp = DataType::Timestamp(TimeUnit::Millisecond, None);
    let mut fields = match shape {
        Shape::Bids | Shape::Nexmark => vec![
            Field::new("auction", DataType::Int64, false),
            Field::new("bidder", DataType::Int64, false),
            Field::new("price", DataType::Int64, true),
        ],
        Shape::Clicks => vec![
            Field::new("user_id", DataType::Int64, false),
            Field::new("price", DataType::Float64, true),
            Field::new("url", DataType::Utf8, true),
        ],
    };
    fields.extend([
        Field::new("event_time", timestamp.clone(), false),
        Field::new("ref", DataType::Utf8, false),
        Field::new("window_start", timestamp.clone(), false),
        Field::new("window_end", timestamp, false),
        Field::new("due", DataType::Boolean, false),
    ]);
    Arc::new(Schema::new(fields))
}
