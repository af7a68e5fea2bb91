//! Expressions: from the syntax tree to typed expressions. A node without a branch here is refused.

pub(crate) mod call;
mod literal;

use datafusion_common::DataFusionError;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion, TreeNodeRewriter};
use datafusion_expr::expr::{Case, InList};
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{Between, BinaryExpr, Expr, Like, Operator, cast, try_cast};
use datafusion_optimizer::analyzer::type_coercion::TypeCoercionRewriter;
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_sql::sqlparser::ast::{self, BinaryOperator as B, Spanned, UnaryOperator};
use datafusion_sql::sqlparser::tokenizer::Location;
use std::sync::Arc;

use arrow::datatypes::DataType;
pub(crate) use literal::interval_ms;

use crate::limits::{CHAIN_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_PARTS_MAX};
use crate::parse::start_of;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::types;

const NODES: &str = "supported are columns, literals, arithmetic, comparisons, AND, OR, NOT, IS NULL, IN (list), \
                     BETWEEN, LIKE, CASE, CAST, TRY_CAST and functions";

/// An expression in a scope, with its types made to agree.
pub(crate) fn plan(
    node: &ast::Expr,
    scope: &mut dyn Scope,
    outer: Location,
) -> Result<Expr, Refusal> {
    check_chain(node, outer)?;
    let at = start_of(node.span(), outer);
    if let Some(expr) = scope.whole(node) {
        return Ok(expr);
    }
    let expr = match node {
        ast::Expr::Nested(inner) => return plan(inner, scope, at),
        ast::Expr::Identifier(name) => return scope.column(None, &name.value, at),
        ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] => return scope.column(Some(&table.value), &name.value, at),
            _ => return Err(Refusal::at(at, format!("{node} is not a column"), NODES)),
        },
        ast::Expr::Value(value) => return literal::value(&value.value, at),
        ast::Expr::TypedString(typed) => literal::typed(typed, at)?,
        ast::Expr::Interval(interval) => return literal::interval(interval, at),
        ast::Expr::Function(_)
        | ast::Expr::Ceil { .. }
        | ast::Expr::Floor { .. }
        | ast::Expr::Substring { .. }
        | ast::Expr::Trim { .. } => call::plan(node, scope, at)?,
        _ => operator(node, scope, at)?,
    };
    coerce(expr, scope, at)
}

/// Long chains of operators are deep trees: refused before anything walks them.
fn check_chain(node: &ast::Expr, at: Location) -> Result<(), Refusal> {
    let mut node = node;
    for _ in 0..CHAIN_MAX {
        match node {
            ast::Expr::BinaryOp { left, .. } => node = left,
            _ => return Ok(()),
        }
    }
    let message = format!("more than {CHAIN_MAX} operators in a row");
    Err(Refusal::at(at, message, "use IN (list), or parentheses or views in between"))
}

fn operator(node: &ast::Expr, scope: &mut dyn Scope, at: Location) -> Result<Expr, Refusal> {
    let mut inner = |node: &ast::Expr| plan(node, scope, at).map(Box::new);
    Ok(match node {
        ast::Expr::IsNull(e) => Expr::IsNull(inner(e)?),
        ast::Expr::IsNotNull(e) => Expr::IsNotNull(inner(e)?),
        ast::Expr::IsTrue(e) => Expr::IsTrue(inner(e)?),
        ast::Expr::IsNotTrue(e) => Expr::IsNotTrue(inner(e)?),
        ast::Expr::IsFalse(e) => Expr::IsFalse(inner(e)?),
        ast::Expr::IsNotFalse(e) => Expr::IsNotFalse(inner(e)?),
        ast::Expr::IsUnknown(e) => Expr::IsUnknown(inner(e)?),
        ast::Expr::IsNotUnknown(e) => Expr::IsNotUnknown(inner(e)?),
        ast::Expr::IsDistinctFrom(a, b) => binary(inner(a)?, Operator::IsDistinctFrom, inner(b)?),
        ast::Expr::IsNotDistinctFrom(a, b) => {
            binary(inner(a)?, Operator::IsNotDistinctFrom, inner(b)?)
        }
        ast::Expr::InList { expr, list, negated } => {
            let expr = inner(expr)?;
            let list = list.iter().map(|e| inner(e).map(|e| *e)).collect::<Result<_, _>>()?;
            Expr::InList(InList::new(expr, list, *negated))
        }
        ast::Expr::Between { expr, negated, low, high } => {
            Expr::Between(Between::new(inner(expr)?, *negated, inner(low)?, inner(high)?))
        }
        ast::Expr::BinaryOp { left, op, right } => {
            let operator = binary_operator(op).ok_or_else(|| {
                Refusal::at(at, format!("the operator {op} is not supported"), NODES)
            })?;
            binary(inner(left)?, operator, inner(right)?)
        }
        ast::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
            let escape = literal::escape(escape_char.as_ref(), at)?;
            Expr::Like(Like::new(*negated, inner(expr)?, inner(pattern)?, escape, false))
        }
        ast::Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
            let escape = literal::escape(escape_char.as_ref(), at)?;
            Expr::Like(Like::new(*negated, inner(expr)?, inner(pattern)?, escape, true))
        }
        ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => Expr::Not(inner(expr)?),
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            match literal::negative(expr, at)? {
                Some(number) => number,
                None => Expr::Negative(inner(expr)?),
            }
        }
        ast::Expr::UnaryOp { op: UnaryOperator::Plus, expr } => *inner(expr)?,
        ast::Expr::Case { .. } => return case(node, scope, at),
        ast::Expr::Cast { kind, expr, data_type, array: false, format: None } => {
            let target = types::written(data_type, at)?.data_type();
            let expr = *inner(expr)?;
            match kind {
                ast::CastKind::Cast | ast::CastKind::DoubleColon => cast(expr, target),
                ast::CastKind::TryCast | ast::CastKind::SafeCast => try_cast(expr, target),
            }
        }
        other => {
            return Err(Refusal::at(at, format!("{} is not supported", shorten(other)), NODES));
        }
    })
}

