//! Offsets of groups that nobody subscribes to.

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{
    Contract, ContractProducer, PATIENCE, SHORT, error_text, outcome, reports, send, wait,
};

/// Partition, offset and metadata.
type Committed<'a> = (i32, i64, &'a str);

fn offsets(topic: &str, entries: &[Committed<'_>]) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, offset, metadata) in entries {
        let mut element = list.add_partition(topic, *partition);
        element.set_offset(Offset::Offset(*offset))?;
        element.set_metadata(*metadata);
    }
    Ok(list)
}

fn committed(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: i32,
    patience: std::time::Duration,
) -> String {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(topic, 0, partitions - 1);
    match consumer.committed_offsets(asked, patience) {
        Err(error) => error_text(&error),
        Ok(found) => {
            let texts = found.elements().into_iter().map(|element| match element.error() {
                Ok(()) => format!("{:?} {:?}", element.offset(), element.metadata()),
                Err(error) => error_text(&error),
            });
            texts.collect::<Vec<_>>().join(", ")
        }
    }
}

pub(super) fn plain_offsets(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 3)?;
    let consumer = contract.consumer("group", "read_committed")?;
    contract.line("at first", committed(&consumer, &topic, 3, PATIENCE));
    let long = "x".repeat(4096);
    let too_long = "x".repeat(4097);
    let commits: [(&str, &[Committed<'_>]); 5] = [
        ("two", &[(0, 7, "seven"), (1, 0, "")]),
        ("back", &[(0, 3, "three")]),
        ("long metadata", &[(2, 1, &long)]),
        ("too long metadata", &[(2, 2, &too_long)]),
        ("unknown partition", &[(9, 1, "nine")]),
    ];
    for (what, entries) in commits {
        let result = consumer.commit(&offsets(&topic, entries)?, CommitMode::Sync);
        contract.line(what, outcome(&result));
        let now = committed(&consumer, &topic, 3, PATIENCE);
        contract.line("committed", now.replace(&long, "4096 bytes"));
    }
    Ok(())
}

fn commit_offsets(
    producer: &ContractProducer,
    consumer: &BaseConsumer,
    list: &TopicPartitionList,
) -> Result<String> {
    let group = consumer.group_metadata().context("the consumer has no group")?;
    Ok(outcome(&producer.send_offsets_to_transaction(list, &group, PATIENCE)))
}

pub(super) fn transactional_offsets(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 2)?;
    let output = contract.topic("out", 1)?;
    let reader = contract.consumer("group", "read_committed")?;
    let producer = contract.owner("writer")?;
    let rounds = [(true, 5, "five"), (false, 6, "six"), (true, 7, "seven"), (false, 8, "eight")];
    for (commit, offset, metadata) in rounds {
        producer.begin_transaction()?;
        send(&producer, (&output, 0), "k", metadata)?;
        contract.line("reports", reports(&producer)?);
        let list = offsets(&topic, &[(0, offset, metadata), (1, offset + 100, "")])?;
        contract.line("send offsets", commit_offsets(&producer, &reader, &list)?);
        let end = if commit {
            producer.commit_transaction(PATIENCE)
        } else {
            producer.abort_transaction(PATIENCE)
        };
        contract.line(if commit { "commit" } else { "abort" }, outcome(&end));
        // The stable read waits for the markers by itself.
        contract.line("committed", committed(&reader, &topic, 2, PATIENCE));
    }
    producer.begin_transaction()?;
    let list = offsets(&topic, &[(0, 9, "offsets alone")])?;
    contract.line("send offsets", commit_offsets(&producer, &reader, &list)?);
    contract.line("commit", outcome(&producer.commit_transaction(PATIENCE)));
    contract.line("committed", committed(&reader, &topic, 2, PATIENCE));
    contract.wait_stable((&output, 0), 8)?;
    contract.show("read_committed", (&output, 0), 0)
}

pub(super) fn stable_offsets_wait(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 2)?;
    let stable = contract.consumer("group", "read_committed")?;
    let unstable = contract.consumer("group", "read_uncommitted")?;
    let first = offsets(&topic, &[(0, 1, "one"), (1, 1, "one")])?;
    contract.line("commit", outcome(&stable.commit(&first, CommitMode::Sync)));
    let producer = contract.owner("writer")?;
    producer.begin_transaction()?;
    let list = offsets(&topic, &[(0, 2, "two")])?;
    contract.line("send offsets", commit_offsets(&producer, &stable, &list)?);
    contract.line("unstable read", committed(&unstable, &topic, 2, PATIENCE));
    contract.line("stable read", committed(&stable, &topic, 2, SHORT));
    // The fence by a second owner settles it; the old transaction counts for nothing.
    let _owner = contract.owner("writer")?;
    contract.line("stable read after the fence", committed(&stable, &topic, 2, PATIENCE));
    contract.line("commit of the first", outcome(&producer.commit_transaction(PATIENCE)));
    contract.line("stable read at the end", committed(&stable, &topic, 2, PATIENCE));
    Ok(())
}

pub(super) fn only_ids_fence(contract: &mut Contract) -> Result<()> {
    let topic = contract.topic("in", 1)?;
    let reader = contract.consumer("group", "read_committed")?;
    let older = contract.owner("older")?;
    let newer = contract.owner("newer")?;
    older.begin_transaction()?;
    newer.begin_transaction()?;
    let list = offsets(&topic, &[(0, 1, "older")])?;
    contract.line("send by the older", commit_offsets(&older, &reader, &list)?);
    let list = offsets(&topic, &[(0, 2, "newer")])?;
    contract.line("send by the newer", commit_offsets(&newer, &reader, &list)?);
    contract.line("commit by the newer", outcome(&newer.commit_transaction(PATIENCE)));
    let unstable = contract.consumer("group", "read_uncommitted")?;
    let seen = wait("the newer offset", || {
        let seen = committed(&unstable, &topic, 1, PATIENCE);
        Ok(seen.contains("newer").then_some(seen))
    })?;
    contract.line("unstable read", seen);
    contract.line("commit by the older", outcome(&older.commit_transaction(PATIENCE)));
    // Of two commits the later request wins, not the later end.
    contract.line("stable read", committed(&reader, &topic, 1, PATIENCE));
    Ok(())
}
