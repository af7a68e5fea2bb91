//! Schemas: of partial rows, of window results, and of stored state (by operator id and column names, never by
//! position).

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use protocol::hash::key_hash_v1;
use protocol::manifest::{ColumnSchema, TableSchema};

use crate::codec::{Value, take_value};
use crate::column::ColumnKind;
use crate::error::{DataflowError, Incompatible};
use crate::limits::{CHANGED_ROWS_MAX, EVENT_TIME_ABS_MAX, REFIRED_WINDOWS_MAX};
use crate::plan::{Function, Grouping, LateRows};
use crate::window::WindowKind;

impl Grouping {
    /// Stored state of the operator is damaged.
    pub(crate) fn corrupt(&self, message: &str) -> DataflowError {
        let (operator, message) = (self.operator.clone(), message.to_owned());
        DataflowError::Corrupt { operator, message }
    }

    pub(crate) fn key_kinds(&self) -> Vec<ColumnKind> {
        self.keys.iter().map(|key| key.kind).collect()
    }

    /// Hidden columns of a partial row: its pane, with windows that overlap the first that it counts in, or its
    /// session; and its rows.
    pub(crate) fn hidden_columns(&self) -> &'static [&'static str] {
        match self.window {
            WindowKind::Tumble { .. } | WindowKind::All | WindowKind::Over(_) => {
                &["__window_end", "__rows"]
            }
            WindowKind::Session { .. } | WindowKind::Life { .. } | WindowKind::First { .. } => {
                &["__window_end", "__window_start", "__rows"]
            }
            WindowKind::Hop { .. } | WindowKind::Cumulate { .. } => {
                &["__pane_end", "__first_window_end", "__rows"]
            }
        }
    }

    /// Rows of the exchange between the two phases: hidden columns, keys, state columns of the aggregates.
    pub fn partial_schema(&self) -> SchemaRef {
        let hidden = self
            .hidden_columns()
            .iter()
            .map(|name| Field::new(*name, ColumnKind::Int64.data_type(), false));
        let keys = self.keys.iter().map(|key| Field::new(&key.name, key.kind.data_type(), true));
        let states = self
            .state_columns()
            .into_iter()
            .map(|(name, kind, nullable)| Field::new(name, kind.data_type(), nullable));
        let carried = self.late.iter().flat_map(|late| &late.columns).map(|column| {
            Field::new(format!("__late_{}", column.name), column.kind.data_type(), true)
        });
        Arc::new(Schema::new(hidden.chain(keys).chain(states).chain(carried).collect::<Vec<_>>()))
    }

    /// Rows of a fired window: keys, `window_start`, `window_end`, `window_time`, aggregates.
    pub fn result_schema(&self) -> SchemaRef {
        let keys = self.keys.iter().map(|key| Field::new(&key.name, key.kind.data_type(), true));
        let times = ["window_start", "window_end", "window_time"]
            .map(|name| Field::new(name, ColumnKind::Timestamp.data_type(), false));
        let results = self.aggregates.iter().map(|aggregate| {
            let kind = aggregate.result_kind().unwrap_or(ColumnKind::Int64);
            Field::new(&aggregate.name, kind.data_type(), true)
        });
        Arc::new(Schema::new(keys.chain(times).chain(results).collect::<Vec<_>>()))
    }

    /// Rows that the result of one group may become.
    pub(crate) fn rows_per_group(&self) -> usize {
        let rows = self.aggregates.iter().map(|aggregate| match aggregate.function {
            Function::Top { limit, .. } => limit as usize,
            _ => 1,
        });
        rows.fold(1, usize::max)
    }

    /// Checks the allowed lateness; the error says what is wrong with it.
    pub fn check_lateness(&self) -> Result<(), String> {
        if !(0..=EVENT_TIME_ABS_MAX).contains(&self.lateness_ms) {
            return Err(
                "the allowed lateness must not be negative, nor longer than event time reaches"
                    .to_owned(),
            );
        }
        if self.lateness_ms > 0 && self.window.session_gap().is_some() {
            return Err("a session that grows would leave its earlier row behind".to_owned());
        }
        let windows = self.window.windows_per_row();
        if self.lateness_ms > 0 && windows > REFIRED_WINDOWS_MAX {
            return Err(format!(
                "a late row would fire {windows} windows again; with allowed lateness a row may be in at most \
                 {REFIRED_WINDOWS_MAX}"
            ));
        }
        Ok(())
    }

    /// Checks that results can go out with every change; the error says why not.
    pub fn check_changes(&self) -> Result<(), String> {
        let windows = match self.window {
            WindowKind::Session { .. } => {
                return Err("a session that grows would leave its earlier row behind".to_owned());
            }
            WindowKind::First { .. } => return Err("the first row does not change".to_owned()),
            WindowKind::Over(_) => return Err("a row of a stream does not change".to_owned()),
            WindowKind::All | WindowKind::Life { .. } => 1,
            WindowKind::Tumble { .. } | WindowKind::Hop { .. } | WindowKind::Cumulate { .. } => {
                self.window.windows_per_row()
            }
        };
        if windows > REFIRED_WINDOWS_MAX {
            return Err(format!(
                "a row would change {windows} windows; with changes a row may be in at most {REFIRED_WINDOWS_MAX}"
            ));
        }
        let rows = windows * self.rows_per_group() as i64;
        if rows > CHANGED_ROWS_MAX {
            return Err(format!(
                "a row would change {rows} rows of the sink; with changes it may be at most {CHANGED_ROWS_MAX}"
            ));
        }
        Ok(())
    }

    /// What is stored of a group beside its key.
    fn stored_columns(&self) -> Vec<(String, ColumnKind, bool)> {
        let start = ("window_start".to_owned(), ColumnKind::Timestamp, false);
        let start = self.window.session_gap().map(|_| start);
        start.into_iter().chain(self.state_columns()).collect()
    }

    pub(crate) fn state_columns(&self) -> Vec<(String, ColumnKind, bool)> {
        self.aggregates.iter().flat_map(crate::plan::Aggregate::state_columns).collect()
    }

    /// Number of the operator's table in runs and cursors: the upper 16 bits of the hash of its id, so that it
    /// stays when other operators come and go. The planner refuses two operators with one number.
    pub fn table_number(&self) -> u16 {
        (key_hash_v1(self.operator.as_bytes()) >> 48) as u16
    }

    /// The stored form of the operator's state.
    pub fn table_schema(&self) -> TableSchema {
        // A state that was kept for another time cannot tell what it has dropped.
        let mut window = match self.lateness_ms {
            0 => self.window.to_string(),
            lateness => format!("{} lateness {lateness} ms", self.window),
        };
        if self.changes {
            window.push_str(" changes");
        }
        let times: &[&str] = match self.window {
            WindowKind::Tumble { .. }
            | WindowKind::All
            | WindowKind::Session { .. }
            | WindowKind::Life { .. }
            | WindowKind::First { .. }
            | WindowKind::Over(_) => &["window_end"],
            WindowKind::Hop { .. } | WindowKind::Cumulate { .. } => {
                &["pane_end", "first_window_end"]
            }
        };
        let times = times.iter().map(|name| column(name, &window));
        let keys = self.keys.iter().map(|key| column(&key.name, &key.kind.to_string()));
        let values = self
            .stored_columns()
            .into_iter()
            .map(|(name, kind, _)| column(&name, &kind.to_string()));
        TableSchema {
            table: self.table_number(),
            operator: self.operator.clone(),
            key: times.chain(keys).collect(),
            values: values.collect(),
        }
    }
}

