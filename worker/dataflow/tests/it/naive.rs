//! The definition, row by row.

use std::collections::BTreeMap;

use dataflow::WindowKind;

use crate::support::{DELAY, Keys, Row, sorted};

#[derive(Default)]
struct Group {
    rows: i64,
    quantities: Vec<i64>,
    prices: Vec<f64>,
    names: Vec<String>,
}

/// End and start of the window, then the keys.
type GroupKey = ((i64, i64), Option<Option<String>>, Option<Option<i64>>);

#[derive(Default)]
pub(crate) struct Naive {
    groups: BTreeMap<GroupKey, Group>,
    pub(crate) late: u64,
    /// As a late sink shows them.
    pub(crate) late_rows: Vec<String>,
    /// Allowed lateness.
    pub(crate) lateness: i64,
}

/// Starts and ends of the windows that contain the time, ends ascending.
fn windows(kind: WindowKind, time: i64) -> Vec<(i64, i64)> {
    let (size, slide, offset) = match kind {
        WindowKind::Tumble { size_ms, offset_ms } => (size_ms, size_ms, offset_ms),
        WindowKind::Hop { size_ms, slide_ms, offset_ms } => (size_ms, slide_ms, offset_ms),
        WindowKind::Cumulate { size_ms, step_ms, offset_ms } => {
            let start = time - (time - offset_ms).rem_euclid(size_ms);
            let ends = (1..=size_ms / step_ms).map(|steps| start + steps * step_ms);
            return ends.filter(|end| *end > time).map(|end| (start, end)).collect();
        }
    };
    (time - size + 1..=time)
        .filter(|start| (start - offset).rem_euclid(slide) == 0)
        .map(|start| (start, start + size))
        .collect()
}

impl Naive {
    pub(crate) fn with_lateness(lateness: i64) -> Self {
        Self { lateness, ..Self::default() }
    }

    /// Rows of one log.
    pub(crate) fn add(&mut self, kind: WindowKind, keys: Keys, rows: &[Row]) {
        let mut maximum: Option<i64> = None;
        for row in rows {
            let watermark = maximum.map(|m| m - DELAY);
            let open: Vec<(i64, i64)> = windows(kind, row.time)
                .into_iter()
                .filter(|(_, end)| watermark.is_none_or(|w| *end + self.lateness > w))
                .collect();
            if open.is_empty() {
                self.late += 1;
                let window = windows(kind, row.time).pop().unwrap();
                self.late_rows.push(late_row(row, window, watermark.unwrap() - window.1));
            }
            for (start, end) in open {
                let end = (end, start);
                let key = match keys {
                    Keys::None => (end, None, None),
                    Keys::Id => (end, None, Some(row.id)),
                    Keys::NameAndId => (end, Some(row.name.clone()), Some(row.id)),
                };
                let group = self.groups.entry(key).or_default();
                group.rows += 1;
                group.quantities.extend(row.quantity);
                group.prices.extend(row.price);
                group.names.extend(row.name.clone());
            }
            maximum = maximum.max(Some(row.time));
        }
    }

    /// All windows that end at the watermark or before, as the sink would show them.
    pub(crate) fn rows(&self, watermark: i64) -> Vec<String> {
        let due = self.groups.iter().filter(|(((end, _), _, _), _)| *end <= watermark);
        let rows = due.map(|(((end, start), name, id), group)| {
            let mut values: Vec<String> = Vec::new();
            values.extend(name.clone().map(text));
            values.extend(id.map(|id| text(id.map(|id| id.to_string()))));
            values.extend([time(*start), time(*end), time(end - 1)]);
            values.push(group.rows.to_string());
            let count = group.quantities.len();
            values.push(count.to_string());
            let sum: i64 = group.quantities.iter().sum();
            values.push(text((count > 0).then(|| sum.to_string())));
            values.push(text((count > 0).then(|| float(sum as f64 / count as f64))));
            let some = !group.prices.is_empty();
            let prices: f64 = group.prices.iter().fold(0.0, |sum, price| sum + price);
            values.push(text(some.then(|| float(prices))));
            values.push(text(group.prices.iter().copied().reduce(f64::min).map(float)));
            values.push(text(group.names.iter().max().cloned()));
            values.push(text(some.then(|| float(prices / group.prices.len() as f64))));
            format!("0: {}", values.join(" | "))
        });
        sorted(rows.collect())
    }
}

fn text(value: Option<String>) -> String {
    value.unwrap_or("null".to_owned())
}

fn time(ms: i64) -> String {
    let column = arrow::array::TimestampMillisecondArray::from(vec![ms]);
    arrow::util::display::array_value_to_string(&column, 0).unwrap()
}

fn late_row(row: &Row, (start, end): (i64, i64), late_by: i64) -> String {
    let (id, name) = (text(row.id.map(|id| id.to_string())), text(row.name.clone()));
    let (at, start, end) = (time(row.time), time(start), time(end));
    format!("1: {at} | {id} | {name} | log watermark | {start} | {end} | {late_by}")
}

fn float(value: f64) -> String {
    let column = arrow::array::Float64Array::from(vec![value]);
    arrow::util::display::array_value_to_string(&column, 0).unwrap()
}
