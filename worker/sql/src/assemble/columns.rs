//! Which columns of a source a query needs: nothing else is decoded.

use std::collections::BTreeSet;

use datafusion_expr::Expr;

use crate::grouped::WindowSelect;
use crate::insert::Insert;
use crate::query::SourceDef;
use crate::relation::{Base, WindowView};
use crate::select::Body;

pub(super) fn needed(source: &SourceDef, inserts: &[&Insert]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |expr: &Expr| {
        names.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
    };
    for insert in inserts {
        if let Some(view) = innermost(&insert.selected.base) {
            view.filters.iter().for_each(&mut add);
            of_window(&view.select, &mut add);
            continue;
        }
        let late = insert.late.iter().flat_map(|late| &late.columns);
        late.for_each(|column| add(&column.expr));
        insert.selected.filters.iter().for_each(&mut add);
        match &insert.selected.body {
            Body::Rows(columns) => columns.iter().for_each(|column| add(&column.expr)),
            Body::Window(window) => of_window(window, &mut add),
        }
    }
    names.extend(source.event_time.clone());
    if names.is_empty() {
        // A batch needs a column to have rows.
        names.extend(source.columns.first().map(|column| column.name.clone()));
    }
    names
}

/// Does what a window keeps depend on when its rows were read? Then only an exchange makes it the same with every
/// replay.
pub(super) fn is_stamped(source: &SourceDef, filters: &[Expr], window: &WindowSelect) -> bool {
    let mut stamped = source.is_clocked();
    let mut look = |expr: &Expr| {
        stamped |= expr.column_refs().into_iter().any(|column| source.is_clock(&column.name));
    };
    filters.iter().for_each(&mut look);
    of_window(window, &mut look);
    stamped
}

/// The view over windows whose rows are those of the source.
fn innermost(base: &Base) -> Option<&WindowView> {
    let view = base.view()?;
    Some(innermost(&view.base).unwrap_or(view))
}

fn of_window(window: &WindowSelect, add: &mut impl FnMut(&Expr)) {
    window.keys.iter().for_each(|(_, key)| add(key));
    window.aggregates.iter().filter_map(|a| a.argument.as_ref()).for_each(add);
}
