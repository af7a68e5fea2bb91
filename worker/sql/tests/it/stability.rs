//! What a plan's identity depends on.

use crate::fixture::job;

const WINDOW: &str = "INSERT INTO counts SELECT user_id, window_end, count(*) AS n \
     FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) \
     GROUP BY user_id, window_start, window_end";
const PLAIN: &str = "INSERT INTO out SELECT user_id FROM clicks";

fn plan(sql: &str) -> dataflow::JobPlan {
    sql::plan(&job(sql)).unwrap()
}

#[test]
fn order_of_statements_names_and_layout_do_not_matter() {
    let first = plan(&format!("{WINDOW};\n{PLAIN};"));
    let second = plan(&format!("-- a comment\n{PLAIN};\n\n{WINDOW}"));
    assert_eq!(first.fingerprint, second.fingerprint);
    let mut query = job(&format!("{WINDOW};{PLAIN}"));
    query.sources.reverse();
    query.sinks.reverse();
    assert_eq!(sql::plan(&query).unwrap().fingerprint, first.fingerprint);
    let aliased =
        WINDOW.replace("SELECT user_id", "SELECT t.user_id").replace(") GROUP", ") AS t GROUP");
    assert_eq!(plan(&aliased).fingerprint, plan(WINDOW).fingerprint);
}

#[test]
fn logic_matters() {
    let base = plan(WINDOW);
    for changed in [
        WINDOW.replace("'10' SECOND", "'20' SECOND"),
        WINDOW.replace("count(*)", "count(price)"),
        WINDOW.replace("GROUP BY", "WHERE price > 1 GROUP BY"),
        WINDOW.replace("AS n", "AS m"),
    ] {
        assert_ne!(plan(&changed).fingerprint, base.fingerprint, "{changed}");
    }
}

#[test]
fn an_exchange_is_the_same_while_its_rows_mean_the_same() {
    let base = plan(WINDOW);
    let same =
        plan(&WINDOW.replace("AS n", "AS m").replace("GROUP BY", "WHERE price > 1 GROUP BY"));
    assert_eq!(same.exchanges[0].fingerprint, base.exchanges[0].fingerprint);
    let added = plan(&format!("{PLAIN};{WINDOW}"));
    assert_eq!(added.exchanges[0].fingerprint, base.exchanges[0].fingerprint);
    assert_eq!(added.exchanges[0].id, "counts.window");
    let other = plan(&WINDOW.replace("'10' SECOND", "'20' SECOND"));
    assert_ne!(other.exchanges[0].fingerprint, base.exchanges[0].fingerprint);
}

#[test]
fn state_of_rows_is_the_same_while_the_same_is_kept_of_them() {
    const OVER: &str = "INSERT INTO out SELECT user_id, max(price * 2) OVER (PARTITION BY user_id \
         ORDER BY event_time RANGE INTERVAL '5' SECOND PRECEDING) AS top FROM clicks";
    let tables = |plan: &dataflow::JobPlan| sql::describe(plan).tables;
    let base = tables(&plan(OVER));
    for same in [OVER.replace("max(", "min("), OVER.replace("AS top", "+ 1 AS top")] {
        assert_eq!(tables(&plan(&same)), base, "{same}");
        assert_ne!(plan(&same).fingerprint, plan(OVER).fingerprint, "{same}");
    }
    for other in [
        OVER.replace("price * 2", "price * 3"),
        OVER.replace("'5'", "'6'"),
        OVER.replace("SELECT user_id,", "SELECT user_id, name,"),
    ] {
        assert_ne!(tables(&plan(&other)), base, "{other}");
    }
    let mut retyped = job(OVER);
    retyped.sources[0].columns[3].sql_type = sql::SqlType::Int;
    assert_ne!(tables(&sql::plan(&retyped).unwrap()), base, "another type of what is kept");
}

#[test]
fn state_in_bytes_is_another_where_a_column_has_another_type() {
    let window = |result: &str| WINDOW.replace("count(*)", result);
    let top = "INSERT INTO out SELECT user_id, window_start, name, price, n FROM (SELECT *, \
         ROW_NUMBER() OVER (PARTITION BY window_start, window_end, user_id ORDER BY user_id) AS n \
         FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 2";
    for sql in [
        window("count(DISTINCT price)"),
        window("approx_distinct(price)"),
        window("array_agg(price LIMIT 5)"),
        top.to_owned(),
        top.replace("name, price", "name").replace("ORDER BY user_id", "ORDER BY price"),
    ] {
        let as_declared = sql::plan(&job(&sql)).unwrap();
        let mut retyped = job(&sql);
        retyped.sources[0].columns[3].sql_type = sql::SqlType::Int;
        let retyped = sql::plan(&retyped).unwrap();
        assert_ne!(sql::describe(&retyped).tables, sql::describe(&as_declared).tables, "{sql}");
        let exchange = |plan: &dataflow::JobPlan| plan.exchanges[0].fingerprint.clone();
        assert_ne!(exchange(&retyped), exchange(&as_declared), "{sql}");
    }
}
