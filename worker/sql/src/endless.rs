//! State that no window ends: what a statement must say about it.

use dataflow::WindowKind;
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::clauses::{Clauses, EmitClause, Ttl};
use crate::grouped::WindowSelect;
use crate::refusal::Refusal;

const BOUND: &str = "write STATE TTL INTERVAL '1' DAY at the end, after which a key without rows is forgotten, or STATE TTL \
                     NONE where the keys are few enough to be kept for ever";

/// Applies the clauses of a statement without a window. `group`: where its `GROUP BY` stands.
pub(crate) fn apply(
    clauses: &Clauses,
    select: &mut WindowSelect,
    group: Location,
) -> Result<(), Refusal> {
    let first = matches!(select.window, WindowKind::First { .. });
    if let Some((_, at)) = clauses.lateness {
        let message =
            "ALLOWED LATENESS needs a window: without one a row counts until its key is forgotten";
        return Err(Refusal::at(at, message, "a longer STATE TTL keeps keys longer"));
    }
    match clauses.emit {
        Some((EmitClause::OnWindowClose, at)) => {
            return Err(Refusal::at(
                at,
                "EMIT ON WINDOW CLOSE needs a window",
                "write EMIT CHANGES",
            ));
        }
        Some((EmitClause::Changes, at)) if first => {
            let message = "the first row of a key does not change";
            return Err(Refusal::at(at, message, "leave EMIT CHANGES out, or ORDER BY time DESC"));
        }
        None if !first => {
            let message = "without a window a key has no final row, only a current one";
            let supported = "write EMIT CHANGES at the end, and declare the key of the sink, or group by a window";
            return Err(Refusal::at(group, message, supported));
        }
        Some(_) | None => {}
    }
    let Some((ttl, at)) = clauses.ttl else {
        let message = "without a window nothing bounds the state: every key would be kept for ever";
        return Err(Refusal::at(group, message, BOUND));
    };
    if let (Ttl::None, false, Some((_, at))) = (ttl, first, &clauses.late) {
        let message = "no row is late where keys are kept for ever";
        return Err(Refusal::at(*at, message, "leave LATE ROWS INTO out"));
    }
    select.changes = !first;
    select.window = match (ttl, first) {
        (Ttl::None, _) => select.window,
        (Ttl::For(ttl_ms), true) => WindowKind::First { ttl_ms },
        (Ttl::For(ttl_ms), false) => WindowKind::Life { ttl_ms },
    };
    select.window.validate().map_err(|why| Refusal::at(at, why, BOUND))
}

/// Checks the clauses of a statement over windows.
pub(crate) fn check_window(clauses: &Clauses, select: &WindowSelect) -> Result<(), Refusal> {
    if let Some((_, at)) = clauses.ttl {
        let message = "STATE TTL is not possible over windows: their state goes when they end";
        return Err(Refusal::at(
            at,
            message,
            "leave it out; ALLOWED LATENESS keeps windows longer",
        ));
    }
    match (clauses.emit, select.window) {
        (Some((EmitClause::Changes, at)), WindowKind::Session { .. }) => {
            let message = "EMIT CHANGES is not possible with SESSION: a session that grows ends later, and its earlier row \
                           would stay";
            Err(Refusal::at(
                at,
                message,
                "leave it out, or GROUP BY without a window and STATE TTL as the gap",
            ))
        }
        _ => Ok(()),
    }
}
