//! Kubernetes quantities: `500m`, `2`, `10Gi`, `1e3`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the schema accepts for text; whole numbers are accepted too.
pub const PATTERN: &str =
    "^([0-9]{1,15})(\\.[0-9]{1,9})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi|[eE](0?[0-9]|1[0-8]))?$";

/// An amount of CPU, memory or storage, kept as written and as thousandths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    text: String,
    thousandths: u128,
}

/// Text that is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a quantity: write a number with an optional unit, such as 500m or 10Gi")]
pub struct NotAQuantity(String);

impl Quantity {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whole units, rounded down: cores of a CPU quantity, bytes of memory or storage.
    pub fn floor(&self) -> u64 {
        u64::try_from(self.thousandths / 1_000).unwrap_or(u64::MAX)
    }

    /// Whether it is nothing at all.
    pub fn is_zero(&self) -> bool {
        self.thousandths == 0
    }
}

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let wrong = || NotAQuantity(text.chars().take(32).collect());
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, rest) = text.split_at(digits(text));
        let (fraction, unit) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at(digits(rest)),
            None => ("0", rest),
        };
        if whole.is_empty() || whole.len() > 15 || fraction.is_empty() || fraction.len() > 9 {
            return Err(wrong());
        }
        let scale = scale(unit).ok_or_else(wrong)?;
        let whole: u128 = whole.parse().map_err(|_| wrong())?;
        let part: u128 = fraction.parse().map_err(|_| wrong())?;
        let tenths = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        let thousandths = whole
            .checked_mul(scale)
            .and_then(|units| units.checked_add(part.checked_mul(scale)? / tenths))
            .ok_or_else(wrong)?;
        Ok(Self { text: text.to_owned(), thousandths })
    }
}

/// Thousandths per unit.
fn scale(unit: &str) -> Option<u128> {
    if let Some(power) = unit.strip_prefix(['e', 'E']) {
        // The parser of numbers takes a sign too.
        let digits = matches!(power.len(), 1 | 2) && power.bytes().all(|b| b.is_ascii_digit());
        let power: u32 = power.parse().ok().filter(|_| digits)?;
        return 10_u128.checked_pow(power).filter(|_| power <= 18)?.checked_mul(1_000);
    }
    Some(match unit {
        "m" => 1,
        "" => 1_000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "T" => 1_000_000_000_000_000,
        "P" => 1_000_000_000_000_000_000,
        "Ki" => 1_000 << 10,
        "Mi" => 1_000 << 20,
        "Gi" => 1_000 << 30,
        "Ti" => 1_000 << 40,
        "Pi" => 1_000 << 50,
        _ => return None,
    })
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNumber;

        impl Visitor<'_> for TextOrNumber {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity such as 500m or 10Gi")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Quantity, E> {
                number.to_string().parse().map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Quantity, E> {
                number.to_string().parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(TextOrNumber).map_err(D::Error::custom)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "pattern": PATTERN,
            "maxLength": 32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_whole_units() {
        let cases = [
            ("0", Some(0)),
            ("500m", Some(0)),
            ("1500m", Some(1)),
            ("2", Some(2)),
            ("0.5", Some(0)),
            ("1.5Gi", Some(1_610_612_736)),
            ("10Gi", Some(10 << 30)),
            ("1e3", Some(1_000)),
            ("4k", Some(4_000)),
            ("", None),
            ("-1", None),
            ("1.", None),
            (".5", None),
            ("1GiB", None),
            ("ten", None),
        ];
        let pattern = regex::Regex::new(PATTERN).expect("the pattern compiles");
        for (text, want) in cases {
            assert_eq!(text.parse::<Quantity>().ok().map(|q| q.floor()), want, "{text}");
            assert_eq!(pattern.is_match(text), want.is_some(), "schema and parser differ: {text}");
        }
    }

    #[test]
    fn numbers_are_quantities_too() {
        let quantity: Quantity = serde_json::from_str("2").expect("a number");
        assert_eq!(quantity.as_str(), "2");
        assert!(serde_json::from_str::<Quantity>("-2").is_err());
    }
}
