//! Instants: RFC 3339 in and out, milliseconds since 1970 inside. The calendar arithmetic is that
//! of Howard Hinnant's "chrono-compatible low-level date algorithms".

use crate::limits::{TIMESTAMP_MS_MAX, TIMESTAMP_MS_MIN};

/// How the instants of a column are written, where that is declared. Digits below the millisecond are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// A text of ISO 8601 with an offset: `Z`, `±hh:mm`, `±hhmm` or `±hh`.
    Iso8601,
    /// Seconds since 1970, up to nine digits after the point.
    EpochSeconds,
    /// Milliseconds since 1970, up to six digits after the point.
    EpochMillis,
    /// Microseconds since 1970, up to three digits after the point.
    EpochMicros,
    /// Nanoseconds since 1970.
    EpochNanos,
}

impl TimestampFormat {
    /// The power of ten from its unit to nanoseconds; none: no number.
    pub(crate) fn places(self) -> Option<u8> {
        match self {
            Self::Iso8601 => None,
            Self::EpochSeconds => Some(9),
            Self::EpochMillis => Some(6),
            Self::EpochMicros => Some(3),
            Self::EpochNanos => Some(0),
        }
    }

    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Iso8601 => "an ISO 8601 text with an offset, years 1 to 9999",
            Self::EpochSeconds => "a number of seconds since 1970",
            Self::EpochMillis => "a number of milliseconds since 1970",
            Self::EpochMicros => "a number of microseconds since 1970",
            Self::EpochNanos => "a number of nanoseconds since 1970",
        }
    }
}

const DAY_MS: i64 = 86_400_000;
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

/// Whether an instant lies in the years 1 to 9999.
#[inline]
pub(crate) fn in_range(ms: i64) -> bool {
    (TIMESTAMP_MS_MIN..=TIMESTAMP_MS_MAX).contains(&ms)
}

/// `YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm)`; a blank may stand for the `T`. Digits below the
/// millisecond are cut. `None` for anything else, impossible dates and leap seconds among it.
pub(crate) fn parse_rfc3339(text: &[u8]) -> Option<i64> {
    parse(text, offset_minutes)
}

/// As [`parse_rfc3339`], with the offsets that ISO 8601 has besides: `±hhmm` and `±hh`.
pub(crate) fn parse_iso8601(text: &[u8]) -> Option<i64> {
    parse(text, |zone| match zone {
        [sign @ (b'+' | b'-'), h1, h2] => offset_minutes(&[*sign, *h1, *h2, b':', b'0', b'0']),
        [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            offset_minutes(&[*sign, *h1, *h2, b':', *m1, *m2])
        }
        _ => offset_minutes(zone),
    })
}

#[inline]
fn parse(text: &[u8], offset_minutes: impl Fn(&[u8]) -> Option<i64>) -> Option<i64> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let fixed = head[4] == b'-'
        && head[7] == b'-'
        && matches!(head[10], b'T' | b't' | b' ')
        && head[13] == b':'
        && head[16] == b':';
    if !fixed {
        return None;
    }
    let year = number(&head[..4])?;
    let month = number(&head[5..7])?;
    let day = number(&head[8..10])?;
    let (hour, minute, second) =
        (number(&head[11..13])?, number(&head[14..16])?, number(&head[17..19])?);
    let possible = (1..=12).contains(&month)
        && day >= 1
        && day <= days_in_month(year, month)
        && hour < 24
        && minute < 60
        && second < 60;
    if !possible {
        return None;
    }
    let (fraction, zone) = split_fraction(rest)?;
    let local = days_from_civil(year, month, day) * DAY_MS
        + ((hour * 60 + minute) * 60 + second) * 1000
        + fraction;
    let instant = local - offset_minutes(zone)? * 60_000;
    in_range(instant).then_some(instant)
}

/// Milliseconds of `.f…`, and what follows.
fn split_fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let mut ms = 0;
    let padded = digits[..len].iter().chain(std::iter::repeat(&b'0'));
    for digit in padded.take(3) {
        ms = ms * 10 + i64::from(digit - b'0');
    }
    Some((ms, &digits[len..]))
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 60 + minutes;
            Some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + DAYS_TO_1970;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends `YYYY-MM-DDThh:mm:ss.fffZ`: always UTC and milliseconds, so texts sort like instants. A
