//! The first or the last row of each key: `ROW_NUMBER() OVER (PARTITION BY … ORDER BY time)` in a subquery, of which
//! the rows with number 1 are taken.

use dataflow::limits::FOREVER_MS;
use dataflow::{Aggregate, Function, KeyColumn, ListItem, WindowKind};
use datafusion_common::{Column, DFSchema};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{
    self, Query, Select, SelectItem, SetExpr, Spanned, TableAlias, TableFactor, WindowSpec,
    WindowType,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::aggregate_call::AggregateCall;
use crate::expression::{plan, refuse, simplify};
use crate::grouped::{WindowSelect, result_schema};
use crate::parse::{Words, start_of};
use crate::physical::canonical;
use crate::refusal::Refusal;
use crate::relation::{Catalog, Relation};
use crate::scope::{RowScope, Scope};
use crate::select::{Body, ListScope, Selected, condition, output_columns};
use crate::table_function::from;
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

/// What is numbered, and by what.
struct Numbered<'a> {
    /// Names of the subquery's columns, without the number.
    relation: Relation,
    /// Of the table that it reads.
    table: &'a Relation,
    number: String,
    keys: Vec<(KeyColumn, Expr)>,
    last: bool,
    from_at: Location,
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
    let found = numbered(catalog, inner, words, inner_at)?;
    if !syntax::group_by(select, words, at).map_err(one)?.is_empty() || select.having.is_some() {
        let message = "GROUP BY and HAVING over a subquery are not supported";
        return Err(vec![Refusal::at(words.find("GROUP", at), message, FORM)]);
    }
    let name = syntax::alias(alias).map_err(one)?.unwrap_or_default();
    let schema = catalog.schema(&found.relation.base);
    let mut scope = RankedScope::new(&found, name, schema, inner_at).map_err(one)?;
    let where_at = words.find("WHERE", at);
    let rest = only_first(select.selection.as_ref(), &found.number, where_at).map_err(one)?;
    let columns = output_columns(&select.projection, &mut scope, at)?;
    let having =
        rest.map(|node| condition(&node, &mut scope, where_at)).transpose().map_err(one)?;
    let used = columns.iter().map(|column| &column.expr).chain(&having);
    let used: Vec<String> =
        used.flat_map(|expr| expr.column_refs()).map(|column| column.name.clone()).collect();
    let mut aggregates = scope.aggregates;
    aggregates.retain(|call| used.contains(&call.aggregate.name));
    let schema = result_schema(&found.keys, &aggregates).map_err(one)?;
    let first = WindowKind::First { ttl_ms: FOREVER_MS };
    let window = if found.last { WindowKind::All } else { first };
    let body = WindowSelect {
        window,
        lateness_ms: 0,
        changes: false,
        keys: found.keys,
        aggregates,
        having,
        columns,
        schema,
    };
    Ok(Selected {
        base: found.relation.base,
        filters: found.relation.filters,
        body: Body::Window(Box::new(body)),
        rows: found.table.columns.clone(),
        at,
        from_at: found.from_at,
    })
}

fn numbered<'a>(
    catalog: &'a Catalog<'_>,
    inner: &Select,
    words: &Words,
    at: Location,
) -> Result<Numbered<'a>, Vec<Refusal>> {
    let one = |fault: Refusal| vec![fault];
    let refuse_at = |at, message: &str| vec![Refusal::at(at, message, FORM)];
    let from = from(catalog, inner, words).map_err(one)?;
    if from.window.is_some() || from.relation.base.view().is_some() {
        return Err(refuse_at(from.at, "rows of windows are not numbered"));
    }
    let grouped = !syntax::group_by(inner, words, at).map_err(one)?.is_empty();
    if grouped || inner.having.is_some() {
        return Err(refuse_at(at, "GROUP BY in a subquery is not supported"));
    }
    let numbers = inner.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { expr: ast::Expr::Function(call), alias }
            if call.over.is_some() =>
        {
            Some((call, alias))
        }
        _ => None,
    });
    let numbers: Vec<_> = numbers.collect();
    let [(call, alias)] = numbers.as_slice() else {
        return Err(refuse_at(at, "a subquery numbers its rows once"));
    };
    let call_at = start_of(call.span(), at);
    let mut rows = RowScope {
        relation: from.relation,
        name: from.name.clone(),
        schema: catalog.schema(&from.relation.base),
        windowed: false,
    };
    let (keys, last) = number_order(catalog, call, &mut rows, call_at).map_err(one)?;
    let mut filters = from.relation.filters.clone();
    if let Some(node) = &inner.selection {
        filters.push(condition(node, &mut rows, words.find("WHERE", from.at)).map_err(one)?);
    }
    let others: Vec<SelectItem> =
        inner.projection.iter().filter(|item| !is_number(item)).cloned().collect();
    let columns = output_columns(&others, &mut rows, at)?;
    let columns = columns.into_iter().map(|column| (column.name, column.expr)).collect();
    let relation = Relation { base: from.relation.base.clone(), columns, filters };
    let number = alias.value.clone();
    if relation.column(&number).is_some() {
        return Err(refuse_at(call_at, "the number has the name of a column"));
    }
    Ok(Numbered { relation, table: from.relation, number, keys, last, from_at: from.at })
}

fn is_number(item: &SelectItem) -> bool {
    matches!(item, SelectItem::ExprWithAlias { expr: ast::Expr::Function(call), .. } if call.over.is_some())
}

