//! A `SELECT` with `GROUP BY`, over windows or without: keys, aggregates, and what is computed from them.

use arrow::datatypes::{Field, Schema};
use dataflow::{ColumnKind, FrameCall, Function, KeyColumn, ListItem, WindowKind};
use datafusion_common::{Column, DFSchema};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{self, Select, Spanned};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::aggregate_call::{AggregateCall, aggregate_call};
use crate::expression::{plan, refuse, simplify};
use crate::parse::{Words, start_of};
use crate::physical::canonical;
use crate::refusal::Refusal;
use crate::scope::{RowScope, Scope, WINDOW_COLUMNS};
use crate::select::{ListScope, OutputColumn, output_columns};
use crate::{syntax, types};

/// An aggregation, or the one row that is taken of each key.
#[derive(Debug, Clone)]
pub(crate) struct WindowSelect {
    pub(crate) window: WindowKind,
    pub(crate) lateness_ms: i64,
    /// Every change goes out, not the final results.
    pub(crate) changes: bool,
    pub(crate) keys: Vec<(KeyColumn, Expr)>,
    pub(crate) aggregates: Vec<AggregateCall>,
    /// With `OVER`: the aggregates over frames. The one above carries the rows.
    pub(crate) calls: Vec<FrameCall>,
    /// Over the result columns.
    pub(crate) having: Option<Expr>,
    /// Over the result columns.
    pub(crate) columns: Vec<OutputColumn>,
    /// The result columns.
    pub(crate) schema: DFSchema,
}

impl WindowSelect {
    /// Nothing but a TTL ends the state of a key.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self.window, WindowKind::All | WindowKind::Life { .. } | WindowKind::First { .. })
    }

    /// Its results are packed rows: `having`, `columns` and `schema` are about what is unpacked.
    pub(crate) fn is_top(&self) -> bool {
        let function = self.aggregates.last().map(|call| call.aggregate.function);
        matches!(function, Some(Function::Top { .. })) && !self.is_over()
    }

    /// Every row goes out, with aggregates over its frame.
    pub(crate) fn is_over(&self) -> bool {
        self.window.is_over()
    }
}

const GROUPING: &str = "GROUP BY names window_start and window_end, and further keys: columns or expressions over them";

pub(crate) fn plan_window(
    select: &Select,
    rows: RowScope<'_>,
    window: WindowKind,
    words: &Words,
) -> Result<WindowSelect, Vec<Refusal>> {
    let start = start_of(select.select_token.0.span, words.start());
    let nodes = syntax::group_by(select, words, start).map_err(|e| vec![e])?;
    if nodes.is_empty() {
        return Err(vec![Refusal::at(start, "rows of a window must be grouped", GROUPING)]);
    }
    let at = words.find("GROUP", start);
    let mut scope = GroupScope::new(rows).map_err(|e| vec![e])?;
    scope.take_keys(nodes, at)?;
    let mut faults = Vec::new();
    let columns = output_columns(&select.projection, &mut scope, start).unwrap_or_else(|found| {
        faults.extend(found);
        Vec::new()
    });
    let having =
        select.having.as_ref().map(|node| having(node, &mut scope, words.find("HAVING", at)));
    let having = having.transpose().unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    let GroupScope { keys, aggregates, schema, .. } = scope;
    Ok(WindowSelect {
        window,
        lateness_ms: 0,
        changes: false,
        keys,
        aggregates,
        calls: Vec::new(),
        having,
        columns,
        schema,
    })
}

fn having(node: &ast::Expr, scope: &mut GroupScope<'_>, outer: Location) -> Result<Expr, Refusal> {
    let at = start_of(node.span(), outer);
    let expr = plan(node, scope, at)?;
    let expr = simplify(expr, scope, at)?;
    match types::settle(expr, scope.schema(), at)? {
        (expr, ColumnKind::Boolean) => Ok(expr),
        (_, other) => Err(Refusal::at(at, format!("HAVING is {other}"), "it must be BOOLEAN")),
    }
}

/// Names after the grouping: keys, window columns, aggregates.
struct GroupScope<'a> {
    rows: RowScope<'a>,
    keys: Vec<(KeyColumn, Expr)>,
    aggregates: Vec<AggregateCall>,
    schema: DFSchema,
}

impl<'a> GroupScope<'a> {
    fn new(rows: RowScope<'a>) -> Result<Self, Refusal> {
        let schema = DFSchema::empty();
        let mut scope = Self { rows, keys: Vec::new(), aggregates: Vec::new(), schema };
        scope.rebuild()?;
        Ok(scope)
    }

