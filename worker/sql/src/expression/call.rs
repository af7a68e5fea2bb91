//! Calls of functions.

use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{Expr, lit};
use datafusion_sql::sqlparser::ast::{
    self, CeilFloorKind, Function, FunctionArg, FunctionArgExpr, FunctionArguments, TrimWhereField,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use super::plan as plan_expr;
use crate::functions::{self, Called};
use crate::refusal::Refusal;
use crate::scope::{AGGREGATES, Scope};

/// Functions, also those with a syntax of their own.
pub(super) fn plan(node: &ast::Expr, scope: &mut dyn Scope, at: Location) -> Result<Expr, Refusal> {
    match node {
        ast::Expr::Function(function) => named(function, scope, at),
        ast::Expr::Ceil { expr, field } => rounded("ceil", expr, field, scope, at),
        ast::Expr::Floor { expr, field } => rounded("floor", expr, field, scope, at),
        ast::Expr::Substring { expr, substring_from, substring_for, .. } => {
            let mut args = vec![plan_expr(expr, scope, at)?];
            match (substring_from, substring_for) {
                (Some(from), _) => args.push(plan_expr(from, scope, at)?),
                (None, _) => args.push(lit(1i64)),
            }
            if let Some(length) = substring_for {
                args.push(plan_expr(length, scope, at)?);
            }
            scalar("substr", args, at)
        }
        ast::Expr::Trim { trim_where, trim_what, expr, trim_characters: None } => {
            let name = match trim_where {
                None | Some(TrimWhereField::Both) => "btrim",
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
            };
            let mut args = vec![plan_expr(expr, scope, at)?];
            if let Some(what) = trim_what {
                args.push(plan_expr(what, scope, at)?);
            }
            scalar(name, args, at)
        }
        other => {
            let message = format!("this form of {other} is not supported");
            Err(Refusal::at(at, message, functions::supported()))
        }
    }
}

fn rounded(
    name: &str,
    expr: &ast::Expr,
    field: &CeilFloorKind,
    scope: &mut dyn Scope,
    at: Location,
) -> Result<Expr, Refusal> {
    if !matches!(field, CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime)) {
        let message = format!("{name} with a second argument is not supported");
        return Err(Refusal::at(at, message, "date_trunc and round take one"));
    }
    let argument = plan_expr(expr, scope, at)?;
    scalar(name, vec![argument], at)
}

fn named(function: &Function, scope: &mut dyn Scope, at: Location) -> Result<Expr, Refusal> {
    let name = function.name.to_string();
    let lower = name.to_lowercase();
    if AGGREGATES.contains(&lower.as_str()) {
        return scope.aggregate(&lower, function, at);
    }
    let list = match functions::find(&name) {
        Called::Scalar(_) => plain_arguments(function, at)?,
        Called::NotDeterministic => {
            let message = format!(
                "{name} is not supported: results must be determined by the input alone, so that a replay gives the \
                 same rows"
            );
            let supported = "use the event time column, or declare a column of the source with metadata: \
                             processingTime, which is stamped once";
            return Err(Refusal::at(at, message, supported));
        }
        Called::Unknown => {
            let message = format!("the function {name} is not supported");
            return Err(Refusal::at(at, message, functions::supported()));
        }
    };
    let mut args = Vec::with_capacity(list.len());
    for argument in list {
        args.push(plan_expr(argument, scope, at)?);
    }
    scalar(&lower, args, at)
}

fn scalar(name: &str, args: Vec<Expr>, at: Location) -> Result<Expr, Refusal> {
    match functions::find(name) {
        Called::Scalar(function) => {
            Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args)))
        }
        _ => Err(Refusal::at(
            at,
            format!("the function {name} is not supported"),
            functions::supported(),
        )),
    }
}

/// The arguments of a call that is nothing but a call.
fn plain_arguments(function: &Function, at: Location) -> Result<Vec<&ast::Expr>, Refusal> {
    let name = &function.name;
    let mut arguments = Vec::new();
    for argument in argument_list(function, at)? {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => arguments.push(expr),
            other => {
                let message = format!("the argument {other} of {name} is not supported");
                return Err(Refusal::at(at, message, "arguments are plain expressions"));
            }
        }
    }
    Ok(arguments)
}

/// The argument list of a call without any clause beside it.
pub(crate) fn argument_list(function: &Function, at: Location) -> Result<&[FunctionArg], Refusal> {
    let name = &function.name;
    let clause = if function.filter.is_some() {
        "FILTER"
    } else if function.over.is_some() {
        "OVER"
    } else if !function.within_group.is_empty() {
        "WITHIN GROUP"
    } else if function.null_treatment.is_some() {
        "IGNORE or RESPECT NULLS"
    } else {
        return match &function.args {
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none()
                    && list.clauses.is_empty()
                    && function.parameters == FunctionArguments::None
                    && !function.uses_odbc_syntax =>
            {
                Ok(&list.args)
            }
            FunctionArguments::List(list) if list.duplicate_treatment.is_some() => {
                let message = format!("DISTINCT or ALL in {name} is not supported");
                Err(Refusal::at(at, message, "leave it out"))
            }
            _ => {
                let message = format!("this form of calling {name} is not supported");
                Err(Refusal::at(at, message, "write name(arguments)"))
            }
        };
    };
    Err(Refusal::at(at, format!("{clause} after {name} is not supported"), "leave it out"))
}
