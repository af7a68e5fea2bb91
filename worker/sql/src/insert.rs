//! The statements of a job: views, and inserts into sinks.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataflow::{ColumnKind, LateRows};
use datafusion_sql::sqlparser::ast::Statement;
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::clauses::{Clauses, EmitClause, LateInto};
use crate::endless;
use crate::grouped::WindowSelect;
use crate::limits::WINDOW_STAGES_MAX;
use crate::parse::{Parsed, STATEMENTS, Words};
use crate::query::JobQuery;
use crate::refusal::Refusal;
use crate::relation::{Base, Catalog, Relation, WindowView};
use crate::select::{Body, OutputColumn, Selected, plan_select};
use crate::{over, syntax, types, upsert};

/// A planned `INSERT INTO`.
#[derive(Debug, Clone)]
pub(crate) struct Insert {
    /// Index into the job's sinks.
    pub(crate) sink: usize,
    pub(crate) selected: Selected,
    pub(crate) late: Option<LateInsert>,
}

/// A planned `LATE ROWS INTO`.
#[derive(Debug, Clone)]
pub(crate) struct LateInsert {
    /// Index into the job's sinks.
    pub(crate) sink: usize,
    /// The columns that are kept of a row, over the columns of the base.
    pub(crate) columns: Vec<OutputColumn>,
    pub(crate) at: Location,
}

/// What one `INSERT` gives a sink.
pub(crate) struct Written<'a> {
    pub(crate) sink: usize,
    pub(crate) at: Location,
    pub(crate) columns: Vec<(&'a str, ColumnKind)>,
}

impl Insert {
    pub(crate) fn columns(&self) -> &[OutputColumn] {
        match &self.selected.body {
            Body::Rows(columns) => columns,
            Body::Window(window) => &window.columns,
        }
    }

    /// The sink gets changes.
    pub(crate) fn changes(&self) -> Option<&WindowSelect> {
        match &self.selected.body {
            Body::Window(window) if window.changes => Some(window),
            Body::Window(_) | Body::Rows(_) => None,
        }
    }

    /// There is a window in it.
    fn keeps_state(&self) -> bool {
        matches!(self.selected.body, Body::Window(_)) || self.selected.base.view().is_some()
    }

    /// To each sink that it writes.
    pub(crate) fn writes(&self) -> Vec<Written<'_>> {
        fn named(columns: &[OutputColumn]) -> impl Iterator<Item = (&str, ColumnKind)> {
            columns.iter().map(|column| (column.name.as_str(), column.kind))
        }
        let Self { sink, selected, late } = self;
        let columns = named(self.columns()).collect();
        let mut all = vec![Written { sink: *sink, at: selected.at, columns }];
        all.extend(late.as_ref().map(|late| Written {
            sink: late.sink,
            at: late.at,
            columns: named(&late.columns).chain(LateRows::ADDED).collect(),
        }));
        all
    }
}

/// Plans all statements in order; every statement's faults are reported.
pub(crate) fn plan_statements(
    query: &JobQuery,
    statements: &[Parsed],
) -> Result<Vec<Insert>, Vec<Refusal>> {
    let mut catalog = Catalog::new(query).map_err(|e| vec![e])?;
    let mut inserts = Vec::new();
    let mut faults = Vec::new();
    for Parsed { statement, words, clauses } in statements {
        let done = match statement {
            Statement::CreateView(view) => clauses
                .require_none("is not possible in a view")
                .map_err(|e| vec![e])
                .and_then(|()| add_view(&mut catalog, view, words)),
            Statement::Insert(insert) => {
                plan_insert(&catalog, insert, words, clauses).map(|insert| inserts.push(insert))
            }
            _ => {
                let message = "this statement is not supported";
                Err(vec![Refusal::at(words.start(), message, STATEMENTS)])
            }
        };
        if let Err(found) = done {
            faults.extend(found);
        }
    }
    if faults.is_empty() {
        faults.extend(sink_faults(query, &inserts));
    }
    if faults.is_empty() { Ok(inserts) } else { Err(faults) }
}

