//! Calls of aggregate functions.

use dataflow::limits::ARRAY_ITEMS_MAX;
use dataflow::{Aggregate, ColumnKind, Function};
use datafusion_expr::expr::Case;
use datafusion_expr::{Expr, cast, lit};
use datafusion_sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Spanned,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::expression::call::argument_list;
use crate::expression::{plan, refuse, simplify};
use crate::parse::start_of;
use crate::physical::canonical;
use crate::refusal::Refusal;
use crate::scope::RowScope;
use crate::types;

/// An aggregate and its argument over the columns of rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AggregateCall {
    pub(crate) aggregate: Aggregate,
    pub(crate) argument: Option<Expr>,
}

/// Plans a call, its argument over the rows.
pub(crate) fn aggregate_call(
    name: &str,
    call: &ast::Function,
    rows: &mut RowScope<'_>,
    at: Location,
) -> Result<AggregateCall, Refusal> {
    let (function, call) = &function(name, call, at)?;
    let function = *function;
    check_unordered(function, rows, name, at)?;
    let filter = call.filter.as_deref().map(|node| condition(node, rows, at)).transpose()?;
    let call = ast::Function { filter: None, ..call.clone() };
    let argument = match argument_list(&call, at)? {
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] if function == Function::Count => None,
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(node))] => {
            let expr = plan(node, rows, at)?;
            Some(simplify(expr, rows, at)?)
        }
        _ => {
            let supported =
                if function == Function::Count { "count(*) or count(x)" } else { "one argument" };
            let message = format!("{name} does not take these arguments");
            return Err(Refusal::at(at, message, format!("write {supported}")));
        }
    };
    let Some(argument) = argument else {
        let aggregate = Aggregate { name: "count(*)".to_owned(), function, argument: None };
        let Some((filter, text)) = filter else {
            return Ok(AggregateCall { aggregate, argument: None });
        };
        let name = format!("count(*) {text}");
        let aggregate = Aggregate { name, function, argument: Some(ColumnKind::Int64) };
        return Ok(AggregateCall { aggregate, argument: Some(only_where(filter, lit(1i64))) });
    };
    // Named before any cast that is only ours: the state column's name must not change with it.
    let text = canonical(&argument, rows.schema).map_err(|e| refuse(at, &e))?;
    let (argument, kind) = types::settle(argument, rows.schema, at)?;
    let (argument, kind) = match wider(function, kind) {
        Some(wider) => (cast(argument, wider.data_type()), wider),
        None => (argument, kind),
    };
    if function.result_kind(Some(kind)).is_none() {
        let supported = match (function, kind) {
            (Function::Avg, ColumnKind::Decimal(..)) => "cast it to DOUBLE",
            (Function::Min | Function::Max, _) => "it takes numbers, text and times",
            _ => "it takes numbers",
        };
        return Err(Refusal::at(at, format!("{name} does not take {kind}"), supported));
    }
    let mut name = canonical_name(function, &text);
    let argument = match filter {
        Some((filter, text)) => {
            name = format!("{name} {text}");
            only_where(filter, argument)
        }
        None => argument,
    };
    let aggregate = Aggregate { name, function, argument: Some(kind) };
    Ok(AggregateCall { aggregate, argument: Some(argument) })
}

fn canonical_name(function: Function, argument: &str) -> String {
    match function {
        Function::CountDistinct => format!("count(DISTINCT {argument})"),
        Function::ArrayAgg { limit } => format!("array_agg({argument} LIMIT {limit})"),
        other => format!("{}({argument})", other.text()),
    }
}

