//! Ends of logs as either kind of reader sees them.

use std::time::Duration;

use anyhow::Context as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::logs::Isolation;
use super::topics;

const REQUEST_MAX: Duration = Duration::from_secs(10);

/// The end of every partition: the last stable offset for `Committed`, the high watermark for `Uncommitted`.
pub fn ends(bootstrap: &str, topic: &str, isolation: Isolation) -> anyhow::Result<Vec<i64>> {
    let partitions = topics::partitions(bootstrap, topic)?
        .with_context(|| format!("topic {topic} does not exist"))?;
    // Without a group: there is nothing to leave when it closes.
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("isolation.level", isolation.name())
        .create()
        .context("cannot open a client")?;
    (0..partitions)
        .map(|partition| {
            let (_, end) = client
                .fetch_watermarks(topic, partition as i32, REQUEST_MAX)
                .with_context(|| format!("the end of {topic}[{partition}]"))?;
            Ok(end)
        })
        .collect()
}

/// A partition whose last stable offset lies before its end: a transaction is open there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Topic and partition.
    pub log: String,
    /// What a `read_committed` reader reaches.
    pub last_stable: i64,
    /// Where the log ends.
    pub end: i64,
}

/// The partitions of a topic that an open transaction holds back now.
pub fn held_back(bootstrap: &str, topic: &str) -> anyhow::Result<Vec<HeldBack>> {
    // Ends first: a commit in between can only make the stable offset larger.
    let all = ends(bootstrap, topic, Isolation::Uncommitted)?;
    let stable = ends(bootstrap, topic, Isolation::Committed)?;
    Ok(compare(topic, &stable, &all))
}

fn compare(topic: &str, stable: &[i64], all: &[i64]) -> Vec<HeldBack> {
    stable
        .iter()
        .zip(all)
        .enumerate()
        .filter(|(_, (stable, end))| stable < end)
        .map(|(partition, (stable, end))| HeldBack {
            log: format!("{topic}[{partition}]"),
            last_stable: *stable,
            end: *end,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stable_offset_before_the_end_is_an_open_transaction() {
        assert_eq!(compare("out", &[3, 5], &[3, 5]), []);
        let held = compare("out", &[3, 4], &[3, 5]);
        assert_eq!(held, [HeldBack { log: "out[1]".into(), last_stable: 4, end: 5 }]);
    }
}
