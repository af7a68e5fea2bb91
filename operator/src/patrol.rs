//! Between passes: asks the workers of jobs that rest, and names a job as soon as one of them says something else than
//! in the last pass. A worker process that starts anew waits for its order; without this it would wait for the next
//! look.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::future::BoxFuture;
use jiff::Timestamp;
use protocol::admin::WorkerStatus;

use crate::admin_client::{AdminClient, Worker};
use crate::limits::{
    ADMIN_CONCURRENCY, BELLS_MAX, PATROL_INTERVAL, PATROL_WORKERS_MAX, PROGRESS_LOOK,
};
use crate::observed::{Contact, Observed};
use crate::watched::JobKey;

/// The workers of one job that rests.
#[derive(Clone)]
struct Round {
    workers: Vec<(Worker, Option<Sketch>)>,
    token: String,
    since: Timestamp,
}

/// What a worker said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sketch {
    /// What its slots do, and why.
    state: u64,
    /// How far they are.
    progress: u64,
}

/// The jobs that are looked after between passes.
#[derive(Default)]
pub struct Patrol {
    rounds: Mutex<HashMap<JobKey, Round>>,
    bells: Mutex<Vec<Sender<JobKey>>>,
}

impl Patrol {
    /// Names the jobs that need a look.
    pub fn bell(&self) -> Receiver<JobKey> {
        let (sender, receiver) = channel(BELLS_MAX);
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// A job that rests: ask its workers until one says something else than now. Whether that is possible: without the
    /// token nobody answers.
    pub fn watch(&self, observed: &Observed) -> bool {
        let job = &observed.job;
        let mut workers = Vec::new();
        for pod in observed.sets.values().flat_map(|set| &set.pods) {
            let Some(ip) = pod.ip.clone() else { continue };
            let worker = Worker { pod: pod.name.clone(), namespace: job.namespace.clone(), ip };
            let said = match &pod.contact {
                Contact::Answered(status) => Some(sketch(status)),
                Contact::Unasked | Contact::Silent(_) => None,
            };
            workers.push((worker, said));
        }
        if workers.is_empty() {
            return true;
        }
        let Some(token) = observed.token.clone() else { return false };
        let round = Round { workers, token, since: observed.now };
        let key = (job.namespace.clone(), job.name.clone());
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).insert(key, round);
        true
    }

    /// A job that is being worked on: the passes look themselves.
    pub fn forget(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Goes round for ever: so many workers at a time that many jobs cost no more than some. `wake` is called before a
    /// bell rings.
    pub async fn walk(
        &self,
        admin: Arc<dyn AdminClient>,
        clock: &(dyn Fn() -> Timestamp + Send + Sync),
        wake: impl Fn(&JobKey),
    ) {
        loop {
            let mut jobs = self.rounds().into_iter().peekable();
            loop {
                tokio::time::sleep(PATROL_INTERVAL).await;
                let mut some: Vec<(JobKey, Round)> = Vec::new();
                let mut workers = 0;
                while workers < PATROL_WORKERS_MAX
                    && let Some(next) = jobs.next()
                {
                    workers += next.1.workers.len();
                    some.push(next);
                }
                for key in troubled(&some, &*admin, clock()).await {
                    tracing::debug!(namespace = %key.0, name = %key.1, "a worker has news");
                    wake(&key);
                    self.ring(&key);
                }
                if jobs.peek().is_none() {
                    break;
                }
            }
        }
    }

    /// One round at once: the jobs of which a worker says something else.
    pub async fn go_round(&self, admin: &dyn AdminClient, now: Timestamp) -> Vec<JobKey> {
        troubled(&self.rounds(), admin, now).await
    }

    fn rounds(&self) -> Vec<(JobKey, Round)> {
        let rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.iter().map(|(key, round)| (key.clone(), round.clone())).collect()
    }

    /// The round stays until a pass has looked: a bell that was not heard rings again.
    fn ring(&self, key: &JobKey) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        for bell in bells.iter_mut() {
            if let Err(error) = bell.try_send(key.clone()) {
                tracing::debug!(%error, "it rings already");
            }
        }
    }
}

async fn troubled(
    rounds: &[(JobKey, Round)],
    admin: &dyn AdminClient,
    now: Timestamp,
) -> Vec<JobKey> {
    let mut asked: Vec<BoxFuture<'_, Option<JobKey>>> = Vec::new();
    for (key, round) in rounds {
        let progress_counts = age(round.since, now) >= PROGRESS_LOOK;
        for (worker, said) in &round.workers {
            asked.push(Box::pin(async move {
                let says = admin.status(worker, &round.token).await.ok();
                let says = says.as_ref().map(sketch);
                (differs(*said, says, progress_counts)).then(|| key.clone())
            }));
        }
    }
    let found: Vec<Option<JobKey>> =
        futures::stream::iter(asked).buffered(ADMIN_CONCURRENCY).collect().await;
    let mut troubled: Vec<JobKey> = found.into_iter().flatten().collect();
    troubled.dedup();
    troubled
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

fn differs(said: Option<Sketch>, says: Option<Sketch>, progress_counts: bool) -> bool {
    match (said, says) {
        (Some(said), Some(says)) => {
            said.state != says.state || progress_counts && said.progress != says.progress
        }
        (said, says) => said != says,
    }
}

/// What a status is made from; counters that no status shows are left out.
fn sketch(status: &WorkerStatus) -> Sketch {
    let (mut state, mut progress) = (DefaultHasher::new(), DefaultHasher::new());
    (&status.job_uid, status.generation.0).hash(&mut state);
    status.source_partitions.hash(&mut state);
    for slot in &status.slots {
        let phase = format!("{:?} {:?}", slot.phase, slot.reason);
        let savepoint = slot.savepoint.as_ref().map(|part| (&part.name, part.complete));
        (slot.slot.0, phase, slot.nonce.to_string(), savepoint).hash(&mut state);
        (slot.lag, &slot.message, slot.gap_ms).hash(&mut progress);
        slot.checkpoint.as_ref().map(|checkpoint| checkpoint.number.0).hash(&mut progress);
        for shard in &slot.shards {
            (shard.watermark, shard.idle, shard.waits).hash(&mut progress);
        }
    }
    Sketch { state: state.finish(), progress: progress.finish() }
}
