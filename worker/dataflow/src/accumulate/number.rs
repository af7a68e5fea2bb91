//! What the accumulators need to know about a number type.

use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use std::cmp::Ordering;

use crate::codec::{Value, canonical};

/// 38 digits.
const DECIMAL_ABS_MAX: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// A primitive column type of states.
pub(super) trait Number: ArrowPrimitiveType<Native: Send + Sync> {
    /// Sum and whether it left the range.
    fn add(a: Self::Native, b: Self::Native) -> (Self::Native, bool);
    fn order(a: Self::Native, b: Self::Native) -> Ordering;
    fn value(native: Self::Native) -> Value<'static>;
    fn native(value: Value<'_>) -> Option<Self::Native>;
}

macro_rules! integer {
    ($arrow:ty, $native:ty) => {
        impl Number for $arrow {
            #[inline]
            fn add(a: $native, b: $native) -> ($native, bool) {
                a.overflowing_add(b)
            }
            #[inline]
            fn order(a: $native, b: $native) -> Ordering {
                a.cmp(&b)
            }
            fn value(native: $native) -> Value<'static> {
                Value::Int(i64::from(native))
            }
            fn native(value: Value<'_>) -> Option<$native> {
                match value {
                    Value::Int(value) => value.try_into().ok(),
                    _ => None,
                }
            }
        }
    };
}

integer!(Int64Type, i64);
integer!(Int32Type, i32);
integer!(TimestampMillisecondType, i64);

impl Number for Float64Type {
    #[inline]
    fn add(a: f64, b: f64) -> (f64, bool) {
        (a + b, false)
    }
    /// NaN is the greatest, as in sorting; −0 = 0.
    #[inline]
    fn order(a: f64, b: f64) -> Ordering {
        canonical(a).total_cmp(&canonical(b))
    }
    fn value(native: f64) -> Value<'static> {
        Value::Float(native)
    }
    fn native(value: Value<'_>) -> Option<f64> {
        match value {
            Value::Float(value) => Some(value),
            _ => None,
        }
    }
}

impl Number for Decimal128Type {
    #[inline]
    fn add(a: i128, b: i128) -> (i128, bool) {
        let (sum, wrapped) = a.overflowing_add(b);
        (sum, wrapped || !(-DECIMAL_ABS_MAX..=DECIMAL_ABS_MAX).contains(&sum))
    }
    #[inline]
    fn order(a: i128, b: i128) -> Ordering {
        a.cmp(&b)
    }
    fn value(native: i128) -> Value<'static> {
        Value::Decimal(native)
    }
    fn native(value: Value<'_>) -> Option<i128> {
        match value {
            Value::Decimal(value) => Some(value),
            _ => None,
        }
    }
}
