//! `SELECT` with aggregates `OVER` rows of a key before each row.

mod frame;

use arrow::datatypes::{Field, Schema};
use dataflow::limits::FOREVER_MS;
use dataflow::{Aggregate, ColumnKind, Frame, FrameCall, Function, KeyColumn, WindowKind};
use datafusion_common::{Column, DFSchema};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Location;

use self::frame::{FORM, Over, over};
use crate::aggregate_call::{AggregateCall, aggregate_call};
use crate::clauses::{Clauses, Ttl};
use crate::expression::refuse;
use crate::grouped::WindowSelect;
use crate::packed::packed;
use crate::physical::canonical;
use crate::query::JobQuery;
use crate::refusal::Refusal;
use crate::scope::{RowScope, Scope};
use crate::select::{Body, ListScope, OutputColumn};

/// Columns of rows, beside which aggregates may stand.
pub(crate) struct OverScope<'a> {
    query: &'a JobQuery,
    rows: RowScope<'a>,
    /// The columns of the rows, and the aggregates so far.
    schema: DFSchema,
    calls: Vec<AggregateCall>,
    /// What all of them are over.
    over: Option<Over>,
}

impl<'a> OverScope<'a> {
    pub(crate) fn new(query: &'a JobQuery, rows: RowScope<'a>) -> Self {
        let schema = rows.schema.clone();
        Self { query, rows, schema, calls: Vec::new(), over: None }
    }

    /// A select with state, if an aggregate stands in one of the columns.
    pub(crate) fn body(self, columns: Vec<OutputColumn>, at: Location) -> Result<Body, Refusal> {
        match self.over {
            Some(over) => {
                let select = framed(&self.rows, over, &self.calls, columns, at)?;
                Ok(Body::Window(Box::new(select)))
            }
            None => Ok(Body::Rows(columns)),
        }
    }

    fn add(&mut self, call: AggregateCall) -> Result<(), Refusal> {
        let kind = call.aggregate.result_kind().unwrap_or(ColumnKind::Int64);
        let field = Field::new(&call.aggregate.name, kind.data_type(), true);
        self.schema = with_fields(&self.schema, vec![field])?;
        self.calls.push(call);
        Ok(())
    }
}

fn with_fields(schema: &DFSchema, more: Vec<Field>) -> Result<DFSchema, Refusal> {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone());
    let fields: Vec<Field> = fields.chain(more).collect();
    DFSchema::try_from(Schema::new(fields)).map_err(|e| Refusal::declared(e.strip_backtrace(), ""))
}

impl ListScope for OverScope<'_> {
    fn star(&self, qualifier: Option<&str>, at: Location) -> Result<Vec<(String, Expr)>, Refusal> {
        self.rows.star(qualifier, at)
    }

    fn as_scope(&mut self) -> &mut dyn Scope {
        self
    }
}

impl Scope for OverScope<'_> {
    fn schema(&self) -> &DFSchema {
        &self.schema
    }

    fn column(&self, qualifier: Option<&str>, name: &str, at: Location) -> Result<Expr, Refusal> {
        self.rows.column(qualifier, name, at)
    }

    fn aggregate(
        &mut self,
        name: &str,
        call: &ast::Function,
        at: Location,
    ) -> Result<Expr, Refusal> {
        let Some(window) = &call.over else { return self.rows.aggregate(name, call, at) };
        let own = over(self.query, &mut self.rows, window, at)?;
        if self.over.as_ref().is_some_and(|other| *other != own) {
            let message = format!("{name} is over other rows than the aggregate before it");
            let supported =
                "all aggregates of a SELECT are over the same rows: write one INSERT for each";
            return Err(Refusal::at(at, message, supported));
        }
        self.over = Some(own);
        let plain = ast::Function { over: None, ..call.clone() };
        let found = aggregate_call(name, &plain, &mut self.rows, at)?;
        if matches!(
            found.aggregate.function,
            Function::CountDistinct | Function::ApproxDistinct | Function::ArrayAgg { .. }
        ) {
            let name = &found.aggregate.name;
            let supported = "count, sum, min, max, avg, first_value, last_value and variances are";
            return Err(Refusal::at(at, format!("{name} OVER is not supported"), supported));
        }
        let column = Expr::Column(Column::new_unqualified(&found.aggregate.name));
        if !self.calls.contains(&found) {
            self.add(found)?;
        }
        Ok(column)
    }

    fn whole(&self, _node: &ast::Expr) -> Option<Expr> {
        None
    }
}

/// What is kept of each row: columns of the base that the select shows, and arguments.
struct Kept {
    columns: Vec<(KeyColumn, Expr)>,
}

impl Kept {
    /// The place of an argument, which is added if it is not there.
    fn place(
        &mut self,
        rows: &RowScope<'_>,
        kind: ColumnKind,
        expr: &Expr,
        at: Location,
    ) -> Result<usize, Refusal> {
        if let Some(known) = self.columns.iter().position(|(_, other)| other == expr) {
            return Ok(known);
        }
        let text = canonical(expr, rows.schema).map_err(|e| refuse(at, &e))?;
        let column = KeyColumn { name: format!("argument({text})"), kind };
        self.columns.push((column, expr.clone()));
        Ok(self.columns.len() - 1)
    }
}

