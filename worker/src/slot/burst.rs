//! From what is due at a boundary to the records of a transaction.

use std::time::{Duration, Instant};

use connectors::Burst;
use connectors::turns;
use dataflow::{Emission, Input, JobPlan};
use formats::exchange;
use protocol::acquire::Stop;
use protocol::limits::WATERMARK_RECORDS_PER_SECOND;
use protocol::registers::UpstreamWatermark;

use super::SlotTask;
use super::bug;
use super::decode::DeadLetter;
use super::shard::{OwnedShard, input_topic};

/// The client chooses the partition by the key, as the Java client does.
const BY_KEY: i32 = -1;

/// What goes out at one boundary.
#[derive(Default)]
pub(crate) struct Outgoing {
    /// In the transaction.
    pub(crate) burst: Burst,
    /// Outside it (AtLeastOnce): rows of sinks.
    pub(crate) plain: Option<Burst>,
    /// Rows for sinks.
    pub(crate) sink_rows: u64,
}

impl Outgoing {
    pub(crate) fn new(exactly_once: bool) -> Self {
        Self { plain: (!exactly_once).then(Burst::default), ..Self::default() }
    }

    fn sink(&mut self) -> &mut Burst {
        self.plain.as_mut().unwrap_or(&mut self.burst)
    }

    pub(crate) fn rows(&self) -> usize {
        self.burst.rows() + self.plain.as_ref().map_or(0, Burst::rows)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.burst.bytes() + self.plain.as_ref().map_or(0, Burst::bytes)
    }
}

struct ExchangeTarget {
    topic: String,
    partitions: u32,
    upstream_shards: u32,
}

/// Encodes emissions.
pub(crate) struct Encoder {
    sinks: Vec<(String, formats::Encoder)>,
    exchanges: Vec<ExchangeTarget>,
    watermark_interval: Duration,
    watermarks_sent: Option<Instant>,
}

impl Encoder {
    pub(crate) fn new(task: &SlotTask) -> Result<Self, Stop> {
        let plan = &task.plan;
        let sinks = plan
            .sinks
            .iter()
            .map(|sink| {
                let format = task.job.sink_format(&sink.name);
                let format = format.ok_or_else(|| bug(format!("no sink {}", sink.name)))?;
                let encoder = formats::Encoder::new(&format, &sink.schema, sink.key.clone())
                    .map_err(|e| bug(format!("sink {}: {e}", sink.name)))?
                    .upserting(sink.upsert);
                Ok((sink.topic.clone(), encoder))
            })
            .collect::<Result<_, Stop>>()?;
        let exchanges = (0..plan.exchanges.len())
            .map(|at| {
                let topic = input_topic(&task.job, plan, Input::Exchange(at))
                    .ok_or_else(|| bug("an exchange without a name"))?;
                let partitions = plan.exchanges[at].partitions;
                Ok(ExchangeTarget { topic, partitions, upstream_shards: upstream(task, at) })
            })
            .collect::<Result<Vec<_>, Stop>>()?;
        // C7: at most so many watermark records a second from all slots together.
        let partitions: u32 = exchanges.iter().map(|e| e.partitions).sum();
        let load = u64::from(task.slots) * u64::from(partitions);
        let floor = Duration::from_millis(load * 1_000 / WATERMARK_RECORDS_PER_SECOND);
        Ok(Self {
            sinks,
            exchanges,
            watermark_interval: floor.max(task.job.commit_interval),
            watermarks_sent: None,
        })
    }

