//! What a job declares: sources, sinks and the SQL between them.

use std::collections::BTreeSet;
use std::fmt;

use dataflow::limits::EVENT_TIME_ABS_MAX;
use protocol::{Origin, PathStep};

use crate::limits::SQL_BYTES_MAX;
use crate::refusal::Refusal;

/// A job's query with everything that it refers to.
#[derive(Debug, Clone)]
pub struct JobQuery {
    /// Topics that the SQL may read.
    pub sources: Vec<SourceDef>,
    /// Topics that the SQL must write.
    pub sinks: Vec<SinkDef>,
    /// `CREATE VIEW` and `INSERT INTO` statements.
    pub sql: String,
    /// Partitions of every exchange; fixed at creation of the job.
    pub exchange_partitions: u32,
}

/// A source topic.
#[derive(Debug, Clone)]
pub struct SourceDef {
    /// Name in the SQL.
    pub name: String,
    /// Kafka topic.
    pub topic: String,
    /// Columns in order.
    pub columns: Vec<ColumnDef>,
    /// How records are read beyond names, types and places, in words; part of what the plan is.
    pub reading: Option<String>,
    /// Column of the event time; a TIMESTAMP.
    pub event_time: Option<String>,
    /// Watermark = running maximum of the event time − this, ms.
    pub delay_ms: i64,
    /// Idle after this long at the end of the log; none: never idle.
    pub idle_timeout_ms: Option<u64>,
    /// The user's claim that equal values of these columns lie in one partition.
    pub partitioned_by: Option<Vec<String>>,
}

/// A column of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDef {
    /// Name in the SQL.
    pub name: String,
    /// Type.
    pub sql_type: SqlType,
    /// Where its value stands in a record.
    pub origin: Origin,
}

impl ColumnDef {
    /// The field of that name.
    pub fn field(name: &str, sql_type: SqlType) -> Self {
        Self { name: name.to_owned(), sql_type, origin: Origin::field(name) }
    }
}

/// A sink topic.
#[derive(Debug, Clone)]
pub struct SinkDef {
    /// Name in the SQL.
    pub name: String,
    /// Kafka topic.
    pub topic: String,
    /// Columns of the Kafka key.
    pub key: Vec<String>,
}

/// The column types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlType {
    /// 64-bit integer.
    Bigint,
    /// 32-bit integer.
    Int,
    /// 64-bit float.
    Double,
    /// Text.
    Varchar,
    /// True or false.
    Boolean,
    /// Milliseconds, UTC.
    Timestamp,
    /// Exact number of this precision (1 to 38) and scale (0 to precision).
    Decimal(u8, i8),
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}

impl JobQuery {
    /// Faults of the declarations.
    pub(crate) fn faults(&self) -> Vec<Refusal> {
        let mut faults = Vec::new();
        let mut fault = |message: String, supported: &str| {
            faults.push(Refusal::declared(message, supported));
        };
        if self.sql.len() > SQL_BYTES_MAX {
            fault(format!("the SQL is longer than {SQL_BYTES_MAX} bytes"), "");
        }
        if self.exchange_partitions == 0 {
            fault("exchanges need at least one partition".to_owned(), "");
        }
        let mut names = BTreeSet::new();
        let all = self.sources.iter().map(|s| &s.name).chain(self.sinks.iter().map(|s| &s.name));
        for name in all {
            if name.is_empty() {
                fault("a source or sink has no name".to_owned(), "");
            }
            if !names.insert(name.as_str()) {
                fault(
                    format!("the name '{name}' is declared twice"),
                    "sources, sinks and views share one name space",
                );
            }
        }
        self.sources.iter().for_each(|source| source.faults(&mut fault));
        faults
    }
}

impl SourceDef {
    /// The event time is when a row was read.
    pub fn is_clocked(&self) -> bool {
        self.event_time.as_ref().is_some_and(|time| self.is_clock(time))
    }

