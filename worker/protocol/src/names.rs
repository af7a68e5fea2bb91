//! Every Kafka name of a job, made in one place (C2).

use crate::ids::{Fingerprint, Generation, SlotIndex, StageId};
use crate::limits::NAME_BYTES_MAX;

/// A name longer than Kafka takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the Kafka name '{name}' has {len} bytes, more than {NAME_BYTES_MAX}; shorten spec.kafka.internalPrefix"
)]
pub struct NameTooLong {
    name: String,
    len: usize,
}

/// Names under `<prefix>.<job uid>.`, so that one prefixed ACL covers a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    root: String,
}

impl Names {
    /// `prefix` is `spec.kafka.internalPrefix`, `uid` the job's identity.
    pub fn new(prefix: &str, uid: &str) -> Result<Self, NameTooLong> {
        let names = Self { root: format!("{prefix}.{uid}") };
        // The longest name is an exchange's; operator ids are bounded by the planner.
        checked(names.control_topic())?;
        Ok(names)
    }

    /// What every name of this job starts with.
    pub fn prefix(&self) -> String {
        format!("{}.", self.root)
    }

    /// The consumer group that keeps the offsets of a stage. Nobody subscribes with it.
    pub fn group(&self, stage: StageId) -> String {
        format!("{}.{stage}", self.root)
    }

    /// The transactional id of a slot of a generation (O1).
    pub fn transactional_id(&self, generation: Generation, slot: SlotIndex) -> String {
        format!("{}.{generation}.{slot}", self.root)
    }

    /// The topic of an exchange: a successor reads it if format, key and row type agree (O6).
    pub fn exchange_topic(
        &self,
        operator_id: &str,
        fingerprint: &Fingerprint,
    ) -> Result<String, NameTooLong> {
        checked(format!("{}.x.{operator_id}.{fingerprint}", self.root))
    }

    /// The topic without records whose offsets prove that a read is fresh (O3).
    pub fn control_topic(&self) -> String {
        format!("{}.control", self.root)
    }
}

fn checked(name: String) -> Result<String, NameTooLong> {
    let len = name.len();
    if len > NAME_BYTES_MAX { Err(NameTooLong { name, len }) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_frozen() {
        let names = Names::new("streamjob", "u-1").expect("short");
        let fingerprint = Fingerprint::from_bits(7);
        assert_eq!(names.group(StageId(2)), "streamjob.u-1.2");
        assert_eq!(names.transactional_id(Generation(3), SlotIndex(4)), "streamjob.u-1.3.4");
        assert_eq!(
            names.exchange_topic("counts.window", &fingerprint).expect("short"),
            "streamjob.u-1.x.counts.window.0000000000000007"
        );
        assert_eq!(names.control_topic(), "streamjob.u-1.control");
    }

    #[test]
    fn a_name_that_kafka_would_refuse_is_refused_here() {
        assert!(Names::new(&"p".repeat(250), "u").is_err());
        let names = Names::new("p", "u").expect("short");
        assert!(names.exchange_topic(&"o".repeat(240), &Fingerprint::from_bits(1)).is_err());
    }
}
