//! Calls of aggregate functions.

use dataflow::{Aggregate, ColumnKind, Function};
use datafusion_expr::{Expr, cast};
use datafusion_sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::expression::call::argument_list;
use crate::expression::{plan, refuse, simplify};
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
    let function = match name {
        "count" => Function::Count,
        "sum" => Function::Sum,
        "min" => Function::Min,
        "max" => Function::Max,
        _ => Function::Avg,
    };
    let argument = match argument_list(call, at)? {
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
        return Ok(AggregateCall { aggregate, argument: None });
    };
    // Named before any cast that is only ours: the state column's name must not change with it.
    let text = canonical(&argument, rows.schema).map_err(|e| refuse(at, &e))?;
    let (argument, kind) = types::settle(argument, rows.schema, at)?;
    let widen = matches!(function, Function::Sum | Function::Avg) && kind == ColumnKind::Int32;
    let (argument, kind) = if widen {
        (cast(argument, ColumnKind::Int64.data_type()), ColumnKind::Int64)
    } else {
        (argument, kind)
    };
    if function.result_kind(Some(kind)).is_none() {
        let supported = match (function, kind) {
            (Function::Avg, ColumnKind::Decimal(..)) => "cast it to DOUBLE",
            (Function::Sum | Function::Avg, _) => "it takes numbers",
            _ => "it takes numbers, text and times",
        };
        return Err(Refusal::at(at, format!("{name} does not take {kind}"), supported));
    }
    let name = format!("{name}({text})");
    let aggregate = Aggregate { name, function, argument: Some(kind) };
    Ok(AggregateCall { aggregate, argument: Some(argument) })
}
