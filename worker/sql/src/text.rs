//! The canonical text of an expression: names state columns, shows plans, and is what fingerprints are of. So two
//! expressions of different meaning never have the same text: operators stand in parentheses, text literals in
//! quotes, unusual names in double quotes.

use datafusion_common::ScalarValue;
use datafusion_expr::Operator;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::ScalarFunctionExpr;
use datafusion_physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr,
    Literal, NegativeExpr, NotExpr, TryCastExpr,
};

use arrow::datatypes::DataType;
use dataflow::ColumnKind;

/// Canonical text.
pub(crate) fn text(expr: &dyn PhysicalExpr) -> String {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return name(column.name());
    }
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        return value(literal.value());
    }
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        return format!(
            "({} {} {})",
            text(binary.left().as_ref()),
            operator(*binary.op()),
            text(binary.right().as_ref())
        );
    }
    if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
        return format!("{}({})", call.name(), children(expr).join(", "));
    }
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        return format!("CAST({} AS {})", text(cast.expr().as_ref()), type_name(cast.cast_type()));
    }
    if let Some(cast) = expr.downcast_ref::<TryCastExpr>() {
        let target = type_name(cast.cast_type());
        return format!("TRY_CAST({} AS {target})", text(cast.expr().as_ref()));
    }
    if let Some(list) = expr.downcast_ref::<InListExpr>() {
        let items: Vec<String> = list.list().iter().map(|item| text(item.as_ref())).collect();
        let not = if list.negated() { "NOT " } else { "" };
        return format!("({} {not}IN ({}))", text(list.expr().as_ref()), items.join(", "));
    }
    if let Some(like) = expr.downcast_ref::<LikeExpr>() {
        let not = if like.negated() { "NOT " } else { "" };
        let word = if like.case_insensitive() { "ILIKE" } else { "LIKE" };
        let (expr, pattern) = (text(like.expr().as_ref()), text(like.pattern().as_ref()));
        return format!("({expr} {not}{word} {pattern})");
    }
    if let Some(case) = expr.downcast_ref::<CaseExpr>() {
        return case_text(case);
    }
    one_argument(expr)
}

fn one_argument(expr: &dyn PhysicalExpr) -> String {
    let children = children(expr).join(", ");
    if expr.downcast_ref::<NotExpr>().is_some() {
        format!("(NOT {children})")
    } else if expr.downcast_ref::<NegativeExpr>().is_some() {
        format!("(- {children})")
    } else if expr.downcast_ref::<IsNullExpr>().is_some() {
        format!("({children} IS NULL)")
    } else if expr.downcast_ref::<IsNotNullExpr>().is_some() {
        format!("({children} IS NOT NULL)")
    } else {
        // No other node comes out of the planner; if one does, its full structure is unambiguous.
        format!("{expr:?}")
    }
}

fn children(expr: &dyn PhysicalExpr) -> Vec<String> {
    expr.children().iter().map(|child| text(child.as_ref())).collect()
}

fn case_text(case: &CaseExpr) -> String {
    let mut words = vec!["CASE".to_owned()];
    words.extend(case.expr().map(|operand| text(operand.as_ref())));
    for (when, then) in case.when_then_expr() {
        words.push(format!("WHEN {} THEN {}", text(when.as_ref()), text(then.as_ref())));
    }
    words.extend(case.else_expr().map(|otherwise| format!("ELSE {}", text(otherwise.as_ref()))));
    words.push("END".to_owned());
    words.join(" ")
}

fn operator(op: Operator) -> String {
    if op == Operator::NotEq { "<>".to_owned() } else { op.to_string().to_uppercase() }
}

/// A name as it would be written in SQL.
pub(crate) fn name(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && name.chars().next().is_some_and(|c| !c.is_numeric());
    // Result columns of aggregates are called like `count(*)`: shown as they are.
    let call = name.ends_with(')');
    if plain || call { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn type_name(data_type: &DataType) -> String {
    ColumnKind::of(data_type).map_or_else(|| data_type.to_string(), |kind| kind.to_string())
}

fn value(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Utf8(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        ScalarValue::Int64(Some(number)) => number.to_string(),
        ScalarValue::Float64(Some(number)) => format!("{number:?}"),
        ScalarValue::Boolean(Some(value)) => value.to_string().to_uppercase(),
        ScalarValue::IntervalMonthDayNano(Some(interval)) => {
            format!(
                "INTERVAL '{}' MONTH '{}' DAY '{}' NANOSECOND",
                interval.months, interval.days, interval.nanoseconds
            )
        }
        null if null.is_null() => format!("CAST(NULL AS {})", type_name(&null.data_type())),
        other => format!("{} '{other}'", type_name(&other.data_type())),
    }
}
