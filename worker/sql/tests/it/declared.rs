//! Faults of the declarations.

use protocol::Origin;
use sql::{ColumnDef, JobQuery, SqlType};

use crate::fixture::{job, sink};

const SQL: &str = "INSERT INTO out SELECT user_id FROM clicks";

fn faults(change: impl Fn(&mut JobQuery)) -> Vec<String> {
    let mut query = job(SQL);
    change(&mut query);
    match sql::plan(&query) {
        Ok(_) => vec![],
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn faults_of_declarations_are_all_reported() {
    let all = faults(|query| {
        query.exchange_partitions = 0;
        query.sources[0].columns.push(ColumnDef::field("user_id", SqlType::Int));
        query.sources[0].columns.push(ColumnDef::field("__x", SqlType::Decimal(0, 0)));
        query.sources[0].event_time = Some("price".to_owned());
        query.sources[1].event_time = Some("absent".to_owned());
        query.sources[1].delay_ms = -1;
        query.sources[2].partitioned_by = Some(vec!["absent".to_owned()]);
        query.sources[3].name = "clicks".to_owned();
    });
    let expected = [
        "exchanges need at least one partition",
        "the name 'clicks' is declared twice; sources, sinks and views share one name space",
        "source 'clicks' declares column 'user_id' twice",
        "source 'clicks': column '__x' starts with '__'; such names are reserved",
        "source 'clicks': DECIMAL(0, 0) of '__x' is not possible; precision is 1 to 38, scale 0 to the precision",
        "source 'clicks': watermark column 'price' is DOUBLE; event time is a TIMESTAMP",
        "source 'visits' has no column 'absent' for its watermark",
        "source 'visits': the watermark delay is negative",
        "source 'sleepy' has no column 'absent', named in partitionedBy",
    ];
    assert_eq!(all, expected);
}

#[test]
fn what_a_clock_cannot_be_is_refused() {
    let all = faults(|query| {
        let origin = Origin::ProcessingTime;
        for name in ["read", "again"] {
            let column =
                ColumnDef { origin: origin.clone(), ..ColumnDef::field(name, SqlType::Timestamp) };
            query.sources[0].columns.push(column);
        }
        query.sources[0].event_time = Some("read".to_owned());
        query.sources[0].partitioned_by = Some(vec!["read".to_owned()]);
    });
    let expected = [
        "source 'clicks': 'again' is the processing time again",
        "source 'clicks': the watermark of processing time has a delay; leave the delay out: nothing comes later than the clock",
        "source 'clicks': partitionedBy names 'read', which is processing time; name columns of the record",
    ];
    assert_eq!(all, expected);
}

#[test]
fn columns_that_read_one_place_are_refused() {
    let path = |names: &[&str]| Origin::Field(names.iter().map(|name| (*name).into()).collect());
    let all = faults(|query| {
        let places = [
            ("a", path(&["x", "y"])),
            ("b", path(&["x", "y"])),
            ("c", path(&["name", "first"])),
            ("d", path(&["namesake", "first"])),
            ("e", Origin::Offset),
            ("f", Origin::Offset),
        ];
        for (name, origin) in places {
            let column = ColumnDef { origin, ..ColumnDef::field(name, SqlType::Bigint) };
            query.sources[0].columns.push(column);
        }
    });
    let why = "a field is read by one column, and no column reads into another's value";
    let expected = [
        "source 'clicks': 'f' is the record's offset again".to_owned(),
        format!("source 'clicks': 'name' is field 'name' and 'c' is field 'name.first'; {why}"),
        format!("source 'clicks': 'a' is field 'x.y' and 'b' is field 'x.y'; {why}"),
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_sink_that_nothing_writes_is_refused() {
    let found = faults(|query| query.sinks.push(sink("unused", &[])));
    assert_eq!(found, ["no INSERT writes sink 'unused'; remove the sink"]);
}

#[test]
fn long_and_deep_queries_are_refused_not_followed() {
    let chain = format!("INSERT INTO out SELECT user_id{} AS x FROM clicks", " + 1".repeat(2000));
    let nested =
        format!("INSERT INTO out SELECT {}1{} AS x FROM clicks", "(".repeat(500), ")".repeat(500));
    let long = format!("INSERT INTO out SELECT {} AS x FROM clicks", "1 ".repeat(200_000));
    for sql in [chain, nested, long] {
        let found = faults(|query| query.sql.clone_from(&sql));
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

/// `levels` views, each of which uses the column of the one before twice.
fn views(levels: usize, text: &str) -> String {
    let first = "CREATE VIEW v0 AS SELECT user_id AS x FROM clicks;".to_owned();
    let others = (1..=levels).map(|level| {
        let before = level - 1;
        format!("CREATE VIEW v{level} AS SELECT {text} AS x FROM v{before};")
    });
    let last = format!("INSERT INTO out SELECT x FROM v{levels}");
    std::iter::once(first).chain(others).collect::<String>() + &last
}

#[test]
fn what_is_allowed_is_planned_up_to_its_limits() {
    let chain =
        format!("INSERT INTO out SELECT user_id{} AS x FROM clicks", " + price".repeat(240));
    let deep = views(40, "-(x + 1)");
    let wide = views(8, "x + x");
    for sql in [chain, deep, wide] {
        assert_eq!(faults(|query| query.sql.clone_from(&sql)), Vec::<String>::new());
    }
}

#[test]
fn views_that_multiply_are_refused() {
    for sql in [views(40, "x + x"), views(400, "-(x + 1)")] {
        let found = faults(|query| query.sql.clone_from(&sql));
        assert!(found[0].contains("with its views written out"), "{}", found[0]);
    }
}