/// `ROW_NUMBER() OVER (PARTITION BY … ORDER BY event time)`: keys, and whether the last row is the first.
fn number_order(
    catalog: &Catalog<'_>,
    call: &ast::Function,
    rows: &mut RowScope<'_>,
    at: Location,
) -> Result<(Vec<(KeyColumn, Expr)>, bool), Refusal> {
    let refused = |message: String| Refusal::at(at, message, FORM);
    let plain = ast::Function { over: None, ..call.clone() };
    if !plain.to_string().eq_ignore_ascii_case("row_number()") {
        return Err(refused(format!("{plain} in a subquery is not supported")));
    }
    let Some(WindowType::WindowSpec(spec)) = &call.over else {
        return Err(refused("a named window is not supported".to_owned()));
    };
    let WindowSpec { window_name: None, partition_by, order_by, window_frame: None } = spec else {
        return Err(refused("ROW_NUMBER takes no frame".to_owned()));
    };
    if partition_by.is_empty() {
        return Err(refused("ROW_NUMBER without PARTITION BY would have one key".to_owned()));
    }
    let mut keys: Vec<(KeyColumn, Expr)> = Vec::new();
    for node in partition_by {
        let at = start_of(node.span(), at);
        let expr = plan(node, rows, at)?;
        let expr = simplify(expr, rows, at)?;
        let name = canonical(&expr, rows.schema).map_err(|e| refuse(at, &e))?;
        let (expr, kind) = types::settle(expr, rows.schema, at)?;
        if ListItem::of(kind).is_none() || matches!(expr, Expr::Literal(..)) {
            return Err(Refusal::at(at, format!("{node} is no key"), FORM));
        }
        if !keys.iter().any(|(_, known)| *known == expr) {
            keys.push((KeyColumn { name, kind }, expr));
        }
    }
    let [order] = order_by.as_slice() else {
        return Err(refused("ROW_NUMBER is ordered by the event time alone".to_owned()));
    };
    let at = start_of(order.expr.span(), at);
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
    Ok((keys, order.options.asc == Some(false)))
}

/// Takes `number = 1` out of the condition; gives the rest.
fn only_first(
    condition: Option<&ast::Expr>,
    number: &str,
    at: Location,
) -> Result<Option<ast::Expr>, Refusal> {
    let mut parts = Vec::new();
    let mut open: Vec<&ast::Expr> = condition.into_iter().collect();
    while let Some(node) = open.pop() {
        match node {
            ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
                open.extend([right.as_ref(), left.as_ref()]);
            }
            ast::Expr::Nested(inner) => open.push(inner),
            other => parts.push(other),
        }
    }
    let is_name =
        |node: &ast::Expr| matches!(node, ast::Expr::Identifier(name) if name.value == number);
    let about: Vec<&ast::Expr> = parts
        .iter()
        .copied()
        .filter(|node| match node {
            ast::Expr::BinaryOp { left, right, .. } => is_name(left) || is_name(right),
            _ => false,
        })
        .collect();
    let message = match about.as_slice() {
        [ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Eq, right }]
            if left.to_string() == "1" || right.to_string() == "1" =>
        {
            let others = parts.into_iter().filter(|node| *node != about[0]).cloned();
            return Ok(others.reduce(|left, right| ast::Expr::BinaryOp {
                left: Box::new(left),
                op: ast::BinaryOperator::And,
                right: Box::new(right),
            }));
        }
        [] => format!("of the rows of a key only the one with {number} = 1 can be taken"),
        [node, ..] => {
            format!("{node} is not supported: of the rows of a key only one can be taken")
        }
    };
    let at = about.first().map_or(at, |node| start_of(node.span(), at));
    Err(Refusal::at(at, message, format!("write {number} = 1")))
}

/// Names after the numbering: keys, and what the row of a key has in the other columns.
struct RankedScope {
    name: String,
    /// With the result column that each is.
    columns: Vec<(String, Expr)>,
    aggregates: Vec<AggregateCall>,
    schema: DFSchema,
}

impl RankedScope {
    fn new(
        found: &Numbered<'_>,
        name: String,
        rows: &DFSchema,
        at: Location,
    ) -> Result<Self, Refusal> {
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
        let schema = result_schema(&found.keys, &aggregates)?;
        Ok(Self { name, columns, aggregates, schema })
    }

    fn check_qualifier(&self, qualifier: Option<&str>, at: Location) -> Result<(), Refusal> {
        match qualifier {
            Some(qualifier) if qualifier != self.name => {
                Err(Refusal::at(at, format!("there is no table '{qualifier}' here"), FORM))
            }
            _ => Ok(()),
        }
    }
}

fn result_column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

impl ListScope for RankedScope {
    fn star(&self, qualifier: Option<&str>, at: Location) -> Result<Vec<(String, Expr)>, Refusal> {
        self.check_qualifier(qualifier, at)?;
        Ok(self.columns.clone())
    }

    fn as_scope(&mut self) -> &mut dyn Scope {
        self
    }
}

impl Scope for RankedScope {
    fn schema(&self) -> &DFSchema {
        &self.schema
    }

    fn column(&self, qualifier: Option<&str>, name: &str, at: Location) -> Result<Expr, Refusal> {
        self.check_qualifier(qualifier, at)?;
        if let Some((_, expr)) = self.columns.iter().find(|(column, _)| column == name) {
            return Ok(expr.clone());
        }
        let known: Vec<&str> = self.columns.iter().map(|(c, _)| c.as_str()).collect();
        let supported = format!("columns are {}", known.join(", "));
        Err(Refusal::at(at, format!("there is no column '{name}'"), supported))
    }

    fn aggregate(
        &mut self,
        name: &str,
        _call: &ast::Function,
        at: Location,
    ) -> Result<Expr, Refusal> {
        Err(Refusal::at(at, format!("the aggregate {name} is not possible here"), FORM))
    }

    fn whole(&self, _node: &ast::Expr) -> Option<Expr> {
        None
    }
}
