//! Settings of every client, and which of them a user may not touch.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::error::{KafkaError, KafkaErrorKind};
use crate::limits::LIBRDKAFKA_VERSION_MIN;

/// Properties that carry the exactly-once protocol or the identity of a client. Set from outside they are refused.
const RESERVED: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "debug",
    "delivery.report.only.error",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "log.queue",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.timeout.ms",
    "metadata.broker.list",
    "partitioner",
    "plugin.library.paths",
    "request.required.acks",
    "transaction.timeout.ms",
    "transactional.id",
];

/// How to reach a cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `host:port`, comma separated.
    pub bootstrap: String,
    /// `security.protocol`, `ssl.*`, `sasl.*` and tuning, with secrets as values. Never shown.
    pub properties: BTreeMap<String, String>,
    /// Who is asking, as brokers log it.
    pub client_id: String,
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("bootstrap", &self.bootstrap)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .field("client_id", &self.client_id)
            .finish()
    }
}

/// The client id of a slot.
pub fn slot_client_id(job: &str, generation: u64, slot: u32) -> String {
    format!("streamjob-{job}-g{generation}-s{slot}")
}

impl KafkaConfig {
    /// The same cluster under another client id.
    #[must_use]
    pub fn with_client_id(&self, client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), ..self.clone() }
    }

    /// Refuses what no client may be made of.
    pub fn check(&self) -> Result<(), KafkaError> {
        let invalid = |detail: String| {
            Err(KafkaError::new(KafkaErrorKind::Invalid, &self.bootstrap, "configure", detail))
        };
        if self.bootstrap.trim().is_empty() {
            return invalid("no bootstrap servers are given".to_owned());
        }
        for (key, value) in &self.properties {
            if RESERVED.contains(&key.as_str()) {
                return invalid(format!("the property '{key}' is set by streamjob itself"));
            }
            let mechanism = key == "sasl.mechanism" || key == "sasl.mechanisms";
            if mechanism && !["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].contains(&value.as_str()) {
                let known = "PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are supported";
                return invalid(format!("the SASL mechanism '{value}' is not supported; {known}"));
            }
        }
        let (version, text) = rdkafka::util::get_rdkafka_version();
        if version < LIBRDKAFKA_VERSION_MIN {
            return invalid(format!("librdkafka {text} is too old for exactly once"));
        }
        Ok(())
    }

    /// Settings that all clients share; the caller adds its own after them.
    pub(crate) fn client(&self) -> Result<ClientConfig, KafkaError> {
        self.check()?;
        let mut config = ClientConfig::new();
        // Reached quickly again after a broker's restart, with an answer to a connection that hangs.
        config.set("reconnect.backoff.ms", "20").set("reconnect.backoff.max.ms", "1000");
        config.set("socket.timeout.ms", "5000").set("socket.connection.setup.timeout.ms", "5000");
        config.set("socket.nagle.disable", "true").set("socket.keepalive.enable", "true");
        config.set("enable.sparse.connections", "false");
        config.set("allow.auto.create.topics", "false");
        // How long a topic that no broker knows may still be one that is just being created.
        config.set("topic.metadata.propagation.max.ms", "3000");
        // A partition without a leader, or a deleted topic, is looked at again this soon.
        config.set("topic.metadata.refresh.interval.ms", "5000");
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap).set("client.id", &self.client_id);
        config.set_log_level(RDKafkaLogLevel::Info);
        Ok(config)
    }

    /// The error of a failed operation on this cluster.
    pub(crate) fn error(
        &self,
        operation: impl Into<String>,
        error: &rdkafka::error::KafkaError,
    ) -> KafkaError {
        KafkaError::of(&self.bootstrap, operation, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> KafkaConfig {
        let properties = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        KafkaConfig { bootstrap: "kafka:9092".into(), properties, client_id: "test".into() }
    }

    #[test]
    fn the_protocols_own_properties_are_refused() {
        for key in ["isolation.level", "transactional.id", "acks", "debug"] {
            let refused = with(key, "1").check().unwrap_err();
            assert_eq!(refused.kind, KafkaErrorKind::Invalid);
            assert!(refused.detail.contains(key), "{refused}");
        }
        assert!(with("linger.ms", "1").check().is_ok());
        assert!(with("sasl.mechanism", "OAUTHBEARER").check().is_err());
        assert!(with("sasl.mechanism", "SCRAM-SHA-512").check().is_ok());
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", with("sasl.password", "hunter2"));
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }
}
