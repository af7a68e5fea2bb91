//! A shard in the hands of a slot: its flow, where it stands in its log, and what a commit has to say of it.

use std::time::Instant;

use connectors::turns;
use dataflow::{Input, JobPlan, Shard as Flow};
use protocol::acquire::{StartPoint, Stop};
use protocol::manifest::{ManifestName, Run};
use protocol::registers::UpstreamWatermark;
use protocol::{CommitNumber, ShardId};

use super::advance::Advance;
use super::clock::Clock;
use super::decode::Decoder;
use super::{bug, stop};
use crate::job::Job;

/// A shard and everything that its slot remembers of it.
pub(crate) struct OwnedShard {
    pub(crate) id: ShardId,
    /// Number that the reader gave to the log; none while it is not assigned.
    pub(crate) log: Option<u32>,
    /// Index in the inputs of its stage.
    pub(crate) input: usize,
    pub(crate) flow: Flow,
    pub(crate) decoder: Decoder,
    /// Where the query asks when rows were read.
    pub(crate) clock: Option<Clock>,
    /// Offset of the next record to take.
    pub(crate) position: i64,
    /// As last committed.
    pub(crate) committed: Committed,
    /// Chain of the manifest, and whether the next checkpoint must start a new one.
    pub(crate) chain: Chain,
    /// Kafka's id of the topic.
    pub(crate) topic_id: String,
    /// Records from here on are not taken yet (muted replay).
    pub(crate) bound: Option<i64>,
    /// When the log was first seen read to its end at this offset.
    pub(crate) at_end: Option<(i64, Instant)>,
    /// Its log is ahead of others and is not read until they come closer.
    pub(crate) waits: bool,
    /// Watermark entry as last sent to the exchanges.
    pub(crate) sent_watermark: Option<UpstreamWatermark>,
    /// Newest entry that has not been sent.
    pub(crate) due_watermark: Option<UpstreamWatermark>,
    /// A completed checkpoint that the next commit names.
    pub(crate) naming: Option<ManifestName>,
    /// Its log is idle and windows of it are open: only an advance of the watermark closes them (R8).
    pub(crate) wants_advance: bool,
    /// The advance that the checkpoint under way holds.
    pub(crate) advance: Option<Advance>,
    /// The newest manifest of the owner that a follower has looked at.
    pub(crate) followed: Option<ManifestName>,
    /// Where it came from at acquire.
    pub(crate) start: Option<StartPoint>,
    /// How long nobody committed it when it was taken over, ms.
    pub(crate) gap_ms: Option<u64>,
}

/// What the newest commit of a shard says.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    pub(crate) number: CommitNumber,
    pub(crate) manifest: Option<ManifestName>,
    pub(crate) cursor_open: bool,
    pub(crate) clock: Option<i64>,
    pub(crate) at: Instant,
}

/// The runs that the next checkpoint adds to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    pub(crate) runs: Vec<Run>,
    pub(crate) rebase: bool,
}

impl OwnedShard {
    pub(crate) fn new(
        job: &Job,
        plan: &std::sync::Arc<JobPlan>,
        id: &ShardId,
        topic_id: String,
    ) -> Result<Self, Stop> {
        let stage = plan.stage(id.stage).ok_or_else(|| bug(format!("no stage for {id}")))?;
        let input = stage
            .inputs
            .iter()
            .position(|i| input_topic(job, plan, i.input).as_deref() == Some(&id.log.topic))
            .ok_or_else(|| bug(format!("no input of the plan reads {id}")))?;
        let mut flow = Flow::new(plan.clone(), id.stage, input, id.log.clone())
            .map_err(|e| stop::bug(format!("shard {id}: {e}")))?;
        flow.set_muted(true);
        let decoder = Decoder::new(job, plan, stage.inputs[input].input)?;
        Ok(Self {
            id: id.clone(),
            log: None,
            input,
            flow,
            decoder,
            clock: Clock::of(plan, stage.inputs[input].input),
            position: 0,
            committed: Committed {
                offset: 0,
                number: CommitNumber(0),
                manifest: None,
                cursor_open: false,
                clock: None,
                at: turns::now(),
            },
            chain: Chain::default(),
            topic_id,
            bound: None,
            at_end: None,
            waits: false,
            sent_watermark: None,
            due_watermark: None,
            naming: None,
            wants_advance: false,
            advance: None,
            followed: None,
            start: None,
            gap_ms: None,
        })
    }

    /// May its rows be taken beyond what was committed before it was acquired?
    pub(crate) fn reached_bound(&self) -> bool {
        self.bound.is_none_or(|bound| self.position >= bound)
    }
}

/// The topic that an input of the plan reads.
pub(crate) fn input_topic(job: &Job, plan: &JobPlan, input: Input) -> Option<String> {
    match input {
        Input::Source(source) => plan.sources.get(source).map(|s| s.topic.clone()),
        Input::Exchange(exchange) => {
            let exchange = plan.exchanges.get(exchange)?;
            job.names.exchange_topic(&exchange.id, &exchange.fingerprint).ok()
        }
    }
}
