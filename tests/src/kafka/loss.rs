//! What an administrator can do to a job behind its back.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::wait;

const REQUEST_MAX: Duration = Duration::from_secs(10);

fn admin(bootstrap: &str) -> anyhow::Result<AdminClient<DefaultClientContext>> {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .context("cannot open an admin client")
}

fn wait_for<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(tokio::runtime::Runtime::new().context("a runtime")?.block_on(future))
}

/// Forgets a group with its offsets.
pub fn delete_group(bootstrap: &str, group: &str) -> anyhow::Result<()> {
    let admin = admin(bootstrap)?;
    let options = AdminOptions::new();
    let results = wait_for(admin.delete_groups(&[group], &options))?.context("delete a group")?;
    ensure!(results.iter().all(Result::is_ok), "delete group {group}: {results:?}");
    Ok(())
}

/// Forgets the records of a topic before an offset, in each partition.
pub fn delete_records(bootstrap: &str, topic: &str, before: &[i64]) -> anyhow::Result<()> {
    let admin = admin(bootstrap)?;
    let mut list = TopicPartitionList::new();
    for (partition, offset) in before.iter().enumerate() {
        list.add_partition_offset(topic, partition as i32, Offset::Offset(*offset))?;
    }
    let options = AdminOptions::new();
    let result = wait_for(admin.delete_records(&list, &options))?.context("delete records")?;
    ensure!(result.elements().iter().all(|e| e.error().is_ok()), "delete records: {result:?}");
    Ok(())
}

/// Forgets a topic, and waits until it is gone.
pub fn delete_topic(bootstrap: &str, topic: &str) -> anyhow::Result<()> {
    let admin = admin(bootstrap)?;
    let options = AdminOptions::new();
    let results = wait_for(admin.delete_topics(&[topic], &options))?.context("delete a topic")?;
    ensure!(results.iter().all(Result::is_ok), "delete topic {topic}: {results:?}");
    wait::until_true("the end of the topic", REQUEST_MAX, || {
        Ok(super::topics::partitions(bootstrap, topic)?.is_none())
    })
}
