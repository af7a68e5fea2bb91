//! The batch run: `DataFusion` over the oracle's table.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use arrow::array::AsArray as _;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::cell::Cell;
use super::rows::Input;

/// One row that the query gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRow {
    /// The columns after the identity.
    pub values: Box<[Cell]>,
    /// The watermark has closed its window. Others may come only from a log that is idle.
    pub due: bool,
}

/// All rows that the query gives over an input.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Column names, those of the identity first.
    pub columns: Vec<String>,
    /// A value of each column's type.
    pub types: Vec<Cell>,
    /// How many of them are the identity.
    pub identity: usize,
    /// By identity.
    pub rows: HashMap<Box<[Cell]>, ExpectedRow>,
    /// Input rows.
    pub events: u64,
    /// Late ones among them.
    pub late: u64,
}

impl Expected {
    /// Runs the query.
    pub fn of(input: Input) -> anyhow::Result<Self> {
        let query = input.query().clone();
        let mut expected = Self {
            identity: query.identity().len(),
            events: input.rows(),
            late: input.late(),
            ..Self::default()
        };
        let (schema, parts) = input.into_table()?;
        let table = MemTable::try_new(schema, parts).context("the oracle's table")?;
        let (schema, batches) = collect(table, &query.batch_sql())?;
        for field in schema.fields().iter().filter(|field| field.name() != "due") {
            expected.columns.push(field.name().clone());
            expected.types.push(Cell::of_type(field.data_type())?);
        }
        for batch in batches {
            expected.take(&batch)?;
        }
        Ok(expected)
    }

    /// Rows whose windows the watermark has closed.
    pub fn due(&self) -> u64 {
        self.rows.values().filter(|row| row.due).count() as u64
    }

    fn take(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        let columns = self.columns.len();
        let due = batch.column(columns).as_boolean();
        for row in 0..batch.num_rows() {
            let cells = |range: std::ops::Range<usize>| -> anyhow::Result<Box<[Cell]>> {
                range.map(|column| Cell::of_array(batch.column(column), row)).collect()
            };
            let identity = cells(0..self.identity)?;
            let expected =
                ExpectedRow { values: cells(self.identity..columns)?, due: due.value(row) };
            let before = self.rows.insert(identity, expected);
            ensure!(
                before.is_none(),
                "two rows of the oracle have one identity: a faulty test query"
            );
        }
        Ok(())
    }
}

fn collect(table: MemTable, sql: &str) -> anyhow::Result<(SchemaRef, Vec<RecordBatch>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("a runtime for the oracle")?;
    runtime.block_on(async {
        let session =
            SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
        session.register_table("rows", Arc::new(table))?;
        let frame = session.sql(sql).await.with_context(|| format!("the oracle's query {sql}"))?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        Ok((schema, frame.collect().await.context("the oracle's run")?))
    })
}

#[cfg(test)]
mod tests {
    use super::super::query::Query;
    use super::*;

    fn bid(auction: i64, price: i64, event_time: i64, n: u64) -> Vec<u8> {
        format!(
            r#"{{"auction":{auction},"bidder":1,"price":{price},"event_time":{event_time},"ref":"0:{n}"}}"#
        )
        .into_bytes()
    }

    fn run(query: Query, logs: &[&[(i64, i64, i64)]]) -> Expected {
        let mut input = Input::new(query, logs.len());
        for (partition, rows) in logs.iter().enumerate() {
            for (n, (auction, price, time)) in rows.iter().enumerate() {
                input.push(partition, &bid(*auction, *price, *time, n as u64)).expect("a bid");
            }
        }
        Expected::of(input).expect("a run")
    }

    fn window(auction: i64, start: i64) -> Box<[Cell]> {
        Box::new([Cell::Int(auction), Cell::Time(start), Cell::Time(start + 10_000)])
    }

    #[test]
    fn windows_are_counted_without_late_rows_and_close_by_the_watermark() {
        let rows: &[(i64, i64, i64)] =
            &[(1, 5, 0), (1, 9, 9_999), (1, 7, 15_000), (1, 99, 9_000), (2, 1, 14_000)];
        let expected = run(Query::bids_per_auction(true), &[rows]);
        assert_eq!((expected.events, expected.late, expected.due()), (5, 1, 1));
        let first = &expected.rows[&window(1, 0)];
        assert_eq!(*first.values, [Cell::Int(2), Cell::Int(9)]);
        assert!(first.due);
        assert!(!expected.rows[&window(1, 10_000)].due);
    }

    #[test]
    fn through_an_exchange_the_slowest_log_closes_the_windows() {
        let fast: &[(i64, i64, i64)] = &[(1, 5, 0), (1, 5, 50_000)];
        let slow: &[(i64, i64, i64)] = &[(1, 6, 1_000)];
        let claimed = run(Query::bids_per_auction(true), &[fast, &[(2, 6, 1_000)]]);
        assert_eq!(claimed.due(), 1);
        let exchanged = run(Query::bids_per_auction(false), &[fast, slow]);
        assert_eq!(exchanged.due(), 0);
        assert_eq!(*exchanged.rows[&window(1, 0)].values, [Cell::Int(2), Cell::Int(6)]);
    }

    #[test]
    fn rows_without_windows_pass_the_filter_one_by_one() {
        let expected = run(Query::bids_filtered(), &[&[(1, 4, 0), (1, 5, 1), (3, 6, 2)]]);
        assert_eq!(expected.columns, ["ref", "auction", "double_price"]);
        assert_eq!(expected.due(), 2);
        let row = &expected.rows[&[Cell::Text("0:2".into())][..]];
        assert_eq!(*row.values, [Cell::Int(3), Cell::Int(12)]);
    }
}
