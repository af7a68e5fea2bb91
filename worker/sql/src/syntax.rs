//! The allow-list for statements and clauses. Each supported node is rebuilt from its supported parts; what then
//! differs from the original has a clause that nobody would look at, and is refused.

use datafusion_sql::sqlparser::ast::{
    CreateTableOptions, CreateView, GroupByExpr, Insert, ObjectName, Query, Select, SelectFlavor,
    SetExpr, TableAlias, TableObject,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::parse::Words;
use crate::refusal::Refusal;

const CLAUSES: &str = "supported clauses are SELECT, FROM, WHERE, GROUP BY and HAVING";

/// The one `SELECT` of a query.
pub(crate) fn select<'a>(
    query: &'a Query,
    words: &Words,
    at: Location,
) -> Result<&'a Select, Refusal> {
    let clause = |word: &str, why: &str| {
        Err(Refusal::at(words.find(word, at), format!("{word} {why}"), CLAUSES))
    };
    if query.with.is_some() {
        let at = words.find("WITH", at);
        return Err(Refusal::at(at, "WITH is not supported", "use CREATE VIEW"));
    }
    if query.order_by.is_some() {
        return clause("ORDER", "BY is not supported: a stream has no end to sort at");
    }
    if query.limit_clause.is_some() || query.fetch.is_some() {
        let word = if query.fetch.is_some() { "FETCH" } else { "LIMIT" };
        return clause(word, "is not supported: a stream has no end");
    }
    let plain = Query {
        with: None,
        body: query.body.clone(),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    };
    if plain != *query {
        return Err(Refusal::at(at, "a clause of this query is not supported", CLAUSES));
    }
    let select = match query.body.as_ref() {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { op, .. } => {
            let at = words.find(&op.to_string(), at);
            let instead = "write one INSERT INTO per SELECT; several may write one sink";
            return Err(Refusal::at(at, format!("{op} is not supported"), instead));
        }
        SetExpr::Values(_) => {
            let at = words.find("VALUES", words.start());
            return Err(Refusal::at(at, "VALUES is not supported", CLAUSES));
        }
        _ => return Err(Refusal::at(at, "a query must be one SELECT", CLAUSES)),
    };
    plain_select(select, words)?;
    Ok(select)
}

fn plain_select(select: &Select, words: &Words) -> Result<(), Refusal> {
    let at = crate::parse::start_of(select.select_token.0.span, words.start());
    if select.distinct.is_some() {
        let at = words.find("DISTINCT", at);
        return Err(Refusal::at(at, "SELECT DISTINCT is not supported", CLAUSES));
    }
    let plain = Select {
        select_token: select.select_token.clone(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: select.projection.clone(),
        exclude: None,
        into: None,
        from: select.from.clone(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: select.selection.clone(),
        connect_by: Vec::new(),
        group_by: select.group_by.clone(),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: select.having.clone(),
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    };
    if plain == *select {
        return Ok(());
    }
    let present = [
        ("TOP", select.top.is_some()),
        ("INTO", select.into.is_some()),
        ("LATERAL", !select.lateral_views.is_empty()),
        ("PREWHERE", select.prewhere.is_some()),
        ("CONNECT", !select.connect_by.is_empty()),
        ("CLUSTER", !select.cluster_by.is_empty()),
        ("DISTRIBUTE", !select.distribute_by.is_empty()),
        ("SORT", !select.sort_by.is_empty()),
        ("QUALIFY", select.qualify.is_some()),
        ("WINDOW", !select.named_window.is_empty()),
    ];
    let found = present.iter().find(|(_, there)| *there);
    Err(match found {
        Some((word, _)) => {
            Refusal::at(words.find(word, at), format!("{word} is not supported"), CLAUSES)
        }
        None => Refusal::at(at, "a part of this SELECT is not supported", CLAUSES),
    })
}

/// The `GROUP BY` expressions of a select; none without the clause.
pub(crate) fn group_by<'a>(
    select: &'a Select,
    words: &Words,
    at: Location,
) -> Result<&'a [datafusion_sql::sqlparser::ast::Expr], Refusal> {
    match &select.group_by {
        GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => Ok(exprs),
        _ => Err(Refusal::at(
            words.find("GROUP", at),
            "this form of GROUP BY is not supported",
            "name the keys, window_start and window_end",
        )),
    }
}

