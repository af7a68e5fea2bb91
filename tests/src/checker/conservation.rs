//! Check 4: what moves from one account to another is never seen on the way. Every transfer is two rows of opposite
//! amounts; at every prefix of the output that a reader of committed rows can reach, the sum of all is zero.
//!
//! A prefix of one log is cut by one transaction at a time only if one slot writes it, so the job has one slot and the
//! output one partition.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::verdict::Verdict;
use crate::kafka::logs::{self, Isolation};

/// One row of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Leg {
    /// Which transfer: the provenance of the input row.
    #[serde(rename = "ref")]
    pub transfer: String,
    /// What the account gains; negative for the one that pays.
    pub amount: i64,
}

/// Takes rows in log order.
#[derive(Debug, Default)]
pub struct Conservation {
    sum: i64,
    boundaries: u64,
    legs: BTreeMap<String, Vec<i64>>,
    broken: u64,
    first: Option<String>,
}

impl Conservation {
    /// Takes the next row.
    pub fn take(&mut self, leg: Leg) {
        self.sum += leg.amount;
        self.legs.entry(leg.transfer).or_default().push(leg.amount);
    }

    /// A reader of committed rows sees exactly what was taken so far; `place` names where.
    pub fn boundary(&mut self, place: &dyn Fn() -> String) {
        self.boundaries += 1;
        if self.sum != 0 {
            self.broken += 1;
            let sum = self.sum;
            self.first.get_or_insert_with(|| format!("the sum is {sum} at {}", place()));
        }
    }

    /// Prefixes that were looked at.
    pub fn boundaries(&self) -> u64 {
        self.boundaries
    }

    /// Transfers of which at least one row was seen.
    pub fn transfers(&self) -> u64 {
        self.legs.len() as u64
    }

    /// Adds what was found to a verdict; every one of `transfers` must have come, both rows of it once.
    pub fn finish(self, transfers: u64, verdict: &mut Verdict) {
        verdict.noun = "transfers";
        verdict.expected += transfers;
        verdict.note("prefix that does not sum to zero", self.broken, self.first);
        let missing = transfers.saturating_sub(self.legs.len() as u64);
        verdict.lost += missing;
        verdict.note("transfer lost", missing, None);
        let uneven: Vec<_> = self
            .legs
            .iter()
            .filter(|(_, legs)| legs.len() != 2 || legs.iter().sum::<i64>() != 0)
            .collect();
        let witness = uneven.first().map(|(transfer, legs)| format!("{transfer}: {legs:?}"));
        verdict.note("transfer that is not two opposite rows", uneven.len() as u64, witness);
    }
}

/// Reads the one partition of an output while it is written.
pub struct ConservationReader {
    consumer: BaseConsumer,
    topic: String,
    seen: Conservation,
}

impl ConservationReader {
    /// Starts at the beginning.
    pub fn open(bootstrap: &str, topic: &str) -> anyhow::Result<Self> {
        let consumer = logs::consumer(bootstrap, Isolation::Committed)?;
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, 0, Offset::Beginning)?;
        consumer.assign(&assignment)?;
        Ok(Self { consumer, topic: topic.to_owned(), seen: Conservation::default() })
    }

    /// Reads to the end of what is committed now; that end is a boundary. Errors that pass are waited out.
    pub fn read_on(&mut self, at_most: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + at_most;
        loop {
            match self.consumer.poll(Duration::from_millis(20)) {
                Some(Ok(message)) => {
                    let value = message.payload().context("a row without a value")?;
                    self.seen.take(serde_json::from_slice(value).context("a leg of a transfer")?);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    let topic = &self.topic;
                    let seen = self.seen.transfers();
                    self.seen.boundary(&|| format!("an end of {topic} after {seen} transfers"));
                    return Ok(());
                }
                Some(Err(error)) if logs::is_passing(&error) => {}
                Some(Err(error)) => return Err(error).with_context(|| self.topic.clone()),
                None if Instant::now() > until => return Ok(()),
                None => {}
            }
        }
    }

    /// Reads until so many transfers were seen, at the latest until the time is up.
    pub fn read_until(&mut self, transfers: u64, at_most: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + at_most;
        while self.seen.transfers() < transfers {
            if Instant::now() > until {
                bail!("{} of {transfers} transfers within {at_most:?}", self.seen.transfers());
            }
            self.read_on(Duration::from_millis(200))?;
        }
        self.read_on(Duration::from_secs(1))
    }

    /// Transfers of which at least one row was seen so far.
    pub fn transfers(&self) -> u64 {
        self.seen.transfers()
    }

    /// What was seen.
    pub fn into_seen(self) -> Conservation {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(transfer: &str, amount: i64) -> Leg {
        Leg { transfer: transfer.to_owned(), amount }
    }

    /// `None` is a boundary.
    fn faults(rows: &[Option<(&str, i64)>], transfers: u64) -> Vec<String> {
        let mut seen = Conservation::default();
        for row in rows {
            match row {
                Some((transfer, amount)) => seen.take(leg(transfer, *amount)),
                None => seen.boundary(&|| "here".to_owned()),
            }
        }
        let mut verdict = Verdict::default();
        seen.finish(transfers, &mut verdict);
        verdict.findings.into_iter().map(|finding| finding.fault).collect()
    }

    #[test]
    fn whole_transfers_are_clean_wherever_they_are_cut() {
        let rows = [None, Some(("a", -5)), Some(("b", -7)), Some(("a", 5)), Some(("b", 7)), None];
        assert_eq!(faults(&rows, 2), Vec::<String>::new());
    }

    #[test]
    fn half_transfers_lost_and_doubled_rows_are_caught() {
        let half = [Some(("a", -5)), None, Some(("a", 5)), None];
        assert_eq!(faults(&half, 1), ["prefix that does not sum to zero"]);
        let lost = [Some(("a", -5)), Some(("a", 5)), None];
        assert_eq!(faults(&lost, 2), ["transfer lost"]);
        // Both rows again: the sum says nothing, the count does.
        let doubled = [Some(("a", -5)), Some(("a", 5)), Some(("a", -5)), Some(("a", 5)), None];
        assert_eq!(faults(&doubled, 1), ["transfer that is not two opposite rows"]);
    }
}