    fn take_keys(&mut self, nodes: &[ast::Expr], outer: Location) -> Result<(), Vec<Refusal>> {
        let mut windows = Vec::new();
        let mut faults = Vec::new();
        for node in nodes {
            let at = start_of(node.span(), outer);
            match self.take_key(node, at) {
                Ok(Some(window)) => windows.push(window),
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        for needed in ["window_start", "window_end"] {
            if self.rows.windowed && faults.is_empty() && !windows.iter().any(|w| w == needed) {
                let message = format!("GROUP BY lacks {needed}");
                faults.push(Refusal::at(outer, message, GROUPING));
            }
        }
        if let Err(fault) = self.rebuild() {
            faults.push(fault);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// A key, or the name of the window column that the node is.
    fn take_key(&mut self, node: &ast::Expr, at: Location) -> Result<Option<String>, Refusal> {
        if let Some(window) = self.window_column(node) {
            return Ok(Some(window));
        }
        let expr = plan(node, &mut self.rows, at)?;
        if matches!(expr, Expr::Literal(..)) {
            let message = format!("{node} in GROUP BY is a constant, not a column's position");
            return Err(Refusal::at(at, message, GROUPING));
        }
        let expr = simplify(expr, &self.rows, at)?;
        let name = canonical(&expr, self.rows.schema).map_err(|e| refuse(at, &e))?;
        let (expr, kind) = types::settle(expr, self.rows.schema, at)?;
        if ListItem::of(kind).is_none() {
            return Err(Refusal::at(at, format!("{node} is {kind}"), "a key is a single value"));
        }
        if !self.keys.iter().any(|(_, known)| *known == expr) {
            self.keys.push((KeyColumn { name, kind }, expr));
        }
        Ok(None)
    }

    fn window_column(&self, node: &ast::Expr) -> Option<String> {
        if !self.rows.windowed {
            return None;
        }
        let name = match node {
            ast::Expr::Identifier(name) => name,
            ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, name] if table.value == self.rows.name => name,
                _ => return None,
            },
            _ => return None,
        };
        WINDOW_COLUMNS.contains(&name.value.as_str()).then(|| name.value.clone())
    }

    /// The schema of the results, as far as they are known.
    fn rebuild(&mut self) -> Result<(), Refusal> {
        self.schema = aggregate_schema(&self.keys, &self.aggregates)?;
        Ok(())
    }
}

/// The columns that the operator hands out: keys, window columns, aggregates.
pub(crate) fn aggregate_schema(
    keys: &[(KeyColumn, Expr)],
    aggregates: &[AggregateCall],
) -> Result<DFSchema, Refusal> {
    let results = aggregates.iter().map(|call| {
        let kind = call.aggregate.result_kind().unwrap_or(ColumnKind::Int64);
        (call.aggregate.name.as_str(), kind)
    });
    result_schema(keys, results)
}

/// Keys, window columns, and others.
pub(crate) fn result_schema<'a>(
    keys: &[(KeyColumn, Expr)],
    others: impl Iterator<Item = (&'a str, ColumnKind)>,
) -> Result<DFSchema, Refusal> {
    let keys = keys.iter().map(|(key, _)| Field::new(&key.name, key.kind.data_type(), true));
    let times =
        WINDOW_COLUMNS.map(|name| Field::new(name, ColumnKind::Timestamp.data_type(), false));
    let others = others.map(|(name, kind)| Field::new(name, kind.data_type(), true));
    let fields: Vec<Field> = keys.chain(times).chain(others).collect();
    DFSchema::try_from(Schema::new(fields)).map_err(|e| Refusal::declared(e.strip_backtrace(), ""))
}

impl ListScope for GroupScope<'_> {
    fn star(&self, _qualifier: Option<&str>, at: Location) -> Result<Vec<(String, Expr)>, Refusal> {
        Err(Refusal::at(at, "* is not possible with GROUP BY", "name the columns"))
    }

    fn as_scope(&mut self) -> &mut dyn Scope {
        self
    }
}

fn result_column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

impl Scope for GroupScope<'_> {
    fn schema(&self) -> &DFSchema {
        &self.schema
    }

    fn column(&self, qualifier: Option<&str>, name: &str, at: Location) -> Result<Expr, Refusal> {
        self.rows.check_qualifier(qualifier, at)?;
        if self.rows.windowed && WINDOW_COLUMNS.contains(&name) {
            return Ok(result_column(name));
        }
        let expr = self.rows.column(qualifier, name, at)?;
        match self.keys.iter().find(|(_, key)| *key == expr) {
            Some((key, _)) => Ok(result_column(&key.name)),
            None => Err(Refusal::at(
                at,
                format!("'{name}' is neither in GROUP BY nor in an aggregate"),
                "add it to GROUP BY, or aggregate it",
            )),
        }
    }

    fn aggregate(
        &mut self,
        name: &str,
        call: &ast::Function,
        at: Location,
    ) -> Result<Expr, Refusal> {
        let found = aggregate_call(name, call, &mut self.rows, at)?;
        let column = result_column(&found.aggregate.name);
        if !self.aggregates.contains(&found) {
            self.aggregates.push(found);
            self.rebuild()?;
        }
        Ok(column)
    }

    /// A node that equals a key of `GROUP BY`.
    fn whole(&self, node: &ast::Expr) -> Option<Expr> {
        if matches!(node, ast::Expr::Value(_) | ast::Expr::Identifier(_)) {
            return None;
        }
        let mut rows = RowScope {
            relation: self.rows.relation,
            name: self.rows.name.clone(),
            schema: self.rows.schema,
            windowed: self.rows.windowed,
        };
        let at = Location { line: 0, column: 0 };
        let expr = plan(node, &mut rows, at).ok()?;
        let expr = simplify(expr, &rows, at).ok()?;
        let (expr, _) = types::settle(expr, rows.schema, at).ok()?;
        let (key, _) = self.keys.iter().find(|(_, key)| *key == expr)?;
        Some(result_column(&key.name))
    }
}