/// Name and query of a `CREATE VIEW`.
pub(crate) fn view<'a>(
    view: &'a CreateView,
    words: &Words,
) -> Result<(String, Location, &'a Query), Refusal> {
    let plain = CreateView {
        or_alter: false,
        or_replace: false,
        materialized: false,
        secure: false,
        name: view.name.clone(),
        name_before_not_exists: false,
        columns: Vec::new(),
        query: view.query.clone(),
        options: CreateTableOptions::None,
        cluster_by: Vec::new(),
        comment: None,
        with_no_schema_binding: false,
        if_not_exists: false,
        temporary: false,
        copy_grants: false,
        to: None,
        params: None,
    };
    if plain != *view {
        let form = "the supported form is CREATE VIEW name AS SELECT …; name columns with AS";
        return Err(Refusal::at(words.start(), "this form of CREATE VIEW is not supported", form));
    }
    let (name, at) = single_name(&view.name, words.start())?;
    Ok((name, at, &view.query))
}

/// Sink and query of an `INSERT INTO`.
pub(crate) fn insert<'a>(
    insert: &'a Insert,
    words: &Words,
) -> Result<(String, Location, &'a Query), Refusal> {
    let start = words.start();
    let form = "the supported form is INSERT INTO sink SELECT …";
    if !insert.columns.is_empty() {
        let at = crate::parse::start_of(
            datafusion_sql::sqlparser::ast::Spanned::span(&insert.columns[0]),
            start,
        );
        let instead = "the columns of a sink are those of its SELECT; name them with AS";
        return Err(Refusal::at(at, "a column list after INSERT INTO is not supported", instead));
    }
    let plain = Insert {
        insert_token: insert.insert_token.clone(),
        optimizer_hints: Vec::new(),
        or: None,
        ignore: false,
        into: true,
        table: insert.table.clone(),
        table_alias: None,
        columns: Vec::new(),
        overwrite: false,
        source: insert.source.clone(),
        assignments: Vec::new(),
        partitioned: None,
        after_columns: Vec::new(),
        has_table_keyword: false,
        on: None,
        returning: None,
        output: None,
        replace_into: false,
        priority: None,
        insert_alias: None,
        settings: None,
        format_clause: None,
        multi_table_insert_type: None,
        multi_table_into_clauses: Vec::new(),
        multi_table_when_clauses: Vec::new(),
        multi_table_else_clause: None,
    };
    match (&insert.table, &insert.source) {
        (TableObject::TableName(name), Some(query)) if plain == *insert => {
            let (name, at) = single_name(name, start)?;
            Ok((name, at, query))
        }
        _ => Err(Refusal::at(start, "this form of INSERT is not supported", form)),
    }
}

/// A name of one part.
pub(crate) fn single_name(
    name: &ObjectName,
    outer: Location,
) -> Result<(String, Location), Refusal> {
    let at = crate::parse::start_of(datafusion_sql::sqlparser::ast::Spanned::span(name), outer);
    match name.0.as_slice() {
        [part] if part.as_ident().is_some() => {
            Ok((part.as_ident().map(|i| i.value.clone()).unwrap_or_default(), at))
        }
        _ => Err(Refusal::at(at, format!("{name} is not a plain name"), "names have one part")),
    }
}

/// An alias without columns.
pub(crate) fn alias(alias: Option<&TableAlias>) -> Result<Option<String>, Refusal> {
    let Some(alias) = alias else { return Ok(None) };
    let at = alias.name.span.start;
    if !alias.columns.is_empty() || alias.at.is_some() {
        return Err(Refusal::at(at, "an alias with columns is not supported", "write AS name"));
    }
    Ok(Some(alias.name.value.clone()))
}
