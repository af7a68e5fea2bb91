//! Sinks that get changes: of the rows with one key the last one counts, and a key may be deleted. So the key must tell
//! apart exactly what is grouped.

use dataflow::{Deletion, WindowKind};
use datafusion_expr::Expr;

use crate::assemble::sink_schema;
use crate::grouped::WindowSelect;
use crate::query::SinkDef;
use crate::ranked::NUMBER;
use crate::refusal::Refusal;
use crate::select::Selected;

/// The key of the sink is that of the groups.
pub(crate) fn check_key(
    sink: &SinkDef,
    selected: &Selected,
    select: &WindowSelect,
) -> Result<(), Refusal> {
    let name = &sink.name;
    let groups = select.keys.iter().map(|(key, _)| key.name.as_str());
    let number = select.is_top().then_some(NUMBER);
    let clause = if select.is_top() { "PARTITION BY" } else { "GROUP BY" };
    let groups: Vec<&str> = groups.chain(number).collect();
    let bounds = window_bounds(select.window);
    let wanted = match (groups.as_slice(), bounds) {
        (groups, []) => groups.join(", "),
        ([], bounds) => bounds.join(" or "),
        (groups, bounds) => format!("{}, and {}", groups.join(", "), bounds.join(" or ")),
    };
    let supported = format!("declare key of the sink: the columns that are {wanted}");
    let refuse = |message: String| Err(Refusal::at(selected.at, message, supported.clone()));
    if sink.key.is_empty() {
        return refuse(format!(
            "EMIT CHANGES writes sink '{name}', which has no key: nothing would say which row a later one replaces"
        ));
    }
    let mut named: Vec<&str> = Vec::new();
    for key in &sink.key {
        let Some(column) = select.columns.iter().find(|column| column.name == *key) else {
            // Reported with the other faults of the sink.
            return Ok(());
        };
        match &column.expr {
            Expr::Column(own) if groups.contains(&own.name.as_str()) => named.push(&own.name),
            Expr::Column(own) if bounds.contains(&own.name.as_str()) => named.push(&own.name),
            _ => {
                return refuse(format!(
                    "column '{key}' of the key of sink '{name}' is no column of {clause}"
                ));
            }
        }
    }
    if let Some(missing) = groups.iter().find(|group| !named.contains(group)) {
        let why = match *missing {
            NUMBER => "which tells its rows apart".to_owned(),
            _ => format!("which is in {clause}"),
        };
        return refuse(format!("the key of sink '{name}' lacks {missing}, {why}"));
    }
    if !bounds.is_empty() && !named.iter().any(|name| bounds.contains(name)) {
        return refuse(format!("the key of sink '{name}' does not tell windows apart"));
    }
    Ok(())
}

/// The columns that tell windows apart, each alone.
fn window_bounds(window: WindowKind) -> &'static [&'static str] {
    match window {
        WindowKind::All
        | WindowKind::Life { .. }
        | WindowKind::First { .. }
        | WindowKind::Over(_) => &[],
        // Several start together.
        WindowKind::Cumulate { .. } => &["window_end", "window_time"],
        WindowKind::Tumble { .. } | WindowKind::Hop { .. } | WindowKind::Session { .. } => {
            &["window_start", "window_end", "window_time"]
        }
    }
}

/// How a group of that select becomes a deletion.
pub(crate) fn deletion(sink: &SinkDef, select: &WindowSelect) -> Deletion {
    let columns = select.columns.iter().map(|column| match &column.expr {
        Expr::Column(own) if sink.key.contains(&column.name) => {
            select.schema.fields().iter().position(|field| *field.name() == own.name)
        }
        _ => None,
    });
    let named = select.columns.iter().map(|column| (column.name.as_str(), column.kind));
    Deletion { schema: sink_schema(named), columns: columns.collect() }
}
