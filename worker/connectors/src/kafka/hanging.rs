//! A transaction that nobody ends: a deliberate fault.

use std::mem;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::config::KafkaConfig;
use super::error::KafkaError;
use super::produce::producer_config;
use crate::limits::HANGING_MAX;

/// Writes a row to a topic in a transaction that stays open longer than anybody waits.
pub fn leave_open(config: &KafkaConfig, id: &str, topic: &str) -> Result<(), KafkaError> {
    let mut client = producer_config(config)?;
    client.set("transactional.id", id);
    client.set("transaction.timeout.ms", HANGING_MAX.as_millis().to_string());
    let stop = |error| config.error("leave a transaction open", &error);
    let producer: BaseProducer = client.create().map_err(stop)?;
    producer.init_transactions(HANGING_MAX).map_err(stop)?;
    producer.begin_transaction().map_err(stop)?;
    let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).payload(b"{}");
    producer.send(record).map_err(|(error, _)| stop(error))?;
    producer.flush(HANGING_MAX).map_err(stop)?;
    // Dropped, it would abort.
    mem::forget(producer);
    Ok(())
}