/// year outside 0 to 9999 (computed, never read) is written with sign and six digits, as ISO 8601
/// expands it.
pub(crate) fn write_rfc3339(ms: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(ms.div_euclid(DAY_MS));
    let in_day = ms.rem_euclid(DAY_MS);
    let (seconds, milliseconds) = (in_day / 1000, in_day % 1000);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    two_digits(&mut text, 0, year.rem_euclid(10_000) / 100);
    two_digits(&mut text, 2, year.rem_euclid(100));
    two_digits(&mut text, 5, month);
    two_digits(&mut text, 8, day);
    two_digits(&mut text, 11, seconds / 3600);
    two_digits(&mut text, 14, seconds / 60 % 60);
    two_digits(&mut text, 17, seconds % 60);
    two_digits(&mut text, 20, milliseconds / 10);
    text[22] = b'0' + (milliseconds % 10) as u8;
    if (0..10_000).contains(&year) {
        out.extend_from_slice(&text);
        return;
    }
    out.push(if year < 0 { b'-' } else { b'+' });
    out.extend_from_slice(format!("{:06}", year.abs()).as_bytes());
    out.extend_from_slice(&text[4..]);
}

/// A number below 100 at a place of a text.
#[inline]
fn two_digits(text: &mut [u8; 24], at: usize, number: i64) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(ms: i64) -> String {
        let mut out = Vec::new();
        write_rfc3339(ms, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn texts_name_instants() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01t00:00:00.5z", Some(500)),
            ("1970-01-01 01:00:00+01:00", Some(0)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("2024-02-29T12:34:56.789Z", Some(1_709_210_096_789)),
            ("2024-02-29T12:34:56.789-00:30", Some(1_709_211_896_789)),
            ("0001-01-01T00:00:00Z", Some(TIMESTAMP_MS_MIN)),
            ("9999-12-31T23:59:59.999Z", Some(TIMESTAMP_MS_MAX)),
            ("0001-01-01T00:00:00+00:01", None),
            ("9999-12-31T23:59:59-00:01", None),
            ("0000-12-31T23:59:59-01:00", Some(TIMESTAMP_MS_MIN + 3_599_000)),
            ("2023-02-29T00:00:00Z", None),
            ("2023-13-01T00:00:00Z", None),
            ("2023-00-01T00:00:00Z", None),
            ("2023-04-31T00:00:00Z", None),
            ("2023-04-00T00:00:00Z", None),
            ("2016-12-31T23:59:60Z", None),
            ("2023-04-01T24:00:00Z", None),
            ("2023-04-01T00:60:00Z", None),
            ("2023-04-01T00:00:00", None),
            ("2023-04-01T00:00:00.Z", None),
            ("2023-04-01T00:00:00+0100", None),
            ("2023-04-01T00:00:00+24:00", None),
            ("2023-04-01T00:00:00+01:60", None),
            ("2023-04-01", None),
            ("20a3-04-01T00:00:00Z", None),
            ("+2023-04-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn iso_8601_has_more_offsets() {
        for (text, expected) in [
            ("1970-01-01T01:00:00+0100", Some(0)),
            ("1970-01-01T00:00:00.5+00", Some(500)),
            ("1970-01-01T00:00:00-0030", Some(1_800_000)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:00+00:30", Some(-1_800_000)),
            ("1970-01-01T00:00:00", None),
            ("1970-01-01T00:00:00+1", None),
            ("1970-01-01T00:00:00+2400", None),
        ] {
            assert_eq!(parse_iso8601(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn every_day_of_the_range_survives_a_round_trip_and_agrees_with_jiff() {
        let mut ms = TIMESTAMP_MS_MIN;
        while ms <= TIMESTAMP_MS_MAX {
            let text = written(ms);
            assert_eq!(parse_rfc3339(text.as_bytes()), Some(ms), "{text}");
            if ms % (97 * DAY_MS) < DAY_MS {
                let jiff = jiff::Timestamp::from_millisecond(ms).expect("in range");
                assert_eq!(text.parse::<jiff::Timestamp>().expect("RFC 3339"), jiff, "{text}");
            }
            ms += DAY_MS + 12_345;
        }
    }

    #[test]
    fn computed_instants_outside_the_range_are_still_texts() {
        assert_eq!(written(TIMESTAMP_MS_MAX + 1), "+010000-01-01T00:00:00.000Z");
        assert_eq!(written(-62_167_219_200_001), "-000001-12-31T23:59:59.999Z");
        assert_eq!(written(i64::MAX), "+292278994-08-17T07:12:55.807Z");
    }
}
