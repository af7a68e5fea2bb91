//! `ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) AS name` among the columns of a subquery.

use dataflow::{KeyColumn, ListItem};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{
    self, Ident, OrderByExpr, Select, SelectItem, Spanned, WindowSpec, WindowType,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::expression::{plan, refuse, simplify};
use crate::parse::start_of;
use crate::physical::canonical;
use crate::refusal::Refusal;
use crate::scope::RowScope;
use crate::types;

pub(super) fn is_number(item: &SelectItem) -> bool {
    matches!(item, SelectItem::ExprWithAlias { expr: ast::Expr::Function(call), .. } if call.over.is_some())
}

/// What numbers the rows of a subquery.
pub(super) struct Number<'a> {
    /// Its name.
    pub(super) name: &'a Ident,
    pub(super) partition_by: &'a [ast::Expr],
    pub(super) order_by: &'a [OrderByExpr],
    pub(super) at: Location,
}

/// The number of a subquery. `form`: what is supported.
pub(super) fn number<'a>(
    inner: &'a Select,
    form: &'static str,
    at: Location,
) -> Result<Number<'a>, Refusal> {
    let numbers = inner.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { expr: ast::Expr::Function(call), alias }
            if call.over.is_some() =>
        {
            Some((call, alias))
        }
        _ => None,
    });
    let numbers: Vec<_> = numbers.collect();
    let [(call, name)] = numbers.as_slice() else {
        return Err(Refusal::at(at, "a subquery numbers its rows once", form));
    };
    let at = start_of(call.span(), at);
    let refused = |message: String| Refusal::at(at, message, form);
    let plain = ast::Function { over: None, ..(*call).clone() };
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
    Ok(Number { name, partition_by, order_by, at })
}

/// Adds an expression of `PARTITION BY` to the keys, if it is not there.
pub(crate) fn take_key(
    keys: &mut Vec<(KeyColumn, Expr)>,
    node: &ast::Expr,
    rows: &mut RowScope<'_>,
    form: &'static str,
    outer: Location,
) -> Result<(), Refusal> {
    let at = start_of(node.span(), outer);
    let expr = plan(node, rows, at)?;
    let expr = simplify(expr, rows, at)?;
    let name = canonical(&expr, rows.schema).map_err(|e| refuse(at, &e))?;
    let (expr, kind) = types::settle(expr, rows.schema, at)?;
    if ListItem::of(kind).is_none() || matches!(expr, Expr::Literal(..)) {
        return Err(Refusal::at(at, format!("{node} is no key"), form));
    }
    if !keys.iter().any(|(_, known)| *known == expr) {
        keys.push((KeyColumn { name, kind }, expr));
    }
    Ok(())
}
