//! What stands in `FROM`: a table, or `TUMBLE`, `HOP`, `CUMULATE` and `SESSION` over one.

use dataflow::WindowKind;
use datafusion_sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, Select, Spanned, TableFactor, TableFunctionArgs,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::dialect::TABLE_PREFIX;
use crate::expression::call::argument_list;
use crate::expression::interval_ms;
use crate::parse::{Words, start_of};
use crate::refusal::Refusal;
use crate::relation::{Catalog, Relation};
use crate::scope::WINDOW_COLUMNS;
use crate::syntax;

const FORMS: &str = "supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), \
                     FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and \
                     FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and \
                     FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)";

/// The rows that a `SELECT` reads.
pub(crate) struct From<'a> {
    pub(crate) relation: &'a Relation,
    /// The name that may stand before a column.
    pub(crate) name: String,
    pub(crate) window: Option<WindowKind>,
    pub(crate) at: Location,
}

pub(crate) fn from<'a>(
    catalog: &'a Catalog<'_>,
    select: &Select,
    words: &Words,
) -> Result<From<'a>, Refusal> {
    let start = start_of(select.select_token.0.span, words.start());
    let at = words.find("FROM", start);
    let table = match select.from.as_slice() {
        [table] if table.joins.is_empty() => &table.relation,
        [] => return Err(Refusal::at(start, "the SELECT has no FROM", FORMS)),
        [table] => {
            let at = words.find("JOIN", start_of(table.relation.span(), at));
            return Err(Refusal::at(at, "JOIN is not supported", FORMS));
        }
        [_, second, ..] => {
            let at = start_of(second.relation.span(), at);
            return Err(Refusal::at(at, "FROM names more than one table", FORMS));
        }
    };
    let at = start_of(table.span(), at);
    match table {
        TableFactor::Table { name, alias, args, .. } if is_plain(table) => {
            let (name, at) = syntax::single_name(name, at)?;
            let alias = syntax::alias(alias.as_ref())?;
            if let Some(args) = args {
                return windowed(catalog, &name, &args.args, alias, at);
            }
            let relation = catalog.find(&name, at)?;
            Ok(From { relation, name: alias.unwrap_or(name), window: None, at })
        }
        TableFactor::TableFunction { expr: ast::Expr::Function(call), alias } => {
            let (name, at) = syntax::single_name(&call.name, at)?;
            let args = argument_list(call, at)?;
            windowed(catalog, &name, args, syntax::alias(alias.as_ref())?, at)
        }
        TableFactor::Derived { .. } => {
            Err(Refusal::at(at, "a subquery in FROM is not supported", "use CREATE VIEW"))
        }
        other => Err(Refusal::at(at, format!("FROM {other} is not supported"), FORMS)),
    }
}

/// Nothing but a name, perhaps with arguments and an alias.
fn is_plain(table: &TableFactor) -> bool {
    let TableFactor::Table { name, alias, args, .. } = table else { return false };
    let plain = TableFactor::Table {
        name: name.clone(),
        alias: alias.clone(),
        args: args
            .as_ref()
            .map(|args| TableFunctionArgs { args: args.args.clone(), settings: None }),
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    plain == *table
}

fn windowed<'a>(
    catalog: &'a Catalog<'_>,
    function: &str,
    args: &[FunctionArg],
    alias: Option<String>,
    at: Location,
) -> Result<From<'a>, Refusal> {
    let upper = function.to_uppercase();
    let lengths = match upper.as_str() {
        "TUMBLE" => 1..=2,
        "HOP" | "CUMULATE" => 2..=3,
        "SESSION" => 1..=1,
        _ => return Err(Refusal::at(at, format!("there is no table function {function}"), FORMS)),
    };
    let mut exprs = Vec::with_capacity(args.len());
    for arg in args {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => exprs.push(expr),
            other => {
                let at = start_of(other.span(), at);
                return Err(Refusal::at(
                    at,
                    format!("the argument {other} is not supported"),
                    FORMS,
                ));
            }
        }
    }
    let [table, time, measures @ ..] = exprs.as_slice() else {
        return Err(Refusal::at(at, format!("{upper} lacks arguments"), FORMS));
    };
    if !lengths.contains(&measures.len()) {
        let offset = if lengths.start() < lengths.end() { " and an optional offset" } else { "" };
        let message = format!("{upper} takes {} interval(s){offset}", lengths.start());
        return Err(Refusal::at(at, message, FORMS));
    }
    let (name, relation) = table_argument(catalog, table, at)?;
    event_time(catalog, relation, &name, time, at)?;
    let mut values = Vec::with_capacity(measures.len());
    for measure in measures {
        values.push(measure_ms(measure, at)?);
    }
    let kind = window_kind(&upper, &values);
    let kind = kind.ok_or_else(|| Refusal::at(at, format!("{upper} lacks arguments"), FORMS))?;
    kind.validate().map_err(|why| Refusal::at(at, why, FORMS))?;
    let kind = kind.normalized();
    if let Some((column, _)) =
        relation.columns.iter().find(|(column, _)| WINDOW_COLUMNS.contains(&column.as_str()))
    {
        let message = format!("'{name}' has a column {column}, which {upper} adds");
        return Err(Refusal::at(at, message, "rename the column in a view"));
    }
    Ok(From { relation, name: alias.unwrap_or(name), window: Some(kind), at })
}