    /// Whether a column is when a row was read.
    pub(crate) fn is_clock(&self, name: &str) -> bool {
        self.columns.iter().any(|c| c.name == name && c.origin == Origin::ProcessingTime)
    }

    fn faults(&self, fault: &mut impl FnMut(String, &str)) {
        let name = &self.name;
        if self.columns.is_empty() {
            fault(format!("source '{name}' has no columns"), "");
        }
        let mut names = BTreeSet::new();
        for ColumnDef { name: column, sql_type, .. } in &self.columns {
            if !names.insert(column.as_str()) {
                fault(format!("source '{name}' declares column '{column}' twice"), "");
            }
            if column.starts_with("__") {
                fault(
                    format!("source '{name}': column '{column}' starts with '__'"),
                    "such names are reserved",
                );
            }
            if let SqlType::Decimal(precision, scale) = sql_type
                && (!(1..=38).contains(precision) || !(0..=*precision as i8).contains(scale))
            {
                let limits = "precision is 1 to 38, scale 0 to the precision";
                fault(format!("source '{name}': {sql_type} of '{column}' is not possible"), limits);
            }
        }
        self.origin_faults(fault);
        self.time_faults(fault);
        let find = |column: &String| self.columns.iter().find(|c| c.name == *column);
        for column in self.partitioned_by.iter().flatten() {
            if find(column).is_none() {
                fault(
                    format!("source '{name}' has no column '{column}', named in partitionedBy"),
                    "",
                );
            } else if self.is_clock(column) {
                let message = format!(
                    "source '{name}': partitionedBy names '{column}', which is processing time"
                );
                fault(message, "name columns of the record");
            }
        }
        if self.partitioned_by.as_ref().is_some_and(Vec::is_empty) {
            fault(format!("source '{name}': partitionedBy names no column"), "leave it out");
        }
    }

    fn time_faults(&self, fault: &mut impl FnMut(String, &str)) {
        let name = &self.name;
        let find = |column: &String| self.columns.iter().find(|c| c.name == *column);
        if let Some(column) = &self.event_time {
            match find(column) {
                None => {
                    fault(
                        format!("source '{name}' has no column '{column}' for its watermark"),
                        "",
                    );
                }
                Some(found) if found.sql_type == SqlType::Timestamp => {}
                Some(found) => fault(
                    format!("source '{name}': watermark column '{column}' is {}", found.sql_type),
                    "event time is a TIMESTAMP",
                ),
            }
        }
        if self.delay_ms < 0 {
            fault(format!("source '{name}': the watermark delay is negative"), "");
        } else if self.delay_ms > EVENT_TIME_ABS_MAX {
            fault(format!("source '{name}': the watermark delay is out of range"), "");
        } else if self.delay_ms > 0 && self.is_clocked() {
            let supported = "leave the delay out: nothing comes later than the clock";
            fault(
                format!("source '{name}': the watermark of processing time has a delay"),
                supported,
            );
        }
    }

    /// Two columns of one field would have to agree about it; a field cannot be a value and hold another one.
    fn origin_faults(&self, fault: &mut impl FnMut(String, &str)) {
        let name = &self.name;
        let mut paths: Vec<(&[PathStep], &str)> = Vec::new();
        let mut others = BTreeSet::new();
        for column in &self.columns {
            match &column.origin {
                Origin::Field(path) => paths.push((path, &column.name)),
                other if others.insert(other) => {}
                other => {
                    fault(format!("source '{name}': '{}' is {other} again", column.name), "");
                }
            }
        }
        paths.sort_unstable();
        // What begins with a path follows it directly, or follows another one that begins with it.
        for pair in paths.windows(2) {
            let [(outer, first), (inner, second)] = pair else { continue };
            if inner.starts_with(outer) && first != second {
                let (one, other) = (Origin::Field(outer.to_vec()), Origin::Field(inner.to_vec()));
                fault(
                    format!("source '{name}': '{first}' is {one} and '{second}' is {other}"),
                    "a field is read by one column, and no column reads into another's value",
                );
            }
        }
    }
}
