//! The job that the corpus is about.

use protocol::Origin;
use sql::{ColumnDef, JobQuery, SinkDef, SourceDef, SqlType};

pub(crate) fn source(name: &str) -> SourceDef {
    let columns = [
        ("user_id", SqlType::Bigint),
        ("name", SqlType::Varchar),
        ("event_time", SqlType::Timestamp),
        ("price", SqlType::Double),
        ("quantity", SqlType::Int),
        ("amount", SqlType::Decimal(10, 2)),
        ("ok", SqlType::Boolean),
    ];
    SourceDef {
        name: name.to_owned(),
        topic: format!("{name}-topic"),
        columns: columns.map(|(name, kind)| ColumnDef::field(name, kind)).to_vec(),
        reading: None,
        event_time: Some("event_time".to_owned()),
        delay_ms: 5000,
        idle_timeout_ms: Some(30_000),
        partitioned_by: None,
    }
}

/// Bids in an envelope: their fields lie in an object, user and time beside the record's value.
fn bids() -> SourceDef {
    let within = |name: &str| Origin::Field(vec!["bid".into(), name.into()]);
    let column =
        |name: &str, sql_type, origin| ColumnDef { name: name.to_owned(), sql_type, origin };
    SourceDef {
        columns: vec![
            column("user_id", SqlType::Bigint, within("bidder id")),
            column("name", SqlType::Varchar, Origin::Key),
            column("event_time", SqlType::Timestamp, Origin::Timestamp),
            column("price", SqlType::Double, within("price")),
            ColumnDef::field("ok", SqlType::Boolean),
        ],
        ..source("bids")
    }
}

/// With the time at which a row was read: `polled` has it as event time, `noted` beside it. Both claim a partitioning.
fn clocked(name: &str, event_time: &str) -> SourceDef {
    let mut source = source(name);
    let (sql_type, origin) = (SqlType::Timestamp, Origin::ProcessingTime);
    source.columns.push(ColumnDef { name: "proc_time".to_owned(), sql_type, origin });
    source.event_time = Some(event_time.to_owned());
    source.partitioned_by = Some(vec!["user_id".to_owned()]);
    source
}

pub(crate) fn sink(name: &str, key: &[&str]) -> SinkDef {
    SinkDef {
        name: name.to_owned(),
        topic: format!("{name}-topic"),
        key: key.iter().map(|key| (*key).to_owned()).collect(),
    }
}

/// `clicks`; `visits`, partitioned by user and never idle; `sleepy`, partitioned and idle; `plain` without event
/// time; `bids`, `polled` and `noted` where the SQL names them. Of the sinks those that the SQL names.
pub(crate) fn job(sql: &str) -> JobQuery {
    let partitioned_by = Some(vec!["user_id".to_owned()]);
    let visits = SourceDef {
        idle_timeout_ms: None,
        partitioned_by: partitioned_by.clone(),
        ..source("visits")
    };
    let sleepy = SourceDef { partitioned_by, ..source("sleepy") };
    let plain = SourceDef { event_time: None, ..source("plain") };
    let sinks = [
        sink("counts", &["user_id"]),
        sink("out", &[]),
        sink("other", &[]),
        sink("late", &[]),
        sink("windows", &["user_id", "window_end"]),
        sink("names", &["name", "large"]),
        sink("ranks", &["user_id", "n"]),
        sink("tops", &["window_end", "n"]),
    ];
    let words: Vec<&str> = sql.split_whitespace().map(|word| word.trim_end_matches(';')).collect();
    let written =
        |sink: &SinkDef| words.windows(2).any(|pair| pair == ["INTO", sink.name.as_str()]);
    let mut sources = vec![source("clicks"), visits, sleepy, plain];
    // Not among what the refusals list.
    let named = |source: &str| words.iter().any(|word| word.contains(source));
    if named("bids") {
        sources.push(bids());
    }
    if named("polled") {
        sources.push(SourceDef { delay_ms: 0, ..clocked("polled", "proc_time") });
    }
    if named("noted") {
        sources.push(clocked("noted", "event_time"));
    }
    JobQuery {
        sources,
        sinks: sinks.into_iter().filter(written).collect(),
        sql: sql.to_owned(),
        exchange_partitions: 16,
    }
}