fn add_view(
    catalog: &mut Catalog<'_>,
    view: &datafusion_sql::sqlparser::ast::CreateView,
    words: &Words,
) -> Result<(), Vec<Refusal>> {
    let (name, at, query) = syntax::view(view, words).map_err(|e| vec![e])?;
    let selected = plan_select(catalog, query, words)?;
    let named = |columns: Vec<OutputColumn>| {
        columns.into_iter().map(|column| (column.name, column.expr)).collect()
    };
    let relation = match selected.body {
        Body::Rows(columns) => {
            Relation { base: selected.base, columns: named(columns), filters: selected.filters }
        }
        Body::Window(select) if select.is_endless() => {
            let message = "what GROUP BY without a window, or ROW_NUMBER, gives is no view: it is not known when a key is \
                           complete";
            return Err(vec![Refusal::at(selected.at, message, "write it as an INSERT")]);
        }
        Body::Window(select) if select.is_over() => {
            let message = "what OVER gives is no view";
            return Err(vec![Refusal::at(selected.at, message, "write it as an INSERT")]);
        }
        Body::Window(select) => {
            check_window_view(&select, &selected.base, selected.from_at).map_err(|e| vec![e])?;
            let (columns, filters) = (named(select.columns.clone()), select.having.clone());
            let view = WindowView {
                name: name.clone(),
                base: selected.base,
                filters: selected.filters,
                select: *select,
                at: selected.from_at,
            };
            let base = Base::Window(Arc::new(view));
            Relation { base, columns, filters: filters.into_iter().collect() }
        }
    };
    catalog.add_view(name, at, relation).map_err(|e| vec![e])
}

/// What a view over windows cannot be, because of what may be over it.
fn check_window_view(select: &WindowSelect, base: &Base, at: Location) -> Result<(), Refusal> {
    let array = select.columns.iter().find(|column| matches!(column.kind, ColumnKind::List(_)));
    if let Some(OutputColumn { name, kind, at, .. }) = array {
        let message = format!("column '{name}' of a view is {kind}");
        return Err(Refusal::at(
            *at,
            message,
            "arrays are columns of sinks; name them in the INSERT",
        ));
    }
    if base.windows() + 1 >= WINDOW_STAGES_MAX {
        let message = format!("more than {WINDOW_STAGES_MAX} windows lie over each other");
        return Err(Refusal::at(at, message, "each of them is a stage of its own"));
    }
    Ok(())
}

/// Late is a row of the first window; results come in order.
fn check_clauses(clauses: &Clauses, base: &Base) -> Result<(), Refusal> {
    if base.view().is_none() {
        return Ok(());
    }
    let message = "over results of windows no row is late";
    let supported = "leave the clause out; the late rows of the first window are counted";
    let at = clauses.lateness.map(|(_, at)| at).or(clauses.late.as_ref().map(|(_, at)| *at));
    at.map_or(Ok(()), |at| Err(Refusal::at(at, message, supported)))
}

fn plan_insert(
    catalog: &Catalog<'_>,
    insert: &datafusion_sql::sqlparser::ast::Insert,
    words: &Words,
    clauses: &Clauses,
) -> Result<Insert, Vec<Refusal>> {
    let (name, at, query) = syntax::insert(insert, words).map_err(|e| vec![e])?;
    let sink = find_sink(catalog.query, &name, at).map_err(|e| vec![e])?;
    let mut selected = plan_select(catalog, query, words)?;
    check_clauses(clauses, &selected.base).map_err(|e| vec![e])?;
    match &mut selected.body {
        Body::Rows(_) => {
            clauses.require_none("needs a window").map_err(|e| vec![e])?;
        }
        Body::Window(window) if window.is_endless() => {
            let group = words.find("GROUP", selected.from_at);
            endless::apply(clauses, window, group).map_err(|e| vec![e])?;
        }
        Body::Window(window) if window.is_over() => {
            let at = words.find("OVER", selected.at);
            over::apply(clauses, window, at).map_err(|e| vec![e])?;
        }
        Body::Window(window) => {
            endless::check_window(clauses, window).map_err(|e| vec![e])?;
            if let (Some((_, at)), Some(_)) = (clauses.lateness, window.window.session_gap()) {
                let message = "ALLOWED LATENESS is not possible with SESSION: a session that grows ends later, and \
                               its earlier row would stay";
                let supported = "LATE ROWS INTO sink keeps what comes late";
                return Err(vec![Refusal::at(at, message, supported)]);
            }
            window.lateness_ms = clauses.lateness.map_or(0, |(lateness, _)| lateness);
            window.changes = clauses.emit.is_some_and(|(emit, _)| emit == EmitClause::Changes);
        }
    }
    let late = clauses.late.as_ref().map(|(into, _)| late_insert(catalog, &selected, into));
    let late = late.transpose().map_err(|e| vec![e])?;
    Ok(Insert { sink, selected, late })
}

