//! Literals and intervals.

use arrow::datatypes::IntervalMonthDayNanoType;
use dataflow::ColumnKind;
use datafusion_common::ScalarValue;
use datafusion_expr::{Expr, cast, lit};
use datafusion_sql::sqlparser::ast::{self, DateTimeField as F, Value, ValueWithSpan};
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::refusal::Refusal;
use crate::types;

const LITERALS: &str = "supported literals are numbers, 'text', TRUE, FALSE, NULL, TIMESTAMP '…' and INTERVAL '…' unit";

pub(super) fn value(value: &Value, at: Location) -> Result<Expr, Refusal> {
    Ok(match value {
        Value::Number(text, false) => number(text, at)?,
        Value::SingleQuotedString(text) => lit(text.as_str()),
        Value::Boolean(value) => lit(*value),
        Value::Null => lit(ScalarValue::Null),
        other => {
            return Err(Refusal::at(at, format!("the literal {other} is not supported"), LITERALS));
        }
    })
}

fn number(text: &str, at: Location) -> Result<Expr, Refusal> {
    let impossible = || {
        let supported = "whole numbers have 64 bits; write a decimal point for a DOUBLE";
        Refusal::at(at, format!("the number {text} is out of range"), supported)
    };
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return text.parse::<i64>().map(lit).map_err(|_| impossible());
    }
    let float: f64 = text.parse().map_err(|_| impossible())?;
    if float.is_finite() { Ok(lit(float)) } else { Err(impossible()) }
}

/// `-` before a number literal, so that the smallest BIGINT can be written.
pub(super) fn negative(node: &ast::Expr, at: Location) -> Result<Option<Expr>, Refusal> {
    match node {
        ast::Expr::Value(ValueWithSpan { value: Value::Number(text, false), .. }) => {
            number(&format!("-{text}"), at).map(Some)
        }
        _ => Ok(None),
    }
}

/// `TIMESTAMP '2024-01-01 00:00:00'`.
pub(super) fn typed(typed: &ast::TypedString, at: Location) -> Result<Expr, Refusal> {
    match (types::written(&typed.data_type, at)?, &typed.value.value) {
        (ColumnKind::Timestamp, Value::SingleQuotedString(text)) if !typed.uses_odbc_syntax => {
            Ok(cast(lit(text.as_str()), ColumnKind::Timestamp.data_type()))
        }
        _ => Err(Refusal::at(at, format!("the literal {typed} is not supported"), LITERALS)),
    }
}

/// The escape character of `LIKE`.
pub(super) fn escape(value: Option<&ValueWithSpan>, at: Location) -> Result<Option<char>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    if let Value::SingleQuotedString(text) = &value.value
        && let (Some(escape), None) = (text.chars().next(), text.chars().nth(1))
    {
        return Ok(Some(escape));
    }
    Err(Refusal::at(at, format!("ESCAPE {value} is not supported"), "ESCAPE takes one character"))
}

/// An interval in an expression.
pub(super) fn interval(interval: &ast::Interval, at: Location) -> Result<Expr, Refusal> {
    let nanos = interval_ms(interval, at)?.checked_mul(1_000_000).ok_or_else(|| too_long(at))?;
    let value = IntervalMonthDayNanoType::make_value(0, 0, nanos);
    Ok(lit(ScalarValue::IntervalMonthDayNano(Some(value))))
}

fn too_long(at: Location) -> Refusal {
    Refusal::at(at, "the interval is too long", "")
}

/// Milliseconds of an interval with one unit.
pub(crate) fn interval_ms(interval: &ast::Interval, at: Location) -> Result<i64, Refusal> {
    let form = "write for example INTERVAL '10' SECOND; units are MILLISECOND, SECOND, MINUTE, HOUR, DAY and WEEK";
    let refuse = |why: String| Refusal::at(at, why, form);
    let unit = match &interval.leading_field {
        Some(F::Millisecond | F::Milliseconds) => 1,
        Some(F::Second | F::Seconds) => 1_000,
        Some(F::Minute | F::Minutes) => 60_000,
        Some(F::Hour | F::Hours) => 3_600_000,
        Some(F::Day | F::Days) => 86_400_000,
        Some(F::Week(None) | F::Weeks) => 604_800_000,
        Some(other) => return Err(refuse(format!("the interval unit {other} is not supported"))),
        None => return Err(refuse("the interval has no unit".to_owned())),
    };
    let one_unit = interval.leading_precision.is_none()
        && interval.last_field.is_none()
        && interval.fractional_seconds_precision.is_none();
    let text = match interval.value.as_ref() {
        ast::Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text) | Value::Number(text, false),
            ..
        }) => text,
        other => return Err(refuse(format!("{other} is not the length of an interval"))),
    };
    if !one_unit {
        return Err(refuse("the interval has more than one unit".to_owned()));
    }
    scaled(text.trim(), unit)
        .ok_or_else(|| refuse(format!("'{text}' is not a length in whole milliseconds")))
}

/// A decimal number times the unit, if that is whole.
fn scaled(text: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let whole: i64 = whole.parse().ok()?;
    let mut total = whole.checked_mul(unit)?;
    if text.contains('.') {
        if fraction.is_empty()
            || fraction.len() > 9
            || !fraction.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let part = fraction.parse::<i64>().ok()?.checked_mul(unit)?;
        let scale = 10i64.pow(fraction.len() as u32);
        if part % scale != 0 {
            return None;
        }
        let part = part / scale;
        total = total.checked_add(if negative { -part } else { part })?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn lengths_are_whole_milliseconds() {
        let cases = [
            ("10", 1000, Some(10_000)),
            ("0.5", 1000, Some(500)),
            ("-1.5", 1000, Some(-1500)),
            ("1.0005", 1000, None),
            ("1.", 1000, None),
            ("x", 1000, None),
            ("", 1000, None),
            ("9223372036854775807", 1000, None),
        ];
        for (text, unit, expected) in cases {
            assert_eq!(scaled(text, unit), expected, "{text}");
        }
    }
}
