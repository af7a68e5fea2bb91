//! Which columns of a source a query needs: nothing else is decoded.

use std::collections::BTreeSet;

use datafusion_expr::Expr;

use crate::insert::Insert;
use crate::query::SourceDef;
use crate::select::Body;

pub(super) fn needed(source: &SourceDef, inserts: &[&Insert]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |expr: &Expr| {
        names.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
    };
    for insert in inserts {
        let late = insert.late.iter().flat_map(|late| &late.columns);
        late.for_each(|column| add(&column.expr));
        insert.selected.filters.iter().for_each(&mut add);
        match &insert.selected.body {
            Body::Rows(columns) => columns.iter().for_each(|column| add(&column.expr)),
            Body::Window(window) => {
                window.keys.iter().for_each(|(_, key)| add(key));
                window.aggregates.iter().filter_map(|a| a.argument.as_ref()).for_each(&mut add);
            }
        }
    }
    names.extend(source.event_time.clone());
    if names.is_empty() {
        // A batch needs a column to have rows.
        names.extend(source.columns.first().map(|column| column.name.clone()));
    }
    names
}
