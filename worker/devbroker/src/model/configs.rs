//! Topic configuration: what Kafka knows, with its defaults.
//!
//! Only `message.timestamp.type`, `max.message.bytes` and `cleanup.policy` (for `DeleteRecords`)
//! have an effect. Nothing expires and nothing is compacted: the memory bound of the broker is the
//! only limit.

/// One configuration entry of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Its name.
    pub name: &'static str,
    /// Its default.
    pub default: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Fraction,
    Boolean,
    List(&'static [&'static str]),
    OneOf(&'static [&'static str]),
    Text,
}

impl Config {
    /// The number of its type in a `DescribeConfigs` answer.
    pub fn type_code(&self) -> i8 {
        match self.kind {
            Kind::Boolean => 1,
            Kind::Text | Kind::OneOf(_) => 2,
            Kind::Number => 5,
            Kind::Fraction => 6,
            Kind::List(_) => 7,
        }
    }

    fn accepts(&self, value: &str) -> bool {
        match self.kind {
            Kind::Number => value.parse::<i64>().is_ok_and(|number| number >= -2),
            Kind::Fraction => {
                value.parse::<f64>().is_ok_and(|number| (0.0..=1.0).contains(&number))
            }
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::List(words) => value.split(',').all(|part| words.contains(&part.trim())),
            Kind::OneOf(words) => words.contains(&value),
            Kind::Text => true,
        }
    }
}

const fn entry(name: &'static str, default: &'static str, kind: Kind) -> Config {
    Config { name, default, kind }
}

const CODECS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
const TIMES: &[&str] = &["CreateTime", "LogAppendTime"];

/// Every configuration entry of a topic, by name.
pub const CONFIGS: &[Config] = &[
    entry("cleanup.policy", "delete", Kind::List(&["delete", "compact"])),
    entry("compression.gzip.level", "-1", Kind::Number),
    entry("compression.lz4.level", "9", Kind::Number),
    entry("compression.type", "producer", Kind::OneOf(CODECS)),
    entry("compression.zstd.level", "3", Kind::Number),
    entry("delete.retention.ms", "86400000", Kind::Number),
    entry("file.delete.delay.ms", "60000", Kind::Number),
    entry("flush.messages", "9223372036854775807", Kind::Number),
    entry("flush.ms", "9223372036854775807", Kind::Number),
    entry("follower.replication.throttled.replicas", "", Kind::Text),
    entry("index.interval.bytes", "4096", Kind::Number),
    entry("leader.replication.throttled.replicas", "", Kind::Text),
    entry("local.retention.bytes", "-2", Kind::Number),
    entry("local.retention.ms", "-2", Kind::Number),
    entry("max.compaction.lag.ms", "9223372036854775807", Kind::Number),
    entry("max.message.bytes", "1048588", Kind::Number),
    entry("message.timestamp.after.max.ms", "3600000", Kind::Number),
    entry("message.timestamp.before.max.ms", "9223372036854775807", Kind::Number),
    entry("message.timestamp.type", "CreateTime", Kind::OneOf(TIMES)),
    entry("min.cleanable.dirty.ratio", "0.5", Kind::Fraction),
    entry("min.compaction.lag.ms", "0", Kind::Number),
    entry("min.insync.replicas", "1", Kind::Number),
    entry("preallocate", "false", Kind::Boolean),
    entry("remote.storage.enable", "false", Kind::Boolean),
    entry("retention.bytes", "-1", Kind::Number),
    entry("retention.ms", "604800000", Kind::Number),
    entry("segment.bytes", "1073741824", Kind::Number),
    entry("segment.index.bytes", "10485760", Kind::Number),
    entry("segment.jitter.ms", "0", Kind::Number),
    entry("segment.ms", "604800000", Kind::Number),
    entry("unclean.leader.election.enable", "false", Kind::Boolean),
];

/// Whether a topic may have this entry.
pub(crate) fn is_valid(name: &str, value: &str) -> bool {
    CONFIGS.iter().any(|config| config.name == name && config.accepts(value))
}
