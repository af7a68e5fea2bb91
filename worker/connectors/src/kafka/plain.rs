//! A producer without transactions, for sinks of jobs that ask for at least once (C8).

use std::time::{Duration, Instant};

use super::burst::Burst;
use super::config::KafkaConfig;
use super::error::KafkaError;
use super::produce::{CheckedProducer, Deliveries, deliver, drain, producer_config};

/// Sends bursts; a burst that failed may be sent again, and parts of it may then be there twice.
pub struct PlainProducer {
    producer: CheckedProducer,
    timeout: Duration,
    brokers: String,
    number: usize,
}

impl PlainProducer {
    /// Makes the producer. `timeout` bounds one [`PlainProducer::send`].
    pub fn open(config: &KafkaConfig, timeout: Duration) -> Result<Self, KafkaError> {
        let mut client = producer_config(config)?;
        client.set("message.timeout.ms", timeout.as_millis().max(1).to_string());
        let producer = client
            .create_with_context(Deliveries::default())
            .map_err(|error| config.error("open a producer", &error))?;
        Ok(Self { producer, timeout, brokers: config.bootstrap.clone(), number: 0 })
    }

    /// Sends all rows and returns when the brokers have each of them. The burst's offsets are not looked at. After an
    /// error of kind `Fatal` or `Fenced` this producer is finished and a new one is opened.
    pub fn send(&mut self, burst: &Burst) -> Result<(), KafkaError> {
        drain(&self.producer);
        self.number += 1;
        let deadline = Instant::now() + self.timeout + Duration::from_secs(1);
        deliver(&self.producer, burst, self.number, deadline, &self.brokers)
    }
}
