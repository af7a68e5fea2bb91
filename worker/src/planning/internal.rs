//! The topics that a job makes for itself.

use std::collections::BTreeMap;

use connectors::kafka::{NewTopic, TopicCreation};
use protocol::acquire::Stop;
use protocol::reason::Reason;

use crate::cluster::{Cluster, retrying};
use crate::limits::INTERNAL_REPLICAS;

/// Creates an internal topic (S3) unless it exists; its partitions.
pub(super) fn create(cluster: &Cluster, topic: &str, partitions: u32) -> Result<u32, Stop> {
    let brokers = retrying(|| cluster.admin.brokers())? as u32;
    let mut settings = BTreeMap::from([
        ("retention.ms".to_owned(), "-1".to_owned()),
        ("retention.bytes".to_owned(), "-1".to_owned()),
        ("cleanup.policy".to_owned(), "delete".to_owned()),
    ]);
    let replicas = brokers.clamp(1, INTERNAL_REPLICAS);
    if replicas >= INTERNAL_REPLICAS {
        settings.insert("min.insync.replicas".to_owned(), "2".to_owned());
    }
    let new =
        NewTopic { name: topic.to_owned(), partitions, replication: Some(replicas), settings };
    if retrying(|| cluster.admin.create_topic(&new))? == TopicCreation::Created {
        tracing::info!(topic, partitions, "internal topic created");
        return Ok(partitions);
    }
    let info = retrying(|| cluster.admin.topics(&[topic]))?.pop().flatten();
    let info = info.ok_or_else(|| {
        Stop::new(Reason::BrokerUnreachable, format!("the topic '{topic}' exists but is not shown"))
    })?;
    let found = retrying(|| cluster.admin.settings(topic))?;
    if found.retention().is_some() || found.is_compacted() {
        let message = format!(
            "the internal topic '{topic}' would lose records (its retention.ms must be -1 and its cleanup.policy delete); correct its settings"
        );
        return Err(Stop::new(Reason::InvalidSpec, message));
    }
    Ok(info.partitions)
}

/// Grows an internal topic.
pub(super) fn grow(cluster: &Cluster, topic: &str, partitions: u32) -> Result<(), Stop> {
    tracing::info!(topic, partitions, "internal topic grows");
    retrying(|| cluster.admin.grow_topic(topic, partitions))
}