fn find_sink(query: &JobQuery, name: &str, at: Location) -> Result<usize, Refusal> {
    let sinks = &query.sinks;
    sinks.iter().position(|sink| sink.name == name).ok_or_else(|| {
        let known: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
        let supported = match known.as_slice() {
            [] => "the job declares no sink".to_owned(),
            known => format!("sinks are {}", known.join(", ")),
        };
        Refusal::at(at, format!("there is no sink '{name}'"), supported)
    })
}

fn late_insert(
    catalog: &Catalog<'_>,
    selected: &Selected,
    into: &LateInto,
) -> Result<LateInsert, Refusal> {
    let at = into.at;
    let sink = find_sink(catalog.query, &into.sink, at)?;
    let mut columns = Vec::with_capacity(selected.rows.len());
    for (name, expr) in &selected.rows {
        if LateRows::ADDED.iter().any(|(added, _)| added == name) {
            let message = format!("the rows have a column {name}, which LATE ROWS INTO adds");
            return Err(Refusal::at(at, message, "rename the column in a view"));
        }
        let schema = catalog.schema(&selected.base);
        let (expr, kind) = types::settle(expr.clone(), schema, at)?;
        columns.push(OutputColumn { name: name.clone(), expr, kind, at });
    }
    Ok(LateInsert { sink, columns, at })
}

/// Every sink is written, by inserts that agree, and has its key columns.
fn sink_faults(query: &JobQuery, inserts: &[Insert]) -> Vec<Refusal> {
    let mut faults = Vec::new();
    let mut windows: BTreeMap<usize, Location> = BTreeMap::new();
    for (sink, declared) in query.sinks.iter().enumerate() {
        let name = &declared.name;
        let mut own = inserts.iter().flat_map(Insert::writes).filter(|w| w.sink == sink);
        let Some(first) = own.next() else {
            faults.push(Refusal::declared(
                format!("no INSERT writes sink '{name}'"),
                "remove the sink",
            ));
            continue;
        };
        for key in &declared.key {
            let array = first.columns.iter().find(|(column, _)| column == key);
            if let Some((_, kind @ ColumnKind::List(_))) = array {
                let message = format!("column '{key}' of sink '{name}' is {kind}");
                faults.push(Refusal::at(first.at, message, "a key consists of single values"));
            }
            if !first.columns.iter().any(|(column, _)| column == key) {
                let message = format!("sink '{name}' has no column '{key}' for its key");
                let supported = format!("its columns are {}", signature(&first));
                faults.push(Refusal::at(first.at, message, supported));
            }
        }
        let upsert = inserts.iter().find(|i| i.sink == sink && i.changes().is_some());
        if let Some((insert, select)) = upsert.and_then(|i| Some((i, i.changes()?))) {
            faults.extend(upsert::check_key(declared, &insert.selected, select).err());
        }
        for other in own {
            if upsert.is_some() {
                let message =
                    format!("sink '{name}' gets changes, and another statement writes it");
                let supported = "which of two rows with one key came last would not be determined: write one sink each";
                faults.push(Refusal::at(other.at, message, supported));
            }
            if other.columns != first.columns {
                let message =
                    format!("this SELECT gives sink '{name}' other columns than the first");
                let supported =
                    format!("expected {}, found {}", signature(&first), signature(&other));
                faults.push(Refusal::at(other.at, message, supported));
            }
        }
    }
    for insert in inserts.iter().filter(|insert| insert.keeps_state()) {
        if windows.insert(insert.sink, insert.selected.at).is_some() {
            let name = &query.sinks[insert.sink].name;
            let message = format!("two windows write sink '{name}'");
            let supported =
                "state is found again by the sink's name: give each window a sink of its own";
            faults.push(Refusal::at(insert.selected.at, message, supported));
        }
    }
    faults
}

fn signature(written: &Written<'_>) -> String {
    let columns = written.columns.iter().map(|(name, kind)| format!("{name} {kind}"));
    format!("({})", columns.collect::<Vec<_>>().join(", "))
}
