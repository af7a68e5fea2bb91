//! Plans run in shards.

use dataflow::DataflowError;

use crate::fixture::job;
use crate::runner::{self, Click};

fn clicks() -> Vec<Click> {
    let rows = [
        (1, "ann", 1, 2.5, 1),
        (2, "bob", 2, 1.0, 2),
        (1, "ann", 3, 4.0, 3),
        (3, "", 12, 8.0, 4),
        (1, "ann", 14, 0.5, 5),
        (9, "far", 1000, 0.0, 0),
    ];
    rows.map(|(user, name, seconds, price, quantity)| Click {
        user,
        name: name.to_owned(),
        seconds,
        price,
        quantity,
    })
    .to_vec()
}

/// The rows of all sinks, sorted.
fn run(sql: &str) -> Result<Vec<String>, DataflowError> {
    let sinks = runner::run(sql::plan(&job(sql)).unwrap(), &clicks(), usize::MAX)?;
    let mut rows: Vec<String> = sinks.into_values().flatten().collect();
    rows.sort();
    Ok(rows)
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
