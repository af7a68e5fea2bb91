//! Plans run in shards.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMillisecondArray,
};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use dataflow::{DataflowError, EmissionLimit, JobPlan, Shard};
use protocol::{Log, StageId};

use crate::fixture::job;

/// (user, name, seconds, price, quantity)
type Click = (i64, &'static str, i64, f64, i32);

const CLICKS: &[Click] = &[
    (1, "ann", 1, 2.5, 1),
    (2, "bob", 2, 1.0, 2),
    (1, "ann", 3, 4.0, 3),
    (3, "", 12, 8.0, 4),
    (1, "ann", 14, 0.5, 5),
    (9, "far", 1000, 0.0, 0),
];

/// The columns that the plan reads.
fn batch(plan: &JobPlan) -> RecordBatch {
    let source = &plan.sources[0];
    let column = |name: &str| -> ArrayRef {
        match name {
            "user_id" => Arc::new(CLICKS.iter().map(|c| Some(c.0)).collect::<Int64Array>()),
            "name" => Arc::new(
                CLICKS.iter().map(|c| (!c.1.is_empty()).then_some(c.1)).collect::<StringArray>(),
            ),
            "event_time" => Arc::new(
                CLICKS.iter().map(|c| Some(c.2 * 1000)).collect::<TimestampMillisecondArray>(),
            ),
            "price" => Arc::new(CLICKS.iter().map(|c| Some(c.3)).collect::<Float64Array>()),
            "quantity" => Arc::new(CLICKS.iter().map(|c| Some(c.4)).collect::<Int32Array>()),
            "ok" => Arc::new(CLICKS.iter().map(|c| Some(c.4 > 2)).collect::<BooleanArray>()),
            _ => {
                let cents = CLICKS.iter().map(|c| Some(i128::from(c.4) * 100));
                Arc::new(
                    cents.collect::<Decimal128Array>().with_precision_and_scale(10, 2).unwrap(),
                )
            }
        }
    };
    let columns = source.schema.fields().iter().map(|f| column(f.name())).collect();
    RecordBatch::try_new(source.schema.clone(), columns).unwrap()
}

fn run(sql: &str) -> Result<Vec<String>, DataflowError> {
    let plan = Arc::new(sql::plan(&job(sql)).unwrap());
    let limit = EmissionLimit { rows: u64::MAX, bytes: u64::MAX };
    let topic = plan.sources[0].topic.clone();
    let mut shard = Shard::new(Arc::clone(&plan), StageId(0), 0, Log::new(topic, 0))?;
    shard.process_rows(&batch(&plan))?;
    let emission = shard.boundary(limit)?;
    let mut out = Vec::new();
    show(&emission.sinks, &mut out);
    for (exchange, partition, rows) in emission.exchanges {
        let log = Log::new("x", partition as i32);
        let mut merge = Shard::new(Arc::clone(&plan), StageId(1), exchange, log)?;
        merge.process_partials(&rows)?;
        merge.process_watermarks(1, &[emission.watermark.clone().unwrap()])?;
        show(&merge.boundary(limit)?.sinks, &mut out);
    }
    out.sort();
    Ok(out)
}

fn show(sinks: &[(usize, RecordBatch)], out: &mut Vec<String>) {
    for (_, batch) in sinks {
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayRef| {
                if column.is_null(row) {
                    "null".to_owned()
                } else {
                    array_value_to_string(column, row).unwrap()
                }
            };
            out.push(batch.columns().iter().map(value).collect::<Vec<_>>().join(" "));
        }
    }
}

#[test]
fn a_window_in_two_phases_and_in_one_gives_the_same() {
    let query = "INSERT INTO counts SELECT user_id, window_start, count(*) AS n, max(price) AS top, sum(quantity) AS q, \
         avg(price) AS mean, min(name) AS first, sum(amount) AS total \
         FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) \
         GROUP BY user_id, window_start, window_end";
    let expected = [
        "1 1970-01-01T00:00:00 2 4.0 4 3.25 ann 4.00",
        "1 1970-01-01T00:00:10 1 0.5 5 0.5 ann 5.00",
        "2 1970-01-01T00:00:00 1 1.0 2 1.0 bob 2.00",
        "3 1970-01-01T00:00:10 1 8.0 4 8.0 null 4.00",
    ];
    assert_eq!(run(query).unwrap(), expected);
    assert_eq!(run(&query.replace("clicks", "visits")).unwrap(), expected);
}

#[test]
fn hop_having_and_expressions_over_groups() {
    let query = "INSERT INTO out SELECT upper(name) || '!' AS who, window_end, sum(price) / count(*) AS mean, \
         CASE WHEN count(*) > 1 THEN 'many' ELSE 'one' END AS size \
         FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '10' SECOND) \
         WHERE user_id < 9 GROUP BY upper(name), window_start, window_end \
         HAVING max(price) > 1 AND upper(name) IS NOT NULL";
    let expected = ["ANN! 1970-01-01T00:00:05 3.25 many", "ANN! 1970-01-01T00:00:10 3.25 many"];
    // The far row keeps the watermark but is filtered: no other rows.
    assert_eq!(run(query).unwrap(), expected);
}

#[test]
fn stateless_rows_views_and_functions() {
    let query = "CREATE VIEW cheap AS SELECT user_id AS id, coalesce(name, 'none') AS who, price * 2 AS twice, event_time \
         FROM clicks WHERE price < 5 AND price > 0; \
         INSERT INTO out SELECT id, length(who) AS len, round(twice, 0) AS r, date_trunc('minute', event_time) AS at \
         FROM cheap WHERE who LIKE 'a%' OR id IN (2, 7) OR twice BETWEEN 100 AND 200";
    let expected = [
        "1 3 1.0 1970-01-01T00:00:00",
        "1 3 5.0 1970-01-01T00:00:00",
        "1 3 8.0 1970-01-01T00:00:00",
        "2 3 2.0 1970-01-01T00:00:00",
    ];
    assert_eq!(run(query).unwrap(), expected);
}

#[test]
fn casts_times_and_intervals() {
    let query = "INSERT INTO out SELECT CAST(price AS BIGINT) AS a, TRY_CAST(name AS INT) AS b, \
         event_time + INTERVAL '1' HOUR AS c, CAST(quantity AS VARCHAR) || 'x' AS d, \
         event_time > TIMESTAMP '1970-01-01 00:00:10' AS e, CAST(NULL AS DOUBLE) AS f \
         FROM clicks WHERE ok AND NOT (user_id = 3)";
    let expected =
        ["0 null 1970-01-01T01:00:14 5x true null", "4 null 1970-01-01T01:00:03 3x false null"];
    assert_eq!(run(query).unwrap(), expected);
}

#[test]
fn a_window_over_everything_has_one_group() {
    let query = "INSERT INTO out SELECT window_time, count(*) AS n \
         FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, window_time";
    assert_eq!(run(query).unwrap(), ["1970-01-01T00:00:59.999 5"]);
}

#[test]
fn arithmetic_never_wraps() {
    let query = "INSERT INTO out SELECT user_id + 9223372036854775807 AS x FROM clicks";
    let error = run(query).unwrap_err().to_string();
    assert!(
        error.starts_with("operator out: ") && error.to_lowercase().contains("overflow"),
        "{error}"
    );
    let query = "INSERT INTO out SELECT 1 / quantity AS x FROM clicks";
    let error = run(query).unwrap_err().to_string();
    assert!(error.contains("Divide by zero"), "{error}");
}
