//! The job that the corpus is about.

use sql::{JobQuery, SinkDef, SourceDef, SqlType};

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
        columns: columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
        event_time: Some("event_time".to_owned()),
        delay_ms: 5000,
        idle_timeout_ms: Some(30_000),
        partitioned_by: None,
    }
}

pub(crate) fn sink(name: &str, key: &[&str]) -> SinkDef {
    SinkDef {
        name: name.to_owned(),
        topic: format!("{name}-topic"),
        key: key.iter().map(|key| (*key).to_owned()).collect(),
    }
}

/// `clicks`; `visits`, partitioned by user and never idle; `sleepy`, partitioned and idle; `plain` without event
/// time. Of the sinks those that the SQL names.
pub(crate) fn job(sql: &str) -> JobQuery {
    let partitioned_by = Some(vec!["user_id".to_owned()]);
    let visits = SourceDef {
        idle_timeout_ms: None,
        partitioned_by: partitioned_by.clone(),
        ..source("visits")
    };
    let sleepy = SourceDef { partitioned_by, ..source("sleepy") };
    let plain = SourceDef { event_time: None, ..source("plain") };
    let sinks =
        [sink("counts", &["user_id"]), sink("out", &[]), sink("other", &[]), sink("late", &[])];
    let words: Vec<&str> = sql.split_whitespace().map(|word| word.trim_end_matches(';')).collect();
    let named = |sink: &SinkDef| words.windows(2).any(|pair| pair == ["INTO", sink.name.as_str()]);
    JobQuery {
        sources: vec![source("clicks"), visits, sleepy, plain],
        sinks: sinks.into_iter().filter(named).collect(),
        sql: sql.to_owned(),
        exchange_partitions: 16,
    }
}
