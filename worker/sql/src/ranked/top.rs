//! The first rows of each key, or of each window and key, in an order: rows of a source, of a window function, or
//! results of windows.

use dataflow::{Aggregate, ColumnKind, Function, KeyColumn, RowOrder, WindowKind};
use datafusion_common::DFSchema;
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{self, OrderByExpr, SelectItem, Spanned};
use datafusion_sql::sqlparser::tokenizer::Location;

use super::Nested;
use super::condition::{Name, limit};
use super::number::{Number, is_number, take_key};
use super::scope::{RankedScope, result_column};
use crate::aggregate_call::AggregateCall;
use crate::expression::{plan, refuse, simplify};
use crate::grouped::{WindowSelect, result_schema};
use crate::packed::packed;
use crate::parse::start_of;
use crate::physical::canonical;
use crate::refusal::Refusal;
use crate::scope::{RowScope, WINDOW_COLUMNS};
use crate::select::{Body, Selected, condition, output_columns};
use crate::types;

/// The result column of the number.
pub(crate) const NUMBER: &str = "row_number()";

/// What a column of the subquery is.
enum Shown {
    /// A column of the window.
    Window(&'static str),
    /// Over the columns of the base.
    Row(Expr),
    Number,
}

/// A column that is kept of each row.
struct Kept {
    column: KeyColumn,
    expr: Expr,
}

/// By what rows are ordered.
struct Ordering {
    expr: Expr,
    order: RowOrder,
    text: String,
}

pub(super) fn plan_top(
    nested: &Nested<'_, '_>,
    number: &Number<'_>,
) -> Result<Selected, Vec<Refusal>> {
    let one = |fault: Refusal| vec![fault];
    let Nested { select, inner, words, from, form, at, inner_at, .. } = nested;
    let window = window(nested, number).map_err(one)?;
    let mut rows = nested.rows();
    let keys = keys(number, &mut rows, form).map_err(one)?;
    let mut ordering = ordering(number, &mut rows, form).map_err(one)?;
    let mut filters = from.relation.filters.clone();
    if let Some(node) = &inner.selection {
        filters.push(condition(node, &mut rows, words.find("WHERE", from.at)).map_err(one)?);
    }
    let shown = shown(inner, &mut rows, *inner_at)?;
    let where_at = words.find("WHERE", *at);
    let name = Name { table: &nested.name, column: &number.name.value };
    let (limit, rest) = limit(select.selection.as_ref(), name, where_at).map_err(one)?;

    let (names, mut kept) = results(shown, &keys, &rows, *inner_at).map_err(one)?;
    let (name, schema) = (nested.name.clone(), schema(&keys, &kept).map_err(one)?);
    let mut scope = RankedScope { name, columns: names, schema, form };
    let columns = output_columns(&select.projection, &mut scope, *at)?;
    let having =
        rest.map(|node| condition(&node, &mut scope, where_at)).transpose().map_err(one)?;
    let used: Vec<&Expr> = columns.iter().map(|column| &column.expr).chain(&having).collect();
    kept.retain(|kept| {
        let mut names = used.iter().flat_map(|expr| expr.column_refs());
        names.any(|column| column.name == kept.column.name)
    });
    let schema = self::schema(&keys, &kept).map_err(one)?;
    let by_place = from.relation.base.view().is_none();
    let text = text(limit, &ordering, &kept);
    if !by_place {
        complete(&mut ordering, &kept);
    }
    let call = aggregate(text, Function::Top { limit, by_place }, ordering, kept);
    let body = WindowSelect {
        window,
        lateness_ms: 0,
        changes: false,
        keys,
        aggregates: vec![call],
        calls: Vec::new(),
        having,
        columns,
        schema,
    };
    Ok(Selected {
        base: from.relation.base.clone(),
        filters,
        body: Body::Window(Box::new(body)),
        rows: from.relation.columns.clone(),
        at: *at,
        from_at: from.at,
    })
}

/// The window whose rows are numbered. Results of windows lie, by their `window_time`, in windows side by side of which
/// each ends as they do.
fn window(nested: &Nested<'_, '_>, number: &Number<'_>) -> Result<WindowKind, Refusal> {
    let Nested { from, catalog, .. } = nested;
    if let Some(window) = from.window {
        return Ok(window);
    }
    if from.relation.base.event_time(catalog.query).is_none() {
        let message = "the source has no watermark, so its rows have no order";
        return Err(Refusal::at(number.at, message, "declare watermark.column on the source"));
    }
    let Some(view) = from.relation.base.view() else { return Ok(WindowKind::All) };
    let tumble = match view.select.window {
        kind @ WindowKind::Tumble { .. } => kind,
        WindowKind::Hop { size_ms, slide_ms, offset_ms } => {
            let offset_ms = (offset_ms + size_ms).rem_euclid(slide_ms);
            WindowKind::Tumble { size_ms: slide_ms, offset_ms }
        }
        WindowKind::Cumulate { step_ms, offset_ms, .. } => {
            let offset_ms = offset_ms.rem_euclid(step_ms);
            WindowKind::Tumble { size_ms: step_ms, offset_ms }
        }
        _ => {
            let message = "results of sessions are not numbered: each has a window of its own";
            return Err(Refusal::at(from.at, message, nested.form));
        }
    };
    Ok(tumble.normalized())
}

/// `PARTITION BY`: the window, and keys.
fn keys(
    number: &Number<'_>,
    rows: &mut RowScope<'_>,
    form: &'static str,
) -> Result<Vec<(KeyColumn, Expr)>, Refusal> {
    let (mut keys, mut windows) = (Vec::new(), Vec::new());
    for node in number.partition_by {
        match window_column(node, rows, number.at) {
            Some(name) => windows.push(name),
            None => take_key(&mut keys, node, rows, form, number.at)?,
        }
    }
    let lacks = |message: String| Err(Refusal::at(number.at, message, form));
    if rows.windowed {
        let needed = ["window_start", "window_end"];
        if let Some(name) = needed.into_iter().find(|name| !windows.contains(name)) {
            return lacks(format!("PARTITION BY lacks {name}"));
        }
    } else if of_results(rows) && !windows.iter().any(|name| is_end(name)) {
        return lacks(format!(
            "PARTITION BY lacks the window: the window_end or window_time of '{}'",
            rows.name
        ));
    }
    Ok(keys)
}

/// The rows are results of windows, numbered within these.
fn of_results(rows: &RowScope<'_>) -> bool {
    !rows.windowed && rows.relation.base.view().is_some()
}

/// It tells windows that differ apart, which the start does not for CUMULATE.
fn is_end(window_column: &str) -> bool {
    window_column != "window_start"
}

/// The column of the window that a node is.
fn window_column(node: &ast::Expr, rows: &mut RowScope<'_>, at: Location) -> Option<&'static str> {
    let known = |name: &str| WINDOW_COLUMNS.into_iter().find(|column| *column == name);
    if of_results(rows) {
        return match plan(node, rows, at).ok()? {
            Expr::Column(column) => known(&column.name),
            _ => None,
        };
    }
    match node {
        _ if !rows.windowed => None,
        ast::Expr::Identifier(name) => known(&name.value),
        ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] if table.value == rows.name => known(&name.value),
            _ => None,
        },
        _ => None,
    }
}