    /// Adds the rows of an emission.
    pub(crate) fn rows(
        &mut self,
        plan: &JobPlan,
        emission: &Emission,
        out: &mut Outgoing,
    ) -> Result<(), Stop> {
        for (sink, batch) in &emission.sinks {
            let (topic, encoder) = &mut self.sinks[*sink];
            let burst = out.sink();
            let number = burst.topic(topic);
            encoder.encode(batch, &mut |key, value| burst.push(number, BY_KEY, key, Some(value)));
            out.sink_rows += batch.num_rows() as u64;
        }
        for (sink, batch) in &emission.deletions {
            let (topic, encoder) = &mut self.sinks[*sink];
            let burst = out.sink();
            let number = burst.topic(topic);
            encoder.encode_keys(batch, &mut |key| burst.push(number, BY_KEY, key, None));
            out.sink_rows += batch.num_rows() as u64;
        }
        for (at, partition, batch) in &emission.exchanges {
            let bytes = exchange::encode_rows(&plan.exchanges[*at].fingerprint, batch)
                .map_err(|e| bug(format!("exchange {}: {e}", plan.exchanges[*at].id)))?;
            let number = out.burst.topic(&self.exchanges[*at].topic);
            out.burst.push(number, *partition as i32, None, Some(&bytes));
        }
        Ok(())
    }

    /// Adds dead letters, in the same transaction.
    pub(crate) fn letters(letters: Vec<DeadLetter>, shard: &OwnedShard, out: &mut Outgoing) {
        for letter in letters {
            let headers = formats::deadletter::headers(
                &letter.fault,
                &shard.id.log,
                letter.offset,
                letter.timestamp_ms,
            );
            let headers: Vec<(&str, &[u8])> =
                headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
            let number = out.burst.topic(&letter.topic);
            let (key, payload) = (letter.key.as_deref(), letter.payload.as_deref());
            out.burst.push_with_headers(number, BY_KEY, key, payload, &headers);
        }
    }

    /// May watermarks go out at this boundary?
    pub(crate) fn watermarks_due(&self, urgent: bool) -> bool {
        urgent || self.watermarks_sent.is_none_or(|at| turns::since(at) >= self.watermark_interval)
    }

    /// Adds the changed watermarks of the shards to every partition of the exchanges that they feed.
    pub(crate) fn watermarks(
        &mut self,
        plan: &JobPlan,
        entries: &[(usize, UpstreamWatermark)],
        out: &mut Outgoing,
    ) -> Result<(), Stop> {
        if entries.is_empty() {
            return Ok(());
        }
        self.watermarks_sent = Some(turns::now());
        for (at, target) in self.exchanges.iter().enumerate() {
            let of_exchange: Vec<UpstreamWatermark> = entries
                .iter()
                .filter(|(input, entry)| feeds(plan, entry.stage, *input, at))
                .map(|(_, entry)| entry.clone())
                .collect();
            if of_exchange.is_empty() {
                continue;
            }
            let fingerprint = &plan.exchanges[at].fingerprint;
            let bytes =
                exchange::encode_watermarks(fingerprint, target.upstream_shards, &of_exchange)
                    .map_err(|e| bug(format!("watermarks of {}: {e}", target.topic)))?;
            let number = out.burst.topic(&target.topic);
            for partition in 0..target.partitions {
                out.burst.push(number, partition as i32, None, Some(&bytes));
            }
        }
        Ok(())
    }
}

/// Does an input of a stage send rows to an exchange?
fn feeds(plan: &JobPlan, stage: protocol::StageId, input: usize, exchange: usize) -> bool {
    plan.stage(stage).and_then(|s| s.inputs.get(input)).is_some_and(|input| {
        input.pipelines.iter().any(|pipeline| pipeline.exchange() == Some(exchange))
    })
}

/// Shards that feed an exchange (R6).
fn upstream(task: &SlotTask, exchange: usize) -> u32 {
    let mut shards = 0;
    for stage in &task.plan.stages {
        for (at, input) in stage.inputs.iter().enumerate() {
            let topic = input_topic(&task.job, &task.plan, input.input);
            let logs = task.layout.stage(stage.id);
            let partitions = logs
                .and_then(|l| l.topics.iter().find(|t| Some(&t.topic) == topic.as_ref()))
                .map_or(0, |t| t.partitions);
            if feeds(&task.plan, stage.id, at, exchange) {
                shards += partitions;
            }
        }
    }
    shards
}
