//! Durations as people write them: `100ms`, `5s`, `10m`, `1h30m`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the schema accepts; [`HumanDuration::from_str`] accepts the same.
pub const PATTERN: &str = "^([0-9]{1,9}(ms|s|m|h|d))+$";
const TEXT_LEN_MAX: usize = 32;

/// A length of time, written as numbers with units (`ms`, `s`, `m`, `h`, `d`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanDuration(Duration);

/// Text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a duration: write numbers with units ms, s, m, h or d, such as 1h30m")]
pub struct NotADuration(String);

impl HumanDuration {
    /// The duration of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The duration of so many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// As the standard type.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// In whole milliseconds; what the text could say always fits.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl FromStr for HumanDuration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let wrong = || NotADuration(text.chars().take(TEXT_LEN_MAX).collect());
        if text.is_empty() || text.len() > TEXT_LEN_MAX {
            return Err(wrong());
        }
        let mut millis: u64 = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let (scale, unit_len) = unit(tail).ok_or_else(wrong)?;
            if digits == 0 || digits > 9 {
                return Err(wrong());
            }
            let number: u64 = number.parse().map_err(|_| wrong())?;
            let part = number.checked_mul(scale).ok_or_else(wrong)?;
            millis = millis.checked_add(part).ok_or_else(wrong)?;
            rest = &tail[unit_len..];
        }
        Ok(Self::from_millis(millis))
    }
}

/// Milliseconds per unit and the unit's length; `ms` before `m`.
fn unit(text: &str) -> Option<(u64, usize)> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    UNITS.iter().find(|(name, _)| text.starts_with(name)).map(|(name, ms)| (*ms, name.len()))
}

impl TryFrom<String> for HumanDuration {
    type Error = NotADuration;

    fn try_from(text: String) -> Result<Self, NotADuration> {
        text.parse()
    }
}

impl From<HumanDuration> for String {
    fn from(duration: HumanDuration) -> Self {
        duration.to_string()
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_millis();
        let whole = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        match whole.iter().find(|(_, scale)| millis > 0 && millis.is_multiple_of(*scale)) {
            Some((unit, scale)) => write!(f, "{}{unit}", millis / scale),
            None if millis == 0 => f.write_str("0s"),
            None => write!(f, "{millis}ms"),
        }
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "HumanDuration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "maxLength": TEXT_LEN_MAX})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_milliseconds() {
        let cases = [
            ("100ms", Some(100)),
            ("5s", Some(5_000)),
            ("10m", Some(600_000)),
            ("1h30m", Some(5_400_000)),
            ("2d", Some(172_800_000)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("5 s", None),
            ("-5s", None),
            ("1.5s", None),
            ("1234567890s", None),
            ("5sec", None),
            ("999999999d999999999d", Some(172_799_999_827_200_000)),
        ];
        let pattern = regex::Regex::new(PATTERN).expect("the pattern compiles");
        for (text, want) in cases {
            let got = text.parse::<HumanDuration>().ok().map(HumanDuration::as_millis);
            assert_eq!(got, want, "{text}");
            assert_eq!(pattern.is_match(text), want.is_some(), "schema and parser differ: {text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for millis in [0, 1, 999, 1_000, 61_000, 3_600_000, 86_400_000, 5_400_000] {
            let duration = HumanDuration::from_millis(millis);
            assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }
}
