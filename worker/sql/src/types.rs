//! Types: declared, written in the SQL, and what expressions give.

use arrow::datatypes::{DataType, TimeUnit};
use dataflow::ColumnKind;
use datafusion_common::DFSchema;
use datafusion_expr::{Expr, ExprSchemable, cast};
use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::query::SqlType;
use crate::refusal::Refusal;

pub(crate) const CAST_TYPES: &str = "supported types are BIGINT, INT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP and \
                                     DECIMAL(precision, scale)";

impl SqlType {
    pub(crate) fn kind(self) -> ColumnKind {
        match self {
            Self::Bigint => ColumnKind::Int64,
            Self::Int => ColumnKind::Int32,
            Self::Double => ColumnKind::Float64,
            Self::Varchar => ColumnKind::Utf8,
            Self::Boolean => ColumnKind::Boolean,
            Self::Timestamp => ColumnKind::Timestamp,
            Self::Decimal(precision, scale) => ColumnKind::Decimal(precision, scale),
        }
    }
}

/// A type as written in the SQL.
pub(crate) fn written(data_type: &ast::DataType, at: Location) -> Result<ColumnKind, Refusal> {
    use ast::{DataType as T, ExactNumberInfo as N, TimezoneInfo as Z};
    Ok(match data_type {
        T::BigInt(None) => ColumnKind::Int64,
        T::Int(None) | T::Integer(None) => ColumnKind::Int32,
        T::Double(N::None) | T::DoublePrecision => ColumnKind::Float64,
        T::Varchar(None) | T::String(None) | T::Text => ColumnKind::Utf8,
        T::Boolean => ColumnKind::Boolean,
        T::Timestamp(None | Some(3), Z::None | Z::WithoutTimeZone) => ColumnKind::Timestamp,
        T::Decimal(N::PrecisionAndScale(precision @ 1..=38, scale))
        | T::Numeric(N::PrecisionAndScale(precision @ 1..=38, scale))
            if (0..=*precision as i64).contains(scale) =>
        {
            ColumnKind::Decimal(*precision as u8, *scale as i8)
        }
        other => return Err(Refusal::at(at, format!("type {other} is not supported"), CAST_TYPES)),
    })
}

/// The kind of an expression; where its type is not one of ours but fits into one, a cast is added.
pub(crate) fn settle(
    expr: Expr,
    schema: &DFSchema,
    at: Location,
) -> Result<(Expr, ColumnKind), Refusal> {
    let data_type = expr.get_type(schema).map_err(|e| crate::expression::refuse(at, &e))?;
    if let Some(kind) = ColumnKind::of(&data_type).filter(|kind| *kind != ColumnKind::Bytes) {
        return Ok((expr, kind));
    }
    let kind = match data_type {
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => ColumnKind::Int32,
        DataType::UInt32 | DataType::UInt64 => ColumnKind::Int64,
        DataType::Float16 | DataType::Float32 => ColumnKind::Float64,
        DataType::LargeUtf8 | DataType::Utf8View => ColumnKind::Utf8,
        DataType::Timestamp(
            TimeUnit::Second | TimeUnit::Microsecond | TimeUnit::Nanosecond,
            None,
        ) => ColumnKind::Timestamp,
        DataType::Null => {
            return Err(Refusal::at(at, "NULL has no type here", "write CAST(NULL AS <type>)"));
        }
        other => {
            let message = format!("this expression gives {other}, which is not a column type");
            return Err(Refusal::at(at, message, CAST_TYPES));
        }
    };
    Ok((cast(expr, kind.data_type()), kind))
}