/// The function, and the call without what only this function takes.
fn function(
    name: &str,
    call: &ast::Function,
    at: Location,
) -> Result<(Function, ast::Function), Refusal> {
    let mut call = call.clone();
    let function = match (name, &mut call.args) {
        ("count", FunctionArguments::List(list))
            if list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct) =>
        {
            list.duplicate_treatment = None;
            Function::CountDistinct
        }
        ("count", _) => Function::Count,
        ("array_agg", FunctionArguments::List(list)) => {
            Function::ArrayAgg { limit: array_limit(list, at)? }
        }
        ("approx_distinct" | "approx_count_distinct", _) => Function::ApproxDistinct,
        ("first_value", _) => Function::FirstValue,
        ("last_value", _) => Function::LastValue,
        ("sum", _) => Function::Sum,
        ("min", _) => Function::Min,
        ("max", _) => Function::Max,
        ("avg", _) => Function::Avg,
        ("var_pop", _) => Function::Variance { sample: false },
        ("var_samp" | "variance", _) => Function::Variance { sample: true },
        ("stddev_pop", _) => Function::Deviation { sample: false },
        _ => Function::Deviation { sample: true },
    };
    Ok((function, call))
}

/// Takes the `LIMIT` out of the list.
fn array_limit(list: &mut ast::FunctionArgumentList, at: Location) -> Result<u32, Refusal> {
    let bound = format!(
        "write array_agg(x LIMIT n), n from 1 to {ARRAY_ITEMS_MAX}: the first n values by event time are kept"
    );
    let limit = match list.clauses.as_slice() {
        [] => {
            let message = "array_agg has no LIMIT: its arrays could grow for ever";
            return Err(Refusal::at(at, message, bound));
        }
        [FunctionArgumentClause::Limit(limit)] => limit.clone(),
        [clause, ..] => {
            let message = format!("{clause} in array_agg is not supported");
            return Err(Refusal::at(at, message, bound));
        }
    };
    list.clauses.clear();
    let found = limit.to_string().parse().ok().filter(|n| (1..=ARRAY_ITEMS_MAX).contains(n));
    found.ok_or_else(|| {
        let at = start_of(limit.span(), at);
        Refusal::at(at, format!("LIMIT {limit} of array_agg is not possible"), bound)
    })
}

/// The type that an argument is cast to.
fn wider(function: Function, kind: ColumnKind) -> Option<ColumnKind> {
    use ColumnKind as K;
    match (function, kind) {
        (Function::Sum | Function::Avg, K::Int32) => Some(K::Int64),
        (
            Function::Variance { .. } | Function::Deviation { .. },
            K::Int32 | K::Int64 | K::Decimal(..),
        ) => Some(K::Float64),
        _ => None,
    }
}

/// The condition of `FILTER (WHERE …)` and its canonical text.
fn condition(
    node: &ast::Expr,
    rows: &mut RowScope<'_>,
    outer: Location,
) -> Result<(Expr, String), Refusal> {
    let at = start_of(node.span(), outer);
    let expr = plan(node, rows, at)?;
    let expr = simplify(expr, rows, at)?;
    match types::settle(expr, rows.schema, at)? {
        (expr, ColumnKind::Boolean) => {
            let text = canonical(&expr, rows.schema).map_err(|e| refuse(at, &e))?;
            Ok((expr, format!("FILTER (WHERE {text})")))
        }
        (_, other) => Err(Refusal::at(at, format!("FILTER is {other}"), "it must be BOOLEAN")),
    }
}

/// The value where the condition holds, else null, which every aggregate with an argument skips.
fn only_where(condition: Expr, value: Expr) -> Expr {
    Expr::Case(Case::new(None, vec![(Box::new(condition), Box::new(value))], None))
}

/// Over results of windows nothing depends on their order.
fn check_unordered(
    function: Function,
    rows: &RowScope<'_>,
    name: &str,
    at: Location,
) -> Result<(), Refusal> {
    let over_windows = rows.relation.base.view().is_some();
    if over_windows
        && matches!(
            function,
            Function::FirstValue | Function::LastValue | Function::ArrayAgg { .. }
        )
    {
        let message = format!("{name} over results of windows is not supported");
        let supported = "results of one window have one time, so none of them is the first";
        return Err(Refusal::at(at, message, supported));
    }
    Ok(())
}
