//! Savepoints that are made by themselves: when, and how many are kept.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use k8s_openapi::jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::duration::HumanDuration;

/// Savepoints on a schedule. The data of those that are not kept is removed; the newest complete one always stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Savepoints {
    /// Minute, hour, day of the month, month, day of the week (0 is Sunday), in UTC, such as `0 3 * * *`.
    pub schedule: CronSchedule,
    /// How many are kept. Default 7.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retained: Option<u32>,
    /// Those that are older go too. Default: none is too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<HumanDuration>,
}

impl Savepoints {
    /// How many are kept.
    pub fn retained(&self) -> u32 {
        self.retained.unwrap_or(7)
    }
}

/// What the schema accepts, and what [`numbers`] accepts of that; [`CronSchedule::from_str`] refuses what neither can
/// tell: ranges that end before they begin, and days that no month has.
pub const PATTERN: &str = r"^[0-9*/,-]{1,64}( [0-9*/,-]{1,64}){4}$";
/// What is said of a number that is too great.
const NUMBERS: &str = "schedule is minute 0-59, hour 0-23, day 1-31, month 1-12 and day of the week 0-7; \
     each a number, a range, * or a list of these, with a step from 1 behind a slash";

/// The pattern behind [`NUMBERS`].
fn numbers() -> String {
    let numbers = [
        "[0-5]?[0-9]",
        "[01]?[0-9]|2[0-3]",
        "0?[1-9]|[12][0-9]|3[01]",
        "0?[1-9]|1[0-2]",
        "0?[0-7]",
    ];
    let fields = numbers.map(|n| {
        let item = format!("([*]|({n})(-({n}))?)(/(0?[1-9]|[1-9][0-9]))?");
        format!("{item}(,{item})*")
    });
    format!("^{}$", fields.join(" "))
}

/// The furthest that the next time is looked for: the 29th of February comes once in eight years at worst.
const DAYS_MAX: i32 = 3_000;

/// Five fields of times, as cron takes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronSchedule {
    text: String,
    /// One bit for each minute, hour, day of the month, month, and day of the week.
    fields: [u64; 5],
}

/// Text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a schedule: write minute, hour, day of the month, month and day of the week, such as 0 3 * * *"
)]
pub struct NotASchedule(String);

/// The smallest and the greatest number of each field.
const BOUNDS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];

impl FromStr for CronSchedule {
    type Err = NotASchedule;

    fn from_str(text: &str) -> Result<Self, NotASchedule> {
        let wrong = || NotASchedule(text.chars().take(64).collect());
        let parts: Vec<&str> = text.split(' ').collect();
        if parts.len() != BOUNDS.len() {
            return Err(wrong());
        }
        let mut fields = [0; 5];
        for ((field, part), bounds) in fields.iter_mut().zip(parts).zip(BOUNDS) {
            *field = parse_field(part, bounds).ok_or_else(wrong)?;
        }
        // Sunday is 0, and 7 too.
        fields[4] |= fields[4] >> 7;
        let schedule = Self { text: text.to_owned(), fields };
        schedule.next(Timestamp::UNIX_EPOCH).map(|_| schedule.clone()).ok_or_else(wrong)
    }
}

/// `*`, `5`, `1-5`, `*/15`, `10-40/10`, and lists of these.
fn parse_field(text: &str, (min, max): (u32, u32)) -> Option<u64> {
    let number = |text: &str| -> Option<u32> {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok())?
    };
    let mut bits = 0_u64;
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, number(step).filter(|step| *step > 0)?),
            None => (item, 1),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (min, max),
            (_, Some((from, to))) => (number(from)?, number(to)?),
            (one, None) => {
                let one = number(one)?;
                (one, if item.contains('/') { max } else { one })
            }
        };
        if from < min || to > max || from > to {
            return None;
        }
        for value in (from..=to).step_by(step as usize) {
            bits |= 1 << value;
        }
    }
    Some(bits)
}

