//! Rows of a query over processing time, as the job stamped them. No one else can know when they were read, so it
//! writes them to a sink of their own in the same pass; what the windows must hold follows from that.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::query::Query;
use super::rows::Input;

#[derive(Deserialize)]
struct Stamped {
    #[serde(rename = "ref")]
    reference: String,
    event_time: String,
}

/// The rows of the sink of [`Query::bids_stamps`].
#[derive(Default)]
pub struct Stamps {
    /// By partition and number in it: when the row was read, and the row.
    rows: BTreeMap<(usize, u64), (i64, Vec<u8>)>,
}

impl Stamps {
    /// Takes the next row of the sink. Every row of the source comes once.
    pub fn take(&mut self, value: &[u8]) -> anyhow::Result<()> {
        let text = || String::from_utf8_lossy(value).into_owned();
        let row: Stamped = serde_json::from_slice(value).with_context(text)?;
        let (partition, number) = row.reference.split_once(':').with_context(text)?;
        let place = (partition.parse()?, number.parse()?);
        let time: jiff::Timestamp = row.event_time.parse().with_context(text)?;
        let time = time.as_millisecond();
        let before = self.rows.insert(place, (time, value.to_vec()));
        ensure!(before.is_none(), "row {} was stamped twice", row.reference);
        Ok(())
    }

    /// The input with these times. The clock goes on without rows: every window ends.
    pub fn into_input(self, query: &Query, partitions: usize) -> anyhow::Result<Input> {
        let mut input = Input::new(query.clone(), partitions);
        let mut last = None;
        for ((partition, number), (time, value)) in &self.rows {
            let back = last.is_some_and(|(of, before)| of == *partition && before > *time);
            ensure!(!back, "row {partition}:{number} was stamped {time}, below {last:?}");
            last = Some((*partition, *time));
            input.push(*partition, value)?;
        }
        let latest = self.rows.values().map(|(time, _)| *time).max().unwrap_or_default();
        for partition in 0..partitions {
            input.go_on(partition, latest + query.closing());
        }
        Ok(input)
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Expected;
    use super::*;

    fn row(reference: &str, seconds: u32) -> Vec<u8> {
        let time = format!("2026-01-01T00:00:{seconds:02}Z");
        format!(r#"{{"ref":"{reference}","auction":7,"bidder":1,"price":5,"event_time":"{time}"}}"#)
            .into_bytes()
    }

    fn stamps(rows: &[(&str, u32)]) -> anyhow::Result<Stamps> {
        let mut stamps = Stamps::default();
        rows.iter().try_for_each(|(reference, seconds)| stamps.take(&row(reference, *seconds)))?;
        Ok(stamps)
    }

    #[test]
    fn every_window_of_stamped_rows_ends() {
        let query = Query::bids_per_auction(false).clocked();
        let stamps = stamps(&[("0:1", 12), ("0:0", 9), ("1:0", 9)]).expect("rows");
        let expected =
            Expected::of(stamps.into_input(&query, 3).expect("in order")).expect("a run");
        assert_eq!((expected.events, expected.late, expected.due()), (3, 0, 2));
    }

    #[test]
    fn rows_that_come_twice_or_go_back_in_time_are_faults() {
        assert!(stamps(&[("0:1", 12), ("0:1", 12)]).is_err());
        let query = Query::bids_per_auction(false).clocked();
        let back = stamps(&[("0:0", 12), ("0:1", 9)]).expect("each comes once");
        assert!(back.into_input(&query, 1).is_err());
    }
}