impl LateRows {
    /// The columns that are added to late rows: which watermark had passed them, their last window, and how far the
    /// watermark was beyond its end, ms.
    pub const ADDED: [(&str, ColumnKind); 4] = [
        ("late_reason", ColumnKind::Utf8),
        ("window_start", ColumnKind::Timestamp),
        ("window_end", ColumnKind::Timestamp),
        ("late_by", ColumnKind::Int64),
    ];

    /// Late rows as their sink gets them.
    pub fn schema(&self) -> SchemaRef {
        let own = self.columns.iter().map(|column| (column.name.as_str(), column.kind));
        let field = |(name, kind): (&str, ColumnKind)| Field::new(name, kind.data_type(), true);
        Arc::new(Schema::new(own.chain(Self::ADDED).map(field).collect::<Vec<_>>()))
    }
}

fn column(name: &str, type_name: &str) -> ColumnSchema {
    ColumnSchema { name: name.to_owned(), type_name: type_name.to_owned() }
}

/// How stored tables map to those of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableMapping {
    pub(crate) tables: Vec<MappedTable>,
    identity: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MappedTable {
    pub(crate) stored: u16,
    /// Place of the operator in the order of table numbers.
    pub(crate) place: usize,
    /// Kinds of the stored value columns.
    pub(crate) kinds: Vec<ColumnKind>,
    /// For each current state column its place among the stored ones.
    pub(crate) columns: Vec<Option<usize>>,
}

