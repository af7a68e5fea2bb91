//! Rows that a subquery numbers, `ROW_NUMBER() OVER (PARTITION BY … ORDER BY …)`, of which the first are taken: the
//! first or the last row of each key by event time; and in [`top`] more of them, in any order, of windows too.

mod condition;
mod number;
mod scope;
mod top;

use dataflow::limits::FOREVER_MS;
use dataflow::{Aggregate, Function, KeyColumn, WindowKind};
use datafusion_common::DFSchema;
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{
    self, Query, Select, SelectItem, SetExpr, Spanned, TableAlias, TableFactor,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use self::condition::{Name, limit};
pub(crate) use self::number::take_key;
use self::number::{Number, is_number, number};
use self::scope::{RankedScope, result_column};
pub(crate) use self::top::NUMBER;
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

const FORM: &str = "the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY column \
                    [DESC]) AS n FROM t) WHERE n <= 10";
const WINDOW_FORM: &str = "the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, \
                           window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, \
                           SESSION and a view over windows are possible too";

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
    /// What is supported.
    form: &'static str,
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
    let form = if windows { WINDOW_FORM } else { FORM };
    let nested = Nested { catalog, select, inner, words, name, from, form, at, inner_at };
    let number = number(inner, form, inner_at).map_err(one)?;
    match edge(&nested, &number).filter(|_| !windows) {
        Some(edge) => plan_edge(&nested, &number, edge),
        None => top::plan_top(&nested, &number),
    }
}

/// One row of each key: the first or the last by event time.
struct Edge {
    last: bool,
    /// What else the condition says.
    rest: Option<ast::Expr>,
}

fn edge(nested: &Nested<'_, '_>, number: &Number<'_>) -> Option<Edge> {
    let name = Name { table: &nested.name, column: &number.name.value };
    let (1, rest) = limit(nested.select.selection.as_ref(), name, number.at).ok()? else {
        return None;
    };
    let [order] = number.order_by else { return None };
    if order.options.nulls_first.is_some() || order.with_fill.is_some() {
        return None;
    }
    let time = nested.from.relation.base.event_time(nested.catalog.query)?;
    match plan(&order.expr, &mut nested.rows(), number.at).ok()? {
        Expr::Column(column) if column.name == *time => {
            Some(Edge { last: order.options.asc == Some(false), rest })
        }
        _ => None,
    }
}

impl<'a> Nested<'a, '_> {
    /// Names within the subquery.
    fn rows(&self) -> RowScope<'a> {
        RowScope {
            relation: self.from.relation,
            name: self.from.name.clone(),
            schema: self.catalog.schema(&self.from.relation.base),
            windowed: self.from.window.is_some(),
        }
    }
}

fn plan_edge(
    nested: &Nested<'_, '_>,
    number: &Number<'_>,
    edge: Edge,
) -> Result<Selected, Vec<Refusal>> {
    let one = |fault: Refusal| vec![fault];
    let Nested { catalog, select, words, from, at, .. } = nested;
    let found = numbered(nested, number)?;
    let schema = catalog.schema(&found.relation.base);
    let function = if edge.last { Function::LastRow } else { Function::FirstRow };
    let (mut scope, mut aggregates) = edge_scope(nested, &found, function, schema).map_err(one)?;
    let where_at = words.find("WHERE", *at);
    let columns = output_columns(&select.projection, &mut scope, *at)?;
    let having = edge.rest.map(|node| condition(&node, &mut scope, where_at));
    let having = having.transpose().map_err(one)?;
    let used = columns.iter().map(|column| &column.expr).chain(&having);
    let used: Vec<String> =
        used.flat_map(|expr| expr.column_refs()).map(|column| column.name.clone()).collect();
    aggregates.retain(|call| used.contains(&call.aggregate.name));
    let schema = aggregate_schema(&found.keys, &aggregates).map_err(one)?;
    let first = WindowKind::First { ttl_ms: FOREVER_MS };
    let window = if edge.last { WindowKind::All } else { first };
    let body = WindowSelect {
        window,
        lateness_ms: 0,
        changes: false,
        keys: found.keys,
        aggregates,
        calls: Vec::new(),
        having,
        columns,
        schema,
    };
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
    keys: Vec<(KeyColumn, Expr)>,
}

fn numbered(nested: &Nested<'_, '_>, number: &Number<'_>) -> Result<Numbered, Vec<Refusal>> {
    let one = |fault: Refusal| vec![fault];
    let Nested { inner, words, from, inner_at, .. } = nested;
    let mut rows = nested.rows();
    let mut keys = Vec::new();
    for node in number.partition_by {
        take_key(&mut keys, node, &mut rows, FORM, number.at).map_err(one)?;
    }
    let mut filters = from.relation.filters.clone();
    if let Some(node) = &inner.selection {
        filters.push(condition(node, &mut rows, words.find("WHERE", from.at)).map_err(one)?);
    }
    let others: Vec<SelectItem> =
        inner.projection.iter().filter(|item| !is_number(item)).cloned().collect();
    let columns = output_columns(&others, &mut rows, *inner_at)?;
    let columns = columns.into_iter().map(|column| (column.name, column.expr)).collect();
    let relation = Relation { base: from.relation.base.clone(), columns, filters };
    if relation.column(&number.name.value).is_some() {
        return Err(one(Refusal::at(number.at, "the number has the name of a column", FORM)));
    }
    Ok(Numbered { relation, keys })
}

/// Keys, and what the row of a key has in the other columns.
fn edge_scope(
    nested: &Nested<'_, '_>,
    found: &Numbered,
    function: Function,
    rows: &DFSchema,
) -> Result<(RankedScope, Vec<AggregateCall>), Refusal> {
    let at = nested.inner_at;
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
