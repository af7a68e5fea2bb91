//! Topics.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

const REQUEST_MAX: Duration = Duration::from_secs(20);
/// `default.replication.factor` of the cluster.
const AS_THE_BROKERS_SAY: i32 = -1;

/// Creates topics that keep everything; those that exist stay as they are. Returns when all are known.
pub fn create(bootstrap: &str, topics: &[(&str, u32)]) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .context("cannot open an admin client")?;
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|(name, partitions)| {
            NewTopic::new(name, *partitions as i32, TopicReplication::Fixed(AS_THE_BROKERS_SAY))
                .set("retention.ms", "-1")
                .set("message.timestamp.type", "CreateTime")
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(REQUEST_MAX));
    let results = futures::executor::block_on(admin.create_topics(&new, &options))
        .context("cannot create topics")?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => bail!("cannot create topic {topic}: {code}"),
        }
    }
    for (name, wanted) in topics {
        crate::harness::wait::until(&format!("topic {name}"), REQUEST_MAX, || {
            Ok(partitions(bootstrap, name)?.filter(|found| found >= wanted))
        })?;
    }
    Ok(())
}

/// Creates a topic with settings of its own.
pub fn create_with(
    bootstrap: &str,
    topic: &str,
    partitions: u32,
    settings: &[(&str, &str)],
) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .context("cannot open an admin client")?;
    let replicas = TopicReplication::Fixed(AS_THE_BROKERS_SAY);
    let new = NewTopic::new(topic, partitions as i32, replicas);
    let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    let options = AdminOptions::new().request_timeout(Some(REQUEST_MAX));
    let results = futures::executor::block_on(admin.create_topics([&new], &options))
        .context("cannot create a topic")?;
    for result in results {
        result.map_err(|(topic, code)| anyhow!("cannot create topic {topic}: {code}"))?;
    }
    create(bootstrap, &[(topic, partitions)]) // until it is known
}

/// Adds partitions to a topic until there are so many.
pub fn grow(bootstrap: &str, topic: &str, partitions: u32) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .context("cannot open an admin client")?;
    let new = NewPartitions::new(topic, partitions as usize);
    let options = AdminOptions::new().request_timeout(Some(REQUEST_MAX));
    let results = futures::executor::block_on(admin.create_partitions([&new], &options))
        .context("cannot add partitions")?;
    for result in results {
        result.map_err(|(topic, code)| anyhow!("cannot grow topic {topic}: {code}"))?;
    }
    create(bootstrap, &[(topic, partitions)]) // until they are known
}

/// Deletes topics; those that do not exist are none.
pub fn delete(bootstrap: &str, topics: &[&str]) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .context("cannot open an admin client")?;
    let options = AdminOptions::new().request_timeout(Some(REQUEST_MAX));
    let results = futures::executor::block_on(admin.delete_topics(topics, &options))
        .context("cannot delete topics")?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => bail!("cannot delete topic {topic}: {code}"),
        }
    }
    Ok(())
}

/// Number of partitions of a topic; `None` when it does not exist.
pub fn partitions(bootstrap: &str, topic: &str) -> anyhow::Result<Option<u32>> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("allow.auto.create.topics", "false")
        .create()
        .context("cannot open a client")?;
    let metadata = client
        .fetch_metadata(Some(topic), REQUEST_MAX)
        .with_context(|| format!("cannot read the metadata of topic {topic}"))?;
    let found = metadata.topics().iter().find(|t| t.name() == topic);
    Ok(found
        .filter(|t| t.error().is_none() && !t.partitions().is_empty())
        .map(|t| t.partitions().len() as u32))
}