impl MappedTable {
    /// The current state columns of a stored value; `None` if it does not decode.
    pub(crate) fn state<'a>(&self, value: &'a [u8]) -> Option<Vec<Value<'a>>> {
        let mut rest = value;
        let stored: Option<Vec<Value<'_>>> =
            self.kinds.iter().map(|kind| take_value(*kind, &mut rest)).collect();
        let stored = stored.filter(|_| rest.is_empty())?;
        let place = |column: &Option<usize>| column.map_or(Value::Null, |at| stored[at]);
        Some(self.columns.iter().map(place).collect())
    }
}

impl TableMapping {
    /// Stored tables equal the plan's: the stored bytes may be kept as they are.
    pub fn is_identity(&self) -> bool {
        self.identity
    }

    pub(crate) fn table(&self, stored: u16) -> Option<&MappedTable> {
        self.tables.iter().find(|t| t.stored == stored)
    }
}

/// Compares stored tables with the plan's groupings (in table order).
pub(crate) fn check(
    groupings: &[&Grouping],
    stored: &[TableSchema],
) -> Result<TableMapping, Incompatible> {
    let mut tables = Vec::with_capacity(stored.len());
    for old in stored {
        let found = groupings.iter().position(|g| g.operator == old.operator);
        let Some(place) = found else {
            return Err(refuse(old, "the query no longer has this operator".to_owned()));
        };
        tables.push(map_table(groupings[place], place, old)?);
    }
    // An operator without stored state changes nothing in what is stored.
    let same = |old: &TableSchema| groupings.iter().any(|g| g.table_schema() == *old);
    let identity = stored.iter().all(same);
    Ok(TableMapping { tables, identity })
}

fn map_table(
    grouping: &Grouping,
    place: usize,
    old: &TableSchema,
) -> Result<MappedTable, Incompatible> {
    let new = grouping.table_schema();
    if new.key != old.key {
        let why = format!("its key was {} and is {}", list(&old.key), list(&new.key));
        return Err(refuse(old, why));
    }
    let states = grouping.stored_columns();
    let mut kinds = Vec::with_capacity(old.values.len());
    for column in &old.values {
        match states.iter().find(|(name, _, _)| *name == column.name) {
            Some((_, kind, _)) if kind.to_string() == column.type_name => kinds.push(*kind),
            Some((_, kind, _)) => {
                let (name, was) = (&column.name, &column.type_name);
                return Err(refuse(old, format!("{name} was {was} and is {kind}")));
            }
            None => return Err(refuse(old, format!("{} is gone", column.name))),
        }
    }
    let mut columns = Vec::with_capacity(states.len());
    for (name, _, nullable) in &states {
        let place = old.values.iter().position(|column| column.name == *name);
        if place.is_none() && !nullable {
            return Err(refuse(
                old,
                format!("{name} is new and cannot start empty in windows that are open"),
            ));
        }
        columns.push(place);
    }
    Ok(MappedTable { stored: old.table, place, kinds, columns })
}

fn list(columns: &[ColumnSchema]) -> String {
    let texts: Vec<String> =
        columns.iter().map(|c| format!("{} {}", c.name, c.type_name)).collect();
    format!("({})", texts.join(", "))
}

fn refuse(table: &TableSchema, why: String) -> Incompatible {
    Incompatible { operator: table.operator.clone(), why }
}