fn ordering(
    number: &Number<'_>,
    rows: &mut RowScope<'_>,
    form: &'static str,
) -> Result<Vec<Ordering>, Refusal> {
    if number.order_by.is_empty() {
        return Err(Refusal::at(number.at, "ROW_NUMBER without ORDER BY has no order", form));
    }
    let mut ordering = Vec::with_capacity(number.order_by.len());
    for node in number.order_by {
        let OrderByExpr { expr: node, options, with_fill: None } = node else {
            return Err(Refusal::at(number.at, format!("ORDER BY {node} is not supported"), form));
        };
        let at = start_of(node.span(), number.at);
        let expr = plan(node, rows, at)?;
        let expr = simplify(expr, rows, at)?;
        let text = canonical(&expr, rows.schema).map_err(|e| refuse(at, &e))?;
        let (expr, kind) = types::settle(expr, rows.schema, at)?;
        let mut text = format!("{text} {kind}");
        if matches!(expr, Expr::Literal(..)) {
            return Err(Refusal::at(at, format!("{node} orders nothing"), form));
        }
        let descending = options.asc == Some(false);
        // Null is less than every value, as in Flink.
        let nulls_first = options.nulls_first.unwrap_or(!descending);
        if descending {
            text.push_str(" DESC");
        }
        if nulls_first == descending {
            text.push_str(if nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
        }
        ordering.push(Ordering { expr, order: RowOrder { descending, nulls_first }, text });
    }
    Ok(ordering)
}

/// The columns of the subquery in order.
fn shown(
    inner: &ast::Select,
    rows: &mut RowScope<'_>,
    at: Location,
) -> Result<Vec<(String, Shown)>, Vec<Refusal>> {
    let mut shown: Vec<(String, Shown)> = Vec::new();
    for item in &inner.projection {
        let window = match item {
            SelectItem::UnnamedExpr(node) => window_column(node, rows, at).map(|name| (name, name)),
            SelectItem::ExprWithAlias { alias, .. } if is_number(item) => {
                shown.push((alias.value.clone(), Shown::Number));
                continue;
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                window_column(expr, rows, at).map(|name| (name, alias.value.as_str()))
            }
            _ => None,
        };
        if let Some((column, name)) = window.filter(|_| rows.windowed) {
            shown.push((name.to_owned(), Shown::Window(column)));
            continue;
        }
        let columns = output_columns(std::slice::from_ref(item), rows, at)?;
        shown.extend(columns.into_iter().map(|column| (column.name, Shown::Row(column.expr))));
        if rows.windowed && matches!(item, SelectItem::Wildcard(_)) {
            shown.extend(WINDOW_COLUMNS.map(|name| (name.to_owned(), Shown::Window(name))));
        }
    }
    let double = (0..shown.len()).find(|at| shown[..*at].iter().any(|(n, _)| *n == shown[*at].0));
    match double {
        None => Ok(shown),
        Some(double) => {
            let message = format!("two columns are called '{}'", shown[double].0);
            Err(vec![Refusal::at(at, message, "rename one with AS")])
        }
    }
}

/// The result column that each column is, by its name.
type Names = Vec<(String, Expr)>;

/// The result columns, and what must be kept for them.
fn results(
    shown: Vec<(String, Shown)>,
    keys: &[(KeyColumn, Expr)],
    rows: &RowScope<'_>,
    at: Location,
) -> Result<(Names, Vec<Kept>), Refusal> {
    let mut kept: Vec<Kept> = Vec::new();
    let mut names = Names::with_capacity(shown.len());
    for (name, column) in shown {
        let expr = match column {
            Shown::Window(column) => result_column(column),
            Shown::Number => result_column(NUMBER),
            Shown::Row(Expr::Column(column)) if of_results(rows) && is_window_end(&column.name) => {
                Expr::Column(column)
            }
            Shown::Row(expr) => {
                let key = keys.iter().find(|(_, key)| *key == expr);
                match key {
                    Some((key, _)) => result_column(&key.name),
                    None => keep(&mut kept, expr, rows, at)?,
                }
            }
        };
        names.push((name, expr));
    }
    Ok((names, kept))
}

/// Keeps a column if it is not kept yet; gives the result column.
fn keep(
    kept: &mut Vec<Kept>,
    expr: Expr,
    rows: &RowScope<'_>,
    at: Location,
) -> Result<Expr, Refusal> {
    let text = canonical(&expr, rows.schema).map_err(|e| refuse(at, &e))?;
    let name = format!("row({text})");
    let result = result_column(&name);
    let (expr, kind) = types::settle(expr, rows.schema, at)?;
    if !kept.iter().any(|kept| kept.column.name == name) {
        kept.push(Kept { column: KeyColumn { name, kind }, expr });
    }
    Ok(result)
}

/// The windows of results and those that they are numbered in have the same end.
fn is_window_end(name: &str) -> bool {
    WINDOW_COLUMNS.contains(&name) && is_end(name)
}

/// Keys, window columns, number, what is kept.
fn schema(keys: &[(KeyColumn, Expr)], kept: &[Kept]) -> Result<DFSchema, Refusal> {
    let number = KeyColumn { name: NUMBER.to_owned(), kind: ColumnKind::Int64 };
    let rows = std::iter::once(&number).chain(kept.iter().map(|kept| &kept.column));
    result_schema(keys, rows.map(|column| (column.name.as_str(), column.kind)))
}

/// Results of one window have one time and no place in a log: what is kept of them breaks ties, from left to right.
fn complete(ordering: &mut Vec<Ordering>, kept: &[Kept]) {
    let order = RowOrder { descending: false, nulls_first: true };
    for kept in kept {
        if !ordering.iter().any(|ordering| ordering.expr == kept.expr) {
            ordering.push(Ordering { expr: kept.expr.clone(), order, text: String::new() });
        }
    }
}

/// The name of the state, which is bytes: so it says what they are.
fn text(limit: u32, ordering: &[Ordering], kept: &[Kept]) -> String {
    let ordering: Vec<&str> = ordering.iter().map(|ordering| ordering.text.as_str()).collect();
    let kept = kept.iter().map(|kept| format!("{} {}", kept.column.name, kept.column.kind));
    let kept: Vec<String> = kept.collect();
    format!("top({limit} BY {}: {})", ordering.join(", "), kept.join(", "))
}

fn aggregate(
    name: String,
    function: Function,
    ordering: Vec<Ordering>,
    kept: Vec<Kept>,
) -> AggregateCall {
    let ordering = ordering.into_iter().map(|ordering| (ordering.expr, ordering.order)).collect();
    let kept = kept.into_iter().map(|kept| kept.expr).collect();
    let aggregate = Aggregate { name, function, argument: Some(ColumnKind::Bytes) };
    AggregateCall { aggregate, argument: Some(packed(ordering, kept)) }
}
