//! A `SELECT`: stateless, or with `GROUP BY`.

use std::collections::BTreeSet;

use dataflow::{ColumnKind, WindowKind};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{
    self, Query, SelectItem, SelectItemQualifiedWildcardKind, Spanned, WildcardAdditionalOptions,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::expression::{plan, simplify};
use crate::grouped::{WindowSelect, plan_window};
use crate::limits::COLUMNS_MAX;
use crate::over::OverScope;
use crate::parse::{Words, start_of};
use crate::refusal::Refusal;
use crate::relation::{Base, Catalog};
use crate::scope::{RowScope, Scope};
use crate::table_function::from;
use crate::{ranked, syntax, types};

/// A named result column.
#[derive(Debug, Clone)]
pub(crate) struct OutputColumn {
    pub(crate) name: String,
    pub(crate) expr: Expr,
    pub(crate) kind: ColumnKind,
    pub(crate) at: Location,
}

/// A planned `SELECT`.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    pub(crate) base: Base,
    /// Over the columns of the base, first to evaluate first.
    pub(crate) filters: Vec<Expr>,
    pub(crate) body: Body,
    /// The columns that a row has before it is grouped, over the columns of the base.
    pub(crate) rows: Vec<(String, Expr)>,
    /// Where the `SELECT` stands.
    pub(crate) at: Location,
    /// Where its `FROM` stands.
    pub(crate) from_at: Location,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// Over the columns of the base.
    Rows(Vec<OutputColumn>),
    Window(Box<WindowSelect>),
}

pub(crate) fn plan_select(
    catalog: &Catalog<'_>,
    query: &Query,
    words: &Words,
) -> Result<Selected, Vec<Refusal>> {
    let one = |fault: Refusal| vec![fault];
    let outer = start_of(query.span(), words.start());
    let select = syntax::select(query, words, outer).map_err(one)?;
    if let Some(subquery) = ranked::derived(select) {
        return ranked::plan_ranked(catalog, select, subquery, words);
    }
    let at = start_of(select.select_token.0.span, outer);
    let from = from(catalog, select, words).map_err(one)?;
    let mut rows = RowScope {
        relation: from.relation,
        name: from.name.clone(),
        schema: catalog.schema(&from.relation.base),
        windowed: from.window.is_some(),
    };
    let mut faults = Vec::new();
    let mut filters = from.relation.filters.clone();
    if let Some(node) = &select.selection {
        match condition(node, &mut rows, words.find("WHERE", from.at)) {
            Ok(filter) => filters.push(filter),
            Err(fault) => faults.push(fault),
        }
    }
    let grouped = !syntax::group_by(select, words, at).map_err(one)?.is_empty();
    let window = from.window.or(grouped.then_some(WindowKind::All));
    let body = match window {
        Some(WindowKind::All) if from.relation.base.view().is_some() => {
            let message = "GROUP BY without a window over results of windows is not supported";
            let at = words.find("GROUP", from.at);
            return Err(one(Refusal::at(
                at,
                message,
                "put a window over them, by their window_time",
            )));
        }
        Some(window) => plan_window(select, rows, window, words).map(|w| Body::Window(Box::new(w))),
        None => plan_rows(catalog, select, rows, words, at),
    };
    let body = body.map_err(|found| {
        faults.extend(found);
        std::mem::take(&mut faults)
    })?;
    if !faults.is_empty() {
        return Err(faults);
    }
    let (base, rows) = (from.relation.base.clone(), from.relation.columns.clone());
    Ok(Selected { base, filters, body, rows, at, from_at: from.at })
}

fn plan_rows(
    catalog: &Catalog<'_>,
    select: &ast::Select,
    rows: RowScope<'_>,
    words: &Words,
    at: Location,
) -> Result<Body, Vec<Refusal>> {
    if select.having.is_some() {
        let at = words.find("HAVING", at);
        return Err(vec![Refusal::at(at, "HAVING without GROUP BY is not supported", "use WHERE")]);
    }
    let mut scope = OverScope::new(catalog.query, rows);
    let columns = output_columns(&select.projection, &mut scope, at)?;
    scope.body(columns, at).map_err(|e| vec![e])
}

