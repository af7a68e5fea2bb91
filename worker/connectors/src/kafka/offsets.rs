//! Committed offsets of groups, with their metadata.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::Log;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use super::config::KafkaConfig;
use super::context::{Watch, listen};
use super::error::{KafkaError, KafkaErrorKind};
use super::native::offsets_and_metadata;

type Client = Arc<BaseConsumer<Watch>>;

/// Reads committed offsets. Keeps one connected client per group; drop it when the reading is over.
pub struct GroupOffsets {
    config: KafkaConfig,
    clients: Mutex<HashMap<(String, bool), Client>>,
}

impl GroupOffsets {
    /// No client is made before the first question.
    pub fn new(config: &KafkaConfig) -> Self {
        Self { config: config.clone(), clients: Mutex::default() }
    }

    /// The offset and metadata of each log, `None` where the group has none.
    ///
    /// With `stable` the coordinator answers only when no transaction with offsets for these logs is open; until
    /// then, and as long as no coordinator answers, the error is of kind `Pending` after `timeout`. Metadata that is
    /// not UTF-8 comes back with replacement characters, which no decoder takes for its own.
    pub fn committed(
        &self,
        group: &str,
        logs: &[Log],
        stable: bool,
        timeout: Duration,
    ) -> Result<Vec<Option<(i64, String)>>, KafkaError> {
        if logs.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.client(group, stable)?;
        let mut list = TopicPartitionList::with_capacity(logs.len());
        for log in logs {
            list.add_partition(&log.topic, log.partition);
        }
        let result = client.committed_offsets(list, timeout);
        // Log lines and errors of this client are looked at here, nobody else polls it.
        let watch = listen(&client);
        let operation = || format!("read the offsets of group {group}");
        let list = result.map_err(|error| {
            match error {
                ClientError::MetadataFetch(code) if is_pending(code) => {
                    let (kind, detail) = (KafkaErrorKind::Pending, "no stable answer in time");
                    KafkaError::new(kind, &self.config.bootstrap, operation(), detail)
                }
                other => self.config.error(operation(), &other),
            }
            .told_by(watch)
        })?;
        for entry in list.elements() {
            if let Err(error) = entry.error() {
                return Err(self.config.error(operation(), &error));
            }
        }
        let found = offsets_and_metadata(&list);
        debug_assert_eq!(found.len(), logs.len());
        Ok(found
            .into_iter()
            .map(|(offset, metadata)| {
                (offset >= 0).then(|| (offset, String::from_utf8_lossy(metadata).into_owned()))
            })
            .collect())
    }

    /// Makes the client for stable answers about a group; it looks for the coordinator meanwhile. Where that fails, the
    /// question will say so.
    pub fn prepare(&self, group: &str) {
        if let Err(error) = self.client(group, true) {
            tracing::debug!(target: "kafka", "{error}");
        }
    }

    fn client(&self, group: &str, stable: bool) -> Result<Client, KafkaError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (group.to_owned(), stable);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let isolation = if stable { "read_committed" } else { "read_uncommitted" };
        let mut config = self.config.client()?;
        config
            .set("group.id", group)
            .set("isolation.level", isolation)
            .set("enable.auto.commit", "false")
            .set("retry.backoff.ms", "5")
            .set("retry.backoff.max.ms", "50");
        let client: BaseConsumer<Watch> =
            config.create_with_context(Watch::default()).map_err(|error| {
                self.config.error(format!("open a client of group {group}"), &error)
            })?;
        let client = Arc::new(client);
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// No answer in time, or one that says that it is not final.
fn is_pending(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::UnstableOffsetCommit
            | Code::WaitingForCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
    )
}