impl CronSchedule {
    /// The first time after that one.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(TimeZone::UTC).datetime();
        let mut day = after.date();
        for _ in 0..DAYS_MAX {
            if self.has_day(day) {
                let first = (day == after.date()).then(|| after.time());
                if let Some((hour, minute)) = self.first_minute(first) {
                    let at = day.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok()?;
                    return Some(at.timestamp());
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The last time that is not after that one, looked for in the time since `from`.
    pub fn latest(&self, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        // A schedule of many times a day is not walked through from long ago.
        let a_day_ago = until - SignedDuration::from_hours(24);
        let of_today = self.last_between(from.max(a_day_ago), until);
        of_today.or_else(|| self.last_between(from, until))
    }

    fn last_between(&self, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let mut found = None;
        let mut at = from;
        while let Some(next) = self.next(at).filter(|next| *next <= until) {
            found = Some(next);
            at = next;
        }
        found
    }

    /// Where both day fields are written, either will do, as in cron.
    fn has_day(&self, day: civil::Date) -> bool {
        let has = |field: usize, value: i8| self.fields[field] & (1 << value) != 0;
        let all = |field: usize, (min, max): (u32, u32)| {
            (min..=max).all(|value| self.fields[field] & (1 << value) != 0)
        };
        let of_month = has(2, day.day());
        let of_week = has(4, day.weekday().to_sunday_zero_offset());
        let days = match (all(2, BOUNDS[2]), all(4, (0, 6))) {
            (false, false) => of_month || of_week,
            _ => of_month && of_week,
        };
        has(3, day.month()) && days
    }

    /// The first hour and minute, later than that one.
    fn first_minute(&self, after: Option<civil::Time>) -> Option<(i8, i8)> {
        let after = after.map_or(-1, |time| i32::from(time.hour()) * 60 + i32::from(time.minute()));
        let hours = (0_i8..24).filter(|hour| self.fields[1] & (1 << hour) != 0);
        let minutes = |hour: i8| {
            (0_i8..60).filter(|m| self.fields[0] & (1 << m) != 0).map(move |m| (hour, m))
        };
        let later = |(hour, minute): &(i8, i8)| i32::from(*hour) * 60 + i32::from(*minute) > after;
        hours.flat_map(minutes).find(later)
    }
}

impl TryFrom<String> for CronSchedule {
    type Error = NotASchedule;
    fn try_from(text: String) -> Result<Self, NotASchedule> {
        text.parse()
    }
}

impl From<CronSchedule> for String {
    fn from(schedule: CronSchedule) -> Self {
        schedule.text
    }
}

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl JsonSchema for CronSchedule {
    fn schema_name() -> Cow<'static, str> {
        "CronSchedule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": 325, "pattern": PATTERN,
        "x-kubernetes-validations": [
            {"rule": format!("self.matches('{}')", numbers()), "message": NUMBERS},
        ]})
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_the_one_that_cron_would_take() {
        let cases = [
            ("0 3 * * *", "2027-01-15T02:59:59Z", "2027-01-15T03:00:00Z"),
            ("0 3 * * *", "2027-01-15T03:00:00Z", "2027-01-16T03:00:00Z"),
            ("*/15 * * * *", "2027-01-15T03:14:59Z", "2027-01-15T03:15:00Z"),
            ("5/20 * * * *", "2027-01-15T03:26:00Z", "2027-01-15T03:45:00Z"),
            ("30 22 31 12 *", "2027-01-01T00:00:00Z", "2027-12-31T22:30:00Z"),
            ("0 0 29 2 *", "2027-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 9 * * 1-5", "2027-01-15T10:00:00Z", "2027-01-18T09:00:00Z"),
            ("0 9 * * 7", "2027-01-15T10:00:00Z", "2027-01-17T09:00:00Z"),
            ("0 0 1 * 1", "2027-01-02T00:00:00Z", "2027-01-04T00:00:00Z"),
            ("59 23 * * *", "2027-12-31T23:59:00Z", "2028-01-01T23:59:00Z"),
        ];
        let pattern = regex::Regex::new(&numbers()).expect("the pattern compiles");
        for (schedule, after, want) in cases {
            assert!(pattern.is_match(schedule), "the schema refuses {schedule}");
            let schedule: CronSchedule = schedule.parse().expect("a schedule");
            let next = schedule.next(after.parse().expect("a time"));
            assert_eq!(next.map(|at| at.to_string()).as_deref(), Some(want), "{schedule} {after}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let pattern = regex::Regex::new(&numbers()).expect("the pattern compiles");
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1,, * * * *",
            "0 0 30 2 *",
            "0  3 * * *",
            "+1 * * * *",
        ] {
            assert!(text.parse::<CronSchedule>().is_err(), "{text}");
            let only_parsed = ["5-1 * * * *", "0 0 30 2 *"].contains(&text);
            assert_eq!(pattern.is_match(text), only_parsed, "the schema and {text}");
        }
    }

    #[test]
    fn times_that_were_missed_count_as_one() {
        let schedule: CronSchedule = "0 * * * *".parse().expect("a schedule");
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let latest = schedule.latest(at("2027-01-15T00:00:00Z"), at("2027-01-15T05:30:00Z"));
        assert_eq!(latest, Some(at("2027-01-15T05:00:00Z")));
        assert_eq!(schedule.latest(at("2027-01-15T05:00:00Z"), at("2027-01-15T05:59:59Z")), None);
    }
}