/// What `WHERE` demands.
pub(crate) fn condition(
    node: &ast::Expr,
    rows: &mut dyn Scope,
    outer: Location,
) -> Result<Expr, Refusal> {
    let at = start_of(node.span(), outer);
    let expr = plan(node, rows, at)?;
    let expr = simplify(expr, rows, at)?;
    match types::settle(expr, rows.schema(), at)? {
        (expr, ColumnKind::Boolean) => Ok(expr),
        (_, other) => Err(Refusal::at(at, format!("WHERE is {other}"), "it must be BOOLEAN")),
    }
}

/// The result columns of a select list.
pub(crate) fn output_columns(
    items: &[SelectItem],
    scope: &mut dyn ListScope,
    outer: Location,
) -> Result<Vec<OutputColumn>, Vec<Refusal>> {
    let mut columns = Vec::new();
    let mut faults = Vec::new();
    for item in items {
        let at = start_of(item.span(), outer);
        match item_columns(item, scope, at) {
            Ok(found) => columns.extend(found),
            Err(fault) => faults.push(fault),
        }
    }
    let mut names = BTreeSet::new();
    for column in &columns {
        if !names.insert(column.name.as_str()) {
            let message = format!("two columns are called '{}'", column.name);
            faults.push(Refusal::at(column.at, message, "rename one with AS"));
        }
        if column.name.starts_with("__") {
            let message = format!("the name '{}' starts with '__'", column.name);
            faults.push(Refusal::at(column.at, message, "such names are reserved"));
        }
    }
    if columns.len() > COLUMNS_MAX {
        faults.push(Refusal::at(outer, format!("more than {COLUMNS_MAX} columns"), ""));
    }
    if faults.is_empty() { Ok(columns) } else { Err(faults) }
}

/// A scope that a select list can stand in.
pub(crate) trait ListScope: Scope {
    /// What `*` stands for.
    fn star(&self, qualifier: Option<&str>, at: Location) -> Result<Vec<(String, Expr)>, Refusal>;
    fn as_scope(&mut self) -> &mut dyn Scope;
}

impl ListScope for RowScope<'_> {
    fn star(&self, qualifier: Option<&str>, at: Location) -> Result<Vec<(String, Expr)>, Refusal> {
        self.check_qualifier(qualifier, at)?;
        Ok(self.relation.columns.clone())
    }

    fn as_scope(&mut self) -> &mut dyn Scope {
        self
    }
}

fn item_columns(
    item: &SelectItem,
    scope: &mut dyn ListScope,
    at: Location,
) -> Result<Vec<OutputColumn>, Refusal> {
    let plain = |options: &WildcardAdditionalOptions| {
        let wildcard_token = options.wildcard_token.clone();
        let same = WildcardAdditionalOptions { wildcard_token, ..Default::default() } == *options;
        let message = "a clause after * is not supported";
        if same { Ok(()) } else { Err(Refusal::at(at, message, "name the columns")) }
    };
    let (node, name) = match item {
        SelectItem::UnnamedExpr(node) => (node, column_name(node, at)?),
        SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value.clone()),
        SelectItem::Wildcard(options) => {
            plain(options)?;
            return starred(scope.star(None, at)?, scope, at);
        }
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            options,
        ) => {
            plain(options)?;
            let (name, at) = syntax::single_name(name, at)?;
            return starred(scope.star(Some(&name), at)?, scope, at);
        }
        other => {
            return Err(Refusal::at(
                at,
                format!("{other} is not supported"),
                "write expression AS name",
            ));
        }
    };
    let expr = plan(node, scope.as_scope(), at)?;
    let expr = simplify(expr, scope.as_scope(), at)?;
    let (expr, kind) = types::settle(expr, scope.schema(), at)?;
    Ok(vec![OutputColumn { name, expr, kind, at }])
}

fn starred(
    columns: Vec<(String, Expr)>,
    scope: &dyn ListScope,
    at: Location,
) -> Result<Vec<OutputColumn>, Refusal> {
    let settle = |(name, expr)| {
        let (expr, kind) = types::settle(expr, scope.schema(), at)?;
        Ok(OutputColumn { name, expr, kind, at })
    };
    columns.into_iter().map(settle).collect()
}

fn column_name(node: &ast::Expr, at: Location) -> Result<String, Refusal> {
    match node {
        ast::Expr::Identifier(name) => Ok(name.value.clone()),
        ast::Expr::CompoundIdentifier(parts) if parts.len() == 2 => Ok(parts[1].value.clone()),
        ast::Expr::Nested(inner) => column_name(inner, at),
        _ => Err(Refusal::at(at, format!("the column {node} has no name"), "write AS name")),
    }
}
