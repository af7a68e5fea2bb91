//! The slot's transactional producer: one commit is under way at a time, on a thread of the client's; the slot reads
//! on meanwhile.

use std::sync::Arc;
use std::time::Duration;

use connectors::{Burst, KafkaConfig, Outcome};
use protocol::acquire::Stop;
use protocol::reason::Reason;

use super::context::Context;
use super::{bug, kafka_stop};
use crate::world::{Commits, Sends, World};

/// How long one look at the outcome waits.
const LOOK: Duration = Duration::from_secs(1);

/// What became of a commit. Its rows come back: an aborted one is sent again unchanged (C9).
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) burst: Arc<Burst>,
    pub(crate) took: Duration,
}

/// The producer and the commit under way.
pub(crate) struct Committer {
    producer: Box<dyn Commits>,
    /// For rows outside the transaction (C8).
    plain: Option<Box<dyn Sends>>,
    under_way: Option<Arc<Burst>>,
    world: Arc<dyn World>,
    kafka: KafkaConfig,
    id: String,
}

impl Committer {
    /// Opens the producer of this slot's id, which fences every older process of the same id.
    pub(crate) fn open(context: &Context) -> Result<Self, Stop> {
        let job = &context.task.job;
        let kafka = context.kafka.clone();
        let id = job.names.transactional_id(context.task.generation, context.task.slot);
        let world = context.task.world.clone();
        let stop = |e| kafka_stop(&e);
        let producer = world.producer(&kafka, &id).map_err(stop)?;
        let plain = (!job.exactly_once).then(|| world.plain(&kafka)).transpose().map_err(stop)?;
        Ok(Self { producer, plain, under_way: None, world, kafka, id })
    }

    /// Starts a commit. Rows outside the transaction go first; if they fail the process ends and they are made again.
    pub(crate) fn submit(
        &mut self,
        burst: Arc<Burst>,
        plain: Option<&Burst>,
    ) -> Result<Option<Outcome>, Stop> {
        if self.under_way.is_some() {
            return Err(bug("a commit is under way already"));
        }
        if let Some(rows) = plain.filter(|rows| !rows.is_empty()) {
            let producer =
                self.plain.as_mut().ok_or_else(|| bug("no producer for rows outside"))?;
            producer.send(rows).map_err(|e| kafka_stop(&e))?;
        }
        let refused = self.producer.start(&burst);
        self.under_way = Some(burst);
        Ok(refused)
    }

    /// A commit is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Waits for the outcome of the commit under way.
    pub(crate) fn wait(&mut self) -> Result<Answer, Stop> {
        let burst = self.under_way.take().ok_or_else(|| bug("no commit is under way"))?;
        let outcome = self.outcome();
        Ok(Answer { outcome, burst, took: self.producer.last_commit() })
    }

    fn outcome(&mut self) -> Outcome {
        loop {
            if let Some(outcome) = self.producer.outcome(LOOK) {
                return outcome;
            }
        }
    }

    /// A commit outside the loop: was it clean? Anything but a success ends the process.
    pub(crate) fn commit(&mut self, burst: Burst, what: &str) -> Result<bool, Stop> {
        let stop = |reason, why: String| Err(Stop::new(reason, format!("{what}: {why}")));
        let refused = self.producer.start(&Arc::new(burst));
        match refused.unwrap_or_else(|| self.outcome()) {
            Outcome::Committed { clean } => Ok(clean),
            Outcome::Fenced(why) => stop(Reason::Fenced, why),
            Outcome::Unknown(why) => stop(Reason::UnknownOutcome, why),
            Outcome::Aborted { reason } => {
                let found = kafka_stop(&reason);
                stop(found.reason, found.message)
            }
        }
    }

    /// Writes the rows of a burst without a transaction: a deliberate fault.
    pub(crate) fn send_outside(&self, burst: &Burst) -> Result<(), Stop> {
        let mut producer = self.world.plain(&self.kafka).map_err(|e| kafka_stop(&e))?;
        producer.send(burst).map_err(|e| kafka_stop(&e))
    }

    /// Opens a new producer on the same id. What follows is an acquire (C6).
    pub(crate) fn replace(&mut self) -> Result<(), Stop> {
        self.producer = self.world.producer(&self.kafka, &self.id).map_err(|e| kafka_stop(&e))?;
        Ok(())
    }
}
