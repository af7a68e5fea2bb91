//! The definition, row by row.

use std::collections::{BTreeMap, BTreeSet};

use dataflow::WindowKind;

use crate::support::{DELAY, Keys, Row, sorted};

/// A row with its place in time, logs and its log.
type Placed = (i64, usize, usize, Row);

#[derive(Default)]
struct Group {
    rows: Vec<Placed>,
}

/// The keys, name and id.
type RowKey = (Option<Option<String>>, Option<Option<i64>>);

/// End and start of the window, then the keys.
type GroupKey = ((i64, i64), Option<Option<String>>, Option<Option<i64>>);

#[derive(Default)]
pub(crate) struct Naive {
    groups: BTreeMap<GroupKey, Group>,
    /// Rows for sessions, by key.
    single: BTreeMap<RowKey, Vec<Placed>>,
    gap: Option<i64>,
    logs: usize,
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
        WindowKind::Session { gap_ms } => return vec![(time, time + gap_ms)],
        WindowKind::All
        | WindowKind::Life { .. }
        | WindowKind::First { .. }
        | WindowKind::Over(_) => panic!("{kind} is no window"),
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

    /// Rows of the next log.
    pub(crate) fn add(&mut self, kind: WindowKind, keys: Keys, rows: &[Row]) {
        let mut maximum: Option<i64> = None;
        self.gap = kind.session_gap();
        for (place, row) in rows.iter().enumerate() {
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
            let placed = (row.time, self.logs, place, row.clone());
            let key = match keys {
                Keys::None => (None, None),
                Keys::Id => (None, Some(row.id)),
                Keys::NameAndId => (Some(row.name.clone()), Some(row.id)),
            };
            for (start, end) in open {
                if self.gap.is_some() {
                    self.single.entry(key.clone()).or_default().push(placed.clone());
                } else {
                    let key = ((end, start), key.0.clone(), key.1);
                    self.groups.entry(key).or_default().rows.push(placed.clone());
                }
            }
            maximum = maximum.max(Some(row.time));
        }
        self.logs += 1;
    }

    /// Rows of a key that lie no further apart than the gap are a session.
    fn sessions(&self, gap: i64) -> BTreeMap<GroupKey, Group> {
        let mut sessions = BTreeMap::new();
        for (key, rows) in &self.single {
            let mut rows = rows.clone();
            rows.sort_by_key(|row| row.0);
            for session in rows.chunk_by(|a, b| b.0 - a.0 <= gap) {
                let (start, end) = (session[0].0, session.last().unwrap().0 + gap);
                let key = ((end, start), key.0.clone(), key.1);
                sessions.insert(key, Group { rows: session.to_vec() });
            }
        }
        sessions
    }

    /// All windows that end at the watermark or before, as the sink would show them; sessions a gap later.
    pub(crate) fn rows(&self, watermark: i64) -> Vec<String> {
        let sessions = self.gap.map(|gap| self.sessions(gap));
        let groups = sessions.as_ref().unwrap_or(&self.groups);
        let last = watermark - self.gap.unwrap_or(0);
        let due = groups.iter().filter(|(((end, _), _, _), _)| *end <= last);
        let rows = due.map(|(((end, start), name, id), group)| {
            let mut values: Vec<String> = Vec::new();
            values.extend(name.clone().map(text));
            values.extend(id.map(|id| text(id.map(|id| id.to_string()))));
            values.extend([time(*start), time(*end), time(end - 1)]);
            values.extend(group.values());
            format!("0: {}", values.join(" | "))
        });
        sorted(rows.collect())
    }
}

impl Group {
    fn values(&self) -> Vec<String> {
        let rows = || self.rows.iter().map(|(_, _, _, row)| row);
        let quantities: Vec<i64> = rows().filter_map(|row| row.quantity).collect();
        let prices: Vec<f64> = rows().filter_map(|row| row.price).collect();
        let names: Vec<&String> = rows().filter_map(|row| row.name.as_ref()).collect();
        let count = quantities.len();
        let sum: i64 = quantities.iter().sum();
        let (some, total) = (!prices.is_empty(), prices.iter().fold(0.0, |sum, p| sum + p));
        let mut ordered: Vec<&Placed> = self.rows.iter().collect();
        ordered.sort_by_key(|(time, log, place, _)| (*time, *log, *place));
        let first = ordered.iter().find_map(|row| row.3.name.clone());
        let in_order: Vec<i64> = ordered.iter().filter_map(|row| row.3.quantity).collect();
        let few: Vec<String> = in_order.iter().take(3).map(ToString::to_string).collect();
        let distinct: BTreeSet<u64> = prices.iter().map(|price| price.to_bits()).collect();
        vec![
            self.rows.len().to_string(),
            count.to_string(),
            text((count > 0).then(|| sum.to_string())),
            text((count > 0).then(|| float(sum as f64 / count as f64))),
            text(some.then(|| float(total))),
            text(prices.iter().copied().reduce(f64::min).map(float)),
            text(names.iter().max().map(ToString::to_string)),
            text(some.then(|| float(total / prices.len() as f64))),
            text(first),
            text(in_order.last().map(ToString::to_string)),
            names.iter().collect::<BTreeSet<_>>().len().to_string(),
            distinct.len().to_string(),
            // So few that none share a register: the estimate is exact.
            quantities.iter().collect::<BTreeSet<_>>().len().to_string(),
            text((!few.is_empty()).then(|| format!("[{}]", few.join(", ")))),
        ]
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