fn case(node: &ast::Expr, scope: &mut dyn Scope, at: Location) -> Result<Expr, Refusal> {
    let ast::Expr::Case { operand, conditions, else_result, .. } = node else {
        return Err(Refusal::at(at, format!("{node} is not supported"), NODES));
    };
    let mut inner = |node: &ast::Expr| plan(node, scope, at).map(Box::new);
    let operand = operand.as_ref().map(|e| inner(e)).transpose()?;
    let mut branches = Vec::with_capacity(conditions.len());
    for when in conditions {
        branches.push((inner(&when.condition)?, inner(&when.result)?));
    }
    let otherwise = else_result.as_ref().map(|e| inner(e)).transpose()?;
    Ok(Expr::Case(Case::new(operand, branches, otherwise)))
}

fn shorten(node: &ast::Expr) -> String {
    let text = node.to_string();
    if text.chars().count() <= 60 {
        return text;
    }
    text.chars().take(59).chain(['…']).collect()
}

fn binary(left: Box<Expr>, op: Operator, right: Box<Expr>) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(left, op, right))
}

fn binary_operator(op: &B) -> Option<Operator> {
    Some(match op {
        B::Plus => Operator::Plus,
        B::Minus => Operator::Minus,
        B::Multiply => Operator::Multiply,
        B::Divide => Operator::Divide,
        B::Modulo => Operator::Modulo,
        B::StringConcat => Operator::StringConcat,
        B::Gt => Operator::Gt,
        B::Lt => Operator::Lt,
        B::GtEq => Operator::GtEq,
        B::LtEq => Operator::LtEq,
        B::Eq => Operator::Eq,
        B::NotEq => Operator::NotEq,
        B::And => Operator::And,
        B::Or => Operator::Or,
        _ => return None,
    })
}

/// Adds the casts that make the types of a node agree; refuses it here if none do. Its parts have been through this.
fn coerce(expr: Expr, scope: &dyn Scope, at: Location) -> Result<Expr, Refusal> {
    let schema = scope.schema();
    let mut rewriter = TypeCoercionRewriter::new(schema);
    rewriter.f_up(expr).map(|done| done.data).map_err(|e| refuse(at, &e))
}

/// Folds constants and simplifies. Errors that any row would raise come out here.
pub(crate) fn simplify(expr: Expr, scope: &dyn Scope, at: Location) -> Result<Expr, Refusal> {
    check_size(&expr, at)?;
    check_arrays(&expr, scope, at)?;
    simplifier(scope.schema()).simplify(expr).map_err(|e| refuse(at, &e))
}

/// Arrays are results: nothing is computed from them.
fn check_arrays(expr: &Expr, scope: &dyn Scope, at: Location) -> Result<(), Refusal> {
    if matches!(expr, Expr::Column(_)) {
        return Ok(());
    }
    let is_array = |column: &&datafusion_common::Column| {
        let field = scope.schema().field_with_unqualified_name(&column.name);
        field.is_ok_and(|field| matches!(field.data_type(), DataType::List(_)))
    };
    match expr.column_refs().into_iter().find(is_array) {
        Some(column) => {
            let message = format!("the array {} is part of an expression", column.name);
            Err(Refusal::at(at, message, "an array can be a column of a sink and nothing else"))
        }
        None => Ok(()),
    }
}

/// Views are written out, so short texts can grow: refused while what walks expressions still can.
fn check_size(expr: &Expr, at: Location) -> Result<(), Refusal> {
    let mut parts = 0;
    let mut rest = vec![(expr, 1)];
    while let Some((expr, depth)) = rest.pop() {
        parts += 1;
        if parts > EXPRESSION_PARTS_MAX || depth > EXPRESSION_DEPTH_MAX {
            let message = format!(
                "with its views written out the expression has more than {EXPRESSION_PARTS_MAX} parts or \
                 {EXPRESSION_DEPTH_MAX} levels"
            );
            return Err(Refusal::at(at, message, "use fewer views in a row, or simpler ones"));
        }
        let below = expr.apply_children(|child| {
            rest.push((child, depth + 1));
            Ok(TreeNodeRecursion::Continue)
        });
        below.map_err(|e| refuse(at, &e))?;
    }
    Ok(())
}

fn simplifier(schema: &datafusion_common::DFSchema) -> ExprSimplifier {
    ExprSimplifier::new(SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build())
}

/// An error of the expression library as a refusal: its first line.
pub(crate) fn refuse(at: Location, error: &DataFusionError) -> Refusal {
    let text = error.strip_backtrace();
    let text = text.lines().next().unwrap_or_default();
    let plain = [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "This feature is not implemented: ",
    ];
    let text = plain.iter().fold(text, |text, prefix| text.trim_start_matches(prefix));
    Refusal::at(at, text.to_owned(), "")
}
