//! Rows that a subquery numbers, `ROW_NUMBER() OVER (PARTITION BY … ORDER BY …)`, of which the first are taken: the
//! first or the last row of each key; and in [`top`] more, in any order, where the rows are those of windows.

mod condition;
mod number;
mod scope;
mod top;

use dataflow::limits::FOREVER_MS;
use dataflow::{Aggregate, Function, KeyColumn, WindowKind};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{
    Query, Select, SelectItem, SetExpr, Spanned, TableAlias, TableFactor,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use self::condition::{Name, only_first};
use self::number::{Number, is_number, number, take_key};
use self::scope::{RankedScope, result_column};
use crate::aggregate_call::AggregateCall;
use crate::expression::{plan, refuse};
use crate::grouped::{WindowSelect, aggregate_schema};
use crate::parse::{Words, start_of};
use crate::physical::canonical;
use crate::refusal::Refusal;
use crate::relation::{Catalog, Relation};
use crate::scope::RowScope;
use crate::select::{Body, Selected, condition, output_columns};
use crate::table_function::{From, from};
use crate::{syntax, types};

const FORM: &str = "the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY time \
                    [DESC]) AS n FROM t) WHERE n = 1";

/// The subquery with numbered rows that a select reads, with its alias.
pub(crate) fn derived(select: &Select) -> Option<(&Query, Option<&TableAlias>)> {
    match select.from.as_slice() {
        [table] if table.joins.is_empty() => match &table.relation {
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let SetExpr::Select(inner) = subquery.body.as_ref() else { return None };
                inner
                    .projection
                    .iter()
                    .any(is_number)
                    .then_some((subquery.as_ref(), alias.as_ref()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A select over a subquery with numbered rows.
struct Nested<'a, 'b> {
    catalog: &'a Catalog<'b>,
    select: &'a Select,
    inner: &'a Select,
    words: &'a Words,
    /// Of the subquery.
    name: String,
    /// What the subquery reads.
    from: From<'a>,
    at: Location,
    inner_at: Location,
}

/// Plans the select over the subquery.
pub(crate) fn plan_ranked(
    catalog: &Catalog<'_>,
    select: &Select,
    (subquery, alias): (&Query, Option<&TableAlias>),
    words: &Words,
) -> Result<Selected, Vec<Refusal>> {
    let one = |fault: Refusal| vec![fault];
    let at = start_of(select.select_token.0.span, words.start());
    let inner_at = start_of(subquery.span(), at);
    let inner = syntax::select(subquery, words, inner_at).map_err(one)?;
    let from = from(catalog, inner, words).map_err(one)?;
    let windows = from.window.is_some() || from.relation.base.view().is_some();
    if !syntax::group_by(inner, words, inner_at).map_err(one)?.is_empty() || inner.having.is_some()
    {
        let message = "GROUP BY in a subquery is not supported";
        let supported = if windows { "group in a view, and number its rows" } else { FORM };
        return Err(one(Refusal::at(inner_at, message, supported)));
    }
    if !syntax::group_by(select, words, at).map_err(one)?.is_empty() || select.having.is_some() {
        let message = "GROUP BY and HAVING over a subquery are not supported";
        let supported = if windows { "make a view of it, and group its rows" } else { FORM };
        return Err(one(Refusal::at(words.find("GROUP", at), message, supported)));
    }
    let name = syntax::alias(alias).map_err(one)?.unwrap_or_default();
    let nested = Nested { catalog, select, inner, words, name, from, at, inner_at };
    if windows { top::plan_top(&nested) } else { plan_edge(&nested) }
}

/// The first or the last row of each key.
fn plan_edge(nested: &Nested<'_, '_>) -> Result<Selected, Vec<Refusal>> {
    let one = |fault: Refusal| vec![fault];
    let Nested { catalog, select, words, from, at, .. } = nested;
    let found = numbered(nested)?;
    let schema = catalog.schema(&found.relation.base);
    let (mut scope, mut aggregates) = edge_scope(nested, &found, schema).map_err(one)?;
    let where_at = words.find("WHERE", *at);
    let number = Name { table: &nested.name, column: &found.number };
    let rest = only_first(select.selection.as_ref(), number, where_at).map_err(one)?;
    let columns = output_columns(&select.projection, &mut scope, *at)?;
    let having =
        rest.map(|node| condition(&node, &mut scope, where_at)).transpose().map_err(one)?;
    let used = columns.iter().map(|column| &column.expr).chain(&having);
    let used: Vec<String> =
        used.flat_map(|expr| expr.column_refs()).map(|column| column.name.clone()).collect();
    aggregates.retain(|call| used.contains(&call.aggregate.name));
    let schema = aggregate_schema(&found.keys, &aggregates).map_err(one)?;
    let first = WindowKind::First { ttl_ms: FOREVER_MS };
    let window = if found.last { WindowKind::All } else { first };
    let (keys, lateness_ms, changes) = (found.keys, 0, false);
    let body =
        WindowSelect { window, lateness_ms, changes, keys, aggregates, having, columns, schema };
    Ok(Selected {
        base: found.relation.base,
        filters: found.relation.filters,
        body: Body::Window(Box::new(body)),
        rows: from.relation.columns.clone(),
        at: *at,
        from_at: from.at,
    })
}

/// What is numbered, and by what.
struct Numbered {
    /// Names of the subquery's columns, without the number.
    relation: Relation,
    number: String,
    keys: Vec<(KeyColumn, Expr)>,
    last: bool,
}

fn numbered(nested: &Nested<'_, '_>) -> Result<Numbered, Vec<Refusal>> {
    let one = |fault: Refusal| vec![fault];
    let Nested { catalog, inner, words, from, inner_at, .. } = nested;
    let number = number(inner, FORM, *inner_at).map_err(one)?;
    let mut rows = RowScope {
        relation: from.relation,
        name: from.name.clone(),
        schema: catalog.schema(&from.relation.base),
        windowed: false,
    };
    let mut keys = Vec::new();
    for node in number.partition_by {
        take_key(&mut keys, node, &mut rows, FORM, number.at).map_err(one)?;
    }
    let last = by_time(catalog, &number, &mut rows).map_err(one)?;
    let mut filters = from.relation.filters.clone();
    if let Some(node) = &inner.selection {
        filters.push(condition(node, &mut rows, words.find("WHERE", from.at)).map_err(one)?);
    }
    let others: Vec<SelectItem> =
        inner.projection.iter().filter(|item| !is_number(item)).cloned().collect();
    let columns = output_columns(&others, &mut rows, *inner_at)?;
    let columns = columns.into_iter().map(|column| (column.name, column.expr)).collect();
    let relation = Relation { base: from.relation.base.clone(), columns, filters };
    let Number { name, at, .. } = number;
    let number = name.value.clone();
    if relation.column(&number).is_some() {
        return Err(one(Refusal::at(at, "the number has the name of a column", FORM)));
    }
    Ok(Numbered { relation, number, keys, last })
}

/// The order is that of the event time; whether the last row is the first.
fn by_time(
    catalog: &Catalog<'_>,
    number: &Number<'_>,
    rows: &mut RowScope<'_>,
) -> Result<bool, Refusal> {
    let [order] = number.order_by else {
        let message = "ROW_NUMBER is ordered by the event time alone";
        return Err(Refusal::at(number.at, message, FORM));
    };
    let at = start_of(order.expr.span(), number.at);
    let Some(time) = rows.relation.base.event_time(catalog.query) else {
        let message = "the source has no watermark, so its rows have no order";
        return Err(Refusal::at(at, message, "declare watermark.column on the source"));
    };
    match plan(&order.expr, rows, at)? {
        Expr::Column(column) if column.name == *time => {}
        _ => {
            let message = format!("ORDER BY {} is not the event time '{time}'", order.expr);
            return Err(Refusal::at(at, message, FORM));
        }
    }
    if order.options.nulls_first.is_some() || order.with_fill.is_some() {
        return Err(Refusal::at(at, "an event time is never null", FORM));
    }
    Ok(order.options.asc == Some(false))
}

/// Keys, and what the row of a key has in the other columns.
fn edge_scope(
    nested: &Nested<'_, '_>,
    found: &Numbered,
    rows: &datafusion_common::DFSchema,
) -> Result<(RankedScope, Vec<AggregateCall>), Refusal> {
    let at = nested.inner_at;
    let function = if found.last { Function::LastRow } else { Function::FirstRow };
    let mut columns = Vec::with_capacity(found.relation.columns.len());
    let mut aggregates: Vec<AggregateCall> = Vec::new();
    for (column, expr) in &found.relation.columns {
        if let Some((key, _)) = found.keys.iter().find(|(_, key)| key == expr) {
            columns.push((column.clone(), result_column(&key.name)));
            continue;
        }
        let text = canonical(expr, rows).map_err(|e| refuse(at, &e))?;
        let (argument, kind) = types::settle(expr.clone(), rows, at)?;
        let name = format!("{}({text})", function.text());
        columns.push((column.clone(), result_column(&name)));
        let aggregate = Aggregate { name, function, argument: Some(kind) };
        let call = AggregateCall { aggregate, argument: Some(argument) };
        if !aggregates.contains(&call) {
            aggregates.push(call);
        }
    }
    let schema = aggregate_schema(&found.keys, &aggregates)?;
    let name = nested.name.clone();
    Ok((RankedScope { name, columns, schema, form: FORM }, aggregates))
}
