//! What the condition over numbered rows says about the number.

use dataflow::limits::TOP_ROWS_MAX;
use datafusion_sql::sqlparser::ast::{self, BinaryOperator, Spanned};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::parse::start_of;
use crate::refusal::Refusal;

/// The number as conditions name it.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    /// Of the subquery.
    pub(super) table: &'a str,
    pub(super) column: &'a str,
}

/// How many rows the condition takes at most; gives the rest of it too.
pub(super) fn limit(
    condition: Option<&ast::Expr>,
    number: Name<'_>,
    at: Location,
) -> Result<(u32, Option<ast::Expr>), Refusal> {
    let mut found: Option<(i64, Location)> = None;
    let mut rest = Vec::new();
    for node in parts(condition) {
        let Some((most, whole)) = bound(node, number) else {
            rest.push(node);
            continue;
        };
        if found.is_none_or(|(other, _)| most < other) {
            found = Some((most, start_of(node.span(), at)));
        }
        if !whole {
            rest.push(node);
        }
    }
    let column = number.column;
    let supported = format!("write {column} <= 10, up to {TOP_ROWS_MAX}");
    let Some((most, at)) = found else {
        let message = format!("nothing says up to which {column} rows are taken");
        return Err(Refusal::at(at, message, supported));
    };
    let Ok(limit @ 1..=TOP_ROWS_MAX) = u32::try_from(most) else {
        let message = format!("rows up to {column} = {most} are not taken");
        return Err(Refusal::at(at, message, supported));
    };
    Ok((limit, joined(rest.into_iter())))
}

/// The greatest number that a condition admits, and whether it says nothing else.
fn bound(node: &ast::Expr, number: Name<'_>) -> Option<(i64, bool)> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq};
    let (op, value) = match node {
        ast::Expr::Between { expr, negated: false, high, .. } if is_name(expr, number) => {
            return Some((whole_number(high)?, false));
        }
        ast::Expr::BinaryOp { left, op, right } if is_name(left, number) => {
            (op.clone(), whole_number(right)?)
        }
        ast::Expr::BinaryOp { left, op, right } if is_name(right, number) => {
            let turned = match op {
                Gt => Lt,
                GtEq => LtEq,
                Eq => Eq,
                _ => return None,
            };
            (turned, whole_number(left)?)
        }
        _ => return None,
    };
    match op {
        LtEq => Some((value, true)),
        Lt => Some((value.checked_sub(1)?, true)),
        Eq => Some((value, value == 1)),
        _ => None,
    }
}

fn whole_number(node: &ast::Expr) -> Option<i64> {
    match node {
        ast::Expr::Nested(inner) => whole_number(inner),
        ast::Expr::Value(value) => value.to_string().parse().ok(),
        _ => None,
    }
}

fn is_name(node: &ast::Expr, number: Name<'_>) -> bool {
    match node {
        ast::Expr::Identifier(name) => name.value == number.column,
        ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] => table.value == number.table && name.value == number.column,
            _ => false,
        },
        _ => false,
    }
}

/// What stands between `AND`, from left to right.
fn parts(condition: Option<&ast::Expr>) -> Vec<&ast::Expr> {
    let mut parts = Vec::new();
    let mut open: Vec<&ast::Expr> = condition.into_iter().collect();
    while let Some(node) = open.pop() {
        match node {
            ast::Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                open.extend([right.as_ref(), left.as_ref()]);
            }
            ast::Expr::Nested(inner) => open.push(inner),
            other => parts.push(other),
        }
    }
    parts
}

fn joined<'a>(parts: impl Iterator<Item = &'a ast::Expr>) -> Option<ast::Expr> {
    parts.cloned().reduce(|left, right| ast::Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    })
}