fn framed(
    rows: &RowScope<'_>,
    over: Over,
    calls: &[AggregateCall],
    columns: Vec<OutputColumn>,
    at: Location,
) -> Result<WindowSelect, Refusal> {
    let mut kept = Kept { columns: shown(rows, &columns) };
    let mut frame_calls = Vec::with_capacity(calls.len());
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        let argument = call.argument.as_ref().zip(call.aggregate.argument);
        let column = argument.map(|(expr, kind)| kept.place(rows, kind, expr, at)).transpose()?;
        let kind = call.aggregate.result_kind().unwrap_or(ColumnKind::Int64);
        results.push(Field::new(&call.aggregate.name, kind.data_type(), true));
        frame_calls.push(FrameCall { aggregate: call.aggregate.clone(), column });
    }
    let fields = kept
        .columns
        .iter()
        .map(|(column, _)| Field::new(&column.name, column.kind.data_type(), true));
    let schema = with_fields(&DFSchema::empty(), fields.chain(results).collect())?;
    Ok(WindowSelect {
        window: WindowKind::Over(over.frame),
        lateness_ms: 0,
        changes: false,
        keys: over.keys,
        aggregates: vec![rows_call(kept.columns)],
        calls: frame_calls,
        having: None,
        columns,
        schema,
    })
}

/// The columns of the base that are shown, in its order. A row without any is kept by its first column.
fn shown(rows: &RowScope<'_>, columns: &[OutputColumn]) -> Vec<(KeyColumn, Expr)> {
    let fields = rows.schema.fields().iter().filter_map(|field| {
        let kind = ColumnKind::of(field.data_type())?;
        let expr = Expr::Column(Column::new_unqualified(field.name()));
        Some((KeyColumn { name: field.name().clone(), kind }, expr))
    });
    let shown = |name: &String| {
        columns.iter().flat_map(|column| column.expr.column_refs()).any(|c| c.name == *name)
    };
    let all: Vec<(KeyColumn, Expr)> = fields.collect();
    let own: Vec<_> = all.iter().filter(|(column, _)| shown(&column.name)).cloned().collect();
    if own.is_empty() { all.into_iter().take(1).collect() } else { own }
}

/// Carries the rows, and is their state: all of them, by place. Its name says what their bytes are.
fn rows_call(kept: Vec<(KeyColumn, Expr)>) -> AggregateCall {
    let name = |column: &KeyColumn| format!("{} {}", column.name, column.kind);
    let names: Vec<String> = kept.iter().map(|(column, _)| name(column)).collect();
    let name = format!("rows({})", names.join(", "));
    let function = Function::Top { limit: u32::MAX, by_place: true };
    let aggregate = Aggregate { name, function, argument: Some(ColumnKind::Bytes) };
    let kept = kept.into_iter().map(|(_, expr)| expr).collect();
    AggregateCall { aggregate, argument: Some(packed(Vec::new(), kept)) }
}

/// Applies the clauses of a statement with `OVER`.
pub(crate) fn apply(
    clauses: &Clauses,
    select: &mut WindowSelect,
    at: Location,
) -> Result<(), Refusal> {
    if let Some((_, at)) = clauses.lateness {
        let message = "ALLOWED LATENESS is not possible with OVER: a row goes out once, and one that comes later would \
                       change what went out";
        return Err(Refusal::at(at, message, "LATE ROWS INTO sink keeps what comes late"));
    }
    if let Some((emit, at)) = clauses.emit {
        let message = format!("{emit} is not possible with OVER: every row goes out once");
        return Err(Refusal::at(at, message, "leave it out"));
    }
    match (&mut select.window, clauses.ttl) {
        (WindowKind::Over(Frame::Range { .. }), Some((_, at))) => {
            let message =
                "STATE TTL is not possible with a RANGE: its rows go when no row can reach them";
            Err(Refusal::at(at, message, "leave it out"))
        }
        (WindowKind::Over(Frame::Rows { .. }), None) => {
            let message =
                "nothing bounds the state: the last rows of every key would be kept for ever";
            let supported = "write STATE TTL INTERVAL '1' DAY at the end, after which a key without rows is forgotten, or \
                             STATE TTL NONE where the keys are few enough to be kept for ever";
            Err(Refusal::at(at, message, supported))
        }
        (WindowKind::Over(Frame::Rows { ttl_ms, .. }), Some((ttl, _))) => {
            *ttl_ms = match ttl {
                Ttl::None => FOREVER_MS,
                Ttl::For(ttl_ms) => ttl_ms,
            };
            select.window.validate().map_err(|why| Refusal::at(at, why, FORM))
        }
        _ => select.window.validate().map_err(|why| Refusal::at(at, why, FORM)),
    }
}