/// The lengths in Flink's order; the offset comes last.
fn window_kind(function: &str, values: &[i64]) -> Option<WindowKind> {
    if let ("SESSION", [gap_ms]) = (function, values) {
        return Some(WindowKind::Session { gap_ms: *gap_ms });
    }
    let (lengths, offset_ms) = match (function, values) {
        ("TUMBLE", [size, rest @ ..]) => ((*size, *size), rest),
        (_, [first, size, rest @ ..]) => ((*first, *size), rest),
        _ => return None,
    };
    let (distance, size_ms) = lengths;
    let offset_ms = offset_ms.first().copied().unwrap_or(0);
    Some(match function {
        "TUMBLE" => WindowKind::Tumble { size_ms, offset_ms },
        "HOP" => WindowKind::Hop { size_ms, slide_ms: distance, offset_ms },
        _ => WindowKind::Cumulate { size_ms, step_ms: distance, offset_ms },
    })
}

fn table_argument<'a>(
    catalog: &'a Catalog<'_>,
    node: &ast::Expr,
    outer: Location,
) -> Result<(String, &'a Relation), Refusal> {
    let at = start_of(node.span(), outer);
    if let ast::Expr::Prefixed { prefix, value } = node
        && prefix.value == TABLE_PREFIX
        && let ast::Expr::CompoundIdentifier(parts) = value.as_ref()
        && let [name] = parts.as_slice()
    {
        return Ok((name.value.clone(), catalog.find(&name.value, at)?));
    }
    Err(Refusal::at(at, format!("{node} is not a table argument"), "write TABLE name"))
}

/// The time column must be the event time of the source, or the `window_time` of windows, unchanged by views: the
/// watermark is a promise about that.
fn event_time(
    catalog: &Catalog<'_>,
    relation: &Relation,
    table: &str,
    node: &ast::Expr,
    outer: Location,
) -> Result<(), Refusal> {
    let at = start_of(node.span(), outer);
    let form = "write DESCRIPTOR(column)";
    let ast::Expr::Function(call) = node else {
        return Err(Refusal::at(at, format!("{node} is not a time column"), form));
    };
    let column = match argument_list(call, at)? {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(column)))]
            if call.name.to_string().eq_ignore_ascii_case("DESCRIPTOR") =>
        {
            column
        }
        _ => return Err(Refusal::at(at, format!("{node} is not a time column"), form)),
    };
    let at = start_of(column.span, at);
    let source = &catalog.query.sources[relation.base.source()];
    let Some(time) = relation.base.event_time(catalog.query) else {
        let message =
            format!("source '{}' has no watermark, so its windows would never end", source.name);
        return Err(Refusal::at(at, message, "declare watermark.column on the source"));
    };
    match relation.column(&column.value) {
        Some(datafusion_expr::Expr::Column(found)) if found.name == *time => Ok(()),
        Some(_) if relation.base.view().is_some() => Err(Refusal::at(
            at,
            format!("'{}' is not the time of the windows that '{table}' is over", column.value),
            "a window over windows is over their window_time, passed through views unchanged",
        )),
        Some(datafusion_expr::Expr::Column(found)) if source.is_clock(&found.name) => {
            let (column, source) = (&column.value, &source.name);
            let message = format!(
                "'{column}' is processing time, and the watermark of source '{source}' is over '{time}'"
            );
            let supported = format!("declare watermark.column: {column} on the source");
            Err(Refusal::at(at, message, supported))
        }
        Some(_) => Err(Refusal::at(
            at,
            format!("'{}' is not the event time of source '{}'", column.value, source.name),
            format!(
                "windows are over the watermark column '{time}', passed through views unchanged"
            ),
        )),
        None => {
            let known: Vec<&str> = relation.columns.iter().map(|(c, _)| c.as_str()).collect();
            let message = format!("'{table}' has no column '{}'", column.value);
            Err(Refusal::at(at, message, format!("columns are {}", known.join(", "))))
        }
    }
}

fn measure_ms(node: &ast::Expr, outer: Location) -> Result<i64, Refusal> {
    let at = start_of(node.span(), outer);
    match node {
        ast::Expr::Interval(interval) => interval_ms(interval, at),
        other => Err(Refusal::at(
            at,
            format!("{other} is not an interval"),
            "write INTERVAL '10' SECOND",
        )),
    }
}
