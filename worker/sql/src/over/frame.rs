//! `OVER (PARTITION BY … ORDER BY … ROWS | RANGE BETWEEN … PRECEDING AND CURRENT ROW)`.

use dataflow::limits::{EVENT_TIME_ABS_MAX, FOREVER_MS, FRAME_ROWS_MAX};
use dataflow::{Frame, KeyColumn};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{
    self, OrderByExpr, Spanned, WindowFrame, WindowFrameBound as Bound, WindowFrameUnits,
    WindowSpec, WindowType,
};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::expression::{interval_ms, plan};
use crate::parse::start_of;
use crate::query::JobQuery;
use crate::ranked::take_key;
use crate::refusal::Refusal;
use crate::scope::RowScope;

pub(super) const FORM: &str = "the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND \
                               CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW";

/// What an aggregate is over.
#[derive(PartialEq)]
pub(super) struct Over {
    pub(super) keys: Vec<(KeyColumn, Expr)>,
    /// The TTL of rows comes with the clauses.
    pub(super) frame: Frame,
}

pub(super) fn over(
    query: &JobQuery,
    rows: &mut RowScope<'_>,
    window: &WindowType,
    at: Location,
) -> Result<Over, Refusal> {
    let refused = |message: String| Err(Refusal::at(at, message, FORM));
    if rows.relation.base.view().is_some() {
        let message = "OVER over results of windows is not supported";
        return Err(Refusal::at(
            at,
            message,
            "it takes rows of a source, or of a view that selects and filters",
        ));
    }
    let WindowType::WindowSpec(spec) = window else {
        return refused("a named window is not supported".to_owned());
    };
    let WindowSpec { window_name: None, partition_by, order_by, window_frame } = spec else {
        return refused("a named window is not supported".to_owned());
    };
    if partition_by.is_empty() {
        return refused("OVER without PARTITION BY would have one key".to_owned());
    }
    let mut keys = Vec::new();
    for node in partition_by {
        take_key(&mut keys, node, rows, FORM, at)?;
    }
    check_order(query, rows, order_by, at)?;
    let Some(frame) = window_frame else {
        return refused(
            "OVER without a frame would reach back to the first row of the key".to_owned(),
        );
    };
    Ok(Over { keys, frame: self::frame(frame, at)? })
}

/// Rows come by event time, which nothing else says.
fn check_order(
    query: &JobQuery,
    rows: &mut RowScope<'_>,
    order_by: &[OrderByExpr],
    at: Location,
) -> Result<(), Refusal> {
    let Some(time) = rows.relation.base.event_time(query).map(str::to_owned) else {
        let message = "the source has no watermark, so its rows have no order";
        return Err(Refusal::at(at, message, "declare watermark.column on the source"));
    };
    let [order] = order_by else {
        let message = match order_by {
            [] => "OVER without ORDER BY has no order",
            _ => "OVER is ordered by the event time alone",
        };
        return Err(Refusal::at(at, message, FORM));
    };
    let place = start_of(order.expr.span(), at);
    if order.options.asc == Some(false)
        || order.options.nulls_first.is_some()
        || order.with_fill.is_some()
    {
        let message = format!("ORDER BY {order} is not supported: rows come in ascending order");
        return Err(Refusal::at(place, message, FORM));
    }
    match plan(&order.expr, rows, place)? {
        Expr::Column(column) if column.name == time => Ok(()),
        _ => {
            let message = format!("{} is not the event time, '{time}'", order.expr);
            Err(Refusal::at(place, message, FORM))
        }
    }
}

fn frame(frame: &WindowFrame, at: Location) -> Result<Frame, Refusal> {
    let refused = |message: String| Err(Refusal::at(at, message, FORM));
    let WindowFrame { units, start_bound, end_bound } = frame;
    if !matches!(end_bound, None | Some(Bound::CurrentRow)) {
        return refused("a frame ends with the row itself".to_owned());
    }
    let start = match start_bound {
        Bound::Preceding(Some(start)) => start.as_ref(),
        Bound::Preceding(None) => {
            return refused(
                "a frame that reaches back to the first row is not supported".to_owned(),
            );
        }
        Bound::CurrentRow | Bound::Following(_) => {
            return refused("a frame begins before its row".to_owned());
        }
    };
    match (units, start) {
        (WindowFrameUnits::Rows, ast::Expr::Value(number)) => {
            let most = number.to_string().parse().ok().filter(|n| (1..=FRAME_ROWS_MAX).contains(n));
            match most {
                Some(preceding) => Ok(Frame::Rows { preceding, ttl_ms: FOREVER_MS }),
                None => {
                    refused(format!("ROWS takes from 1 to {FRAME_ROWS_MAX} rows, not {number}"))
                }
            }
        }
        (WindowFrameUnits::Range, ast::Expr::Interval(interval)) => {
            let preceding_ms = interval_ms(interval, at)?;
            if (0..=EVENT_TIME_ABS_MAX).contains(&preceding_ms) {
                return Ok(Frame::Range { preceding_ms });
            }
            refused("the interval is negative, or longer than event time reaches".to_owned())
        }
        (WindowFrameUnits::Rows, other) => refused(format!("ROWS takes a number, not {other}")),
        (WindowFrameUnits::Range, other) => {
            refused(format!("RANGE takes an interval, not {other}"))
        }
        (WindowFrameUnits::Groups, _) => refused("GROUPS is not supported".to_owned()),
    }
}
