//! Sources: Kafka topics that the query reads as tables.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::duration::HumanDuration;
use crate::format::{Format, NO_PATHS_IN_CSV};
use crate::names::{ColumnName, RelationName, TopicName};

/// A topic that is read as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(&[
    (
        "!has(self.watermark) || self.columns.exists(c, c.name == self.watermark.column && \
         c.type == 'TIMESTAMP')",
        "watermark.column must be one of the columns, of type TIMESTAMP",
    ),
    (
        "!has(self.watermark) || !(has(self.watermark.delay) || has(self.watermark.idleTimeout) || \
         has(self.watermark.maxFuture) || has(self.watermark.maxDrift)) || !self.columns.exists(c, \
         c.name == self.watermark.column && has(c.metadata) && c.metadata == 'processingTime')",
        CLOCKED_WATERMARK,
    ),
    (
        "!has(self.partitionedBy) || \
         self.partitionedBy.all(p, self.columns.exists(c, c.name == p))",
        "partitionedBy must name declared columns",
    ),
    (
        "!has(self.partitionedBy) || !self.columns.exists(c, has(c.metadata) && \
         c.metadata == 'processingTime' && c.name in self.partitionedBy)",
        CLAIMED_CLOCK,
    ),
    (
        "!has(self.format.csv) || self.columns.all(c, !has(c.path))",
        NO_PATHS_IN_CSV,
    ),
])))]
pub struct Source {
    /// The table's name in the SQL.
    pub name: RelationName,
    /// The topic.
    pub topic: TopicName,
    /// How a record is decoded.
    pub format: Format,
    /// The fields that the query may use.
    #[schemars(length(min = 1, max = 256))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub columns: Vec<Column>,
    /// Event time. Needed by windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<WatermarkStrategy>,
    /// Where the first start begins. Nothing is assumed: it decides what is counted.
    pub start_from: StartFrom,
    /// A claim: records with equal values of these columns lie in one partition. It spares an
    /// exchange; a value seen in two partitions refutes it.
    #[schemars(length(min = 1, max = 8))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitioned_by: Option<Vec<ColumnName>>,
    /// What becomes of a record that cannot be decoded. Default `fail`.
    #[serde(default)]
    pub on_bad_record: OnBadRecord,
}

impl Source {
    /// The watermark is over processing time: it goes as the clock does.
    pub fn is_clocked(&self) -> bool {
        let time = self.watermark.as_ref().map(|watermark| &watermark.column);
        self.columns.iter().any(|column| column.is_clock() && Some(&column.name) == time)
    }
}

/// What is told where the clock is to wait for something.
pub(crate) const CLOCKED_WATERMARK: &str = "over processing time a watermark has no delay, idleTimeout, maxFuture or maxDrift: it is the clock";
/// What is told where no partition can be meant.
pub(crate) const CLAIMED_CLOCK: &str = "partitionedBy cannot name processing time";
/// What is said of a drift of nothing.
pub(crate) const DRIFT: &str =
    "maxDrift must be more than 0s: leave it out where no partition is to wait";
/// What is said of a drift where a partition at rest would hold the others back for good.
pub(crate) const DRIFT_WITHOUT_IDLE: &str = "maxDrift needs an idleTimeout of more than 0s: a partition at rest would hold the others back for good";

/// Event time and how late records may come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(&[
    ("!has(self.maxDrift) || self.maxDrift.matches('[1-9]')", DRIFT),
    (
        "!has(self.maxDrift) || !has(self.idleTimeout) || self.idleTimeout.matches('[1-9]')",
        DRIFT_WITHOUT_IDLE,
    ),
])))]
pub struct WatermarkStrategy {
    /// The column that holds the event time.
    pub column: ColumnName,
    /// How far the watermark stays behind the greatest event time of a partition. Default 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<HumanDuration>,
    /// A partition that has been read to its end for so long no longer holds the others back; with
    /// `partitionedBy` its open windows close, and rows for them that come later are late.
    /// Default 30s; `0s` switches it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<HumanDuration>,
    /// A record whose event time is further than this after its Kafka timestamp is a bad record,
    /// so that one wrong clock cannot close every window. Default 24h; `0s` switches it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_future: Option<HumanDuration>,
    /// A partition whose watermark is further than this ahead of the slowest one that windows wait
    /// for is not read until the others come closer: state and memory stay small while a backlog
    /// is read. Results are the same. By default none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_drift: Option<HumanDuration>,
}

impl WatermarkStrategy {
    /// The delay in force.
    pub fn delay(&self) -> Duration {
        self.delay.map_or(Duration::ZERO, HumanDuration::get)
    }

    /// The idle timeout in force; `None`: a partition is never idle.
    pub fn idle_timeout(&self) -> Option<Duration> {
        on_unless_zero(self.idle_timeout, HumanDuration::from_secs(30))
    }

    /// The bound on the future in force; `None`: there is none.
    pub fn max_future(&self) -> Option<Duration> {
        on_unless_zero(self.max_future, HumanDuration::from_secs(24 * 3_600))
    }

    /// The bound on how far partitions may be apart; `None`: there is none.
    pub fn max_drift(&self) -> Option<Duration> {
        self.max_drift.map(HumanDuration::get)
    }
}

fn on_unless_zero(written: Option<HumanDuration>, default: HumanDuration) -> Option<Duration> {
    let duration = written.unwrap_or(default).get();
    (!duration.is_zero()).then_some(duration)
}

/// Where the first start of a job begins to read. Later starts go on where the job was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StartFrom {
    /// The oldest record of every partition.
    Earliest(Nothing),
    /// What is written after the first start.
    Latest(Nothing),
    /// The first record at or after a time.
    Timestamp(StartTimestamp),
    /// An offset for every partition, by partition number.
    Offsets(
        // The keys are checked by the planner: a rule over the keys of a map, whose lengths no
        // schema can bound, is beyond the cost that the API server allows.
        #[schemars(extend("minProperties" = 1, "maxProperties" = 4096, "additionalProperties" =
            serde_json::json!({"type": "integer", "format": "int64", "minimum": 0})))]
        BTreeMap<String, i64>,
    ),
}

/// An object without fields, written `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nothing {}

/// A point in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StartTimestamp {
    /// The time, RFC 3339 with seconds and offset, such as `2026-01-31T00:00:00Z`.
    #[schemars(extend("format" = "date-time", "maxLength" = 40))]
    pub at: String,
}

/// What becomes of a record that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnBadRecord {
    /// The job stops at it and says where it lies.
    Fail(Nothing),
    /// It is counted and left out.
    Skip(Nothing),
    /// It is written to a topic, in the transaction that commits its offset.
    DeadLetter(DeadLetter),
}

impl Default for OnBadRecord {
    fn default() -> Self {
        Self::Fail(Nothing {})
    }
}

/// Where undecodable records go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// The topic.
    pub topic: TopicName,
}
