//! Between passes: asks the workers of healthy jobs every second, and has a job looked at as soon
//! as one of them is not where it should be. A worker process that starts anew waits for its order;
//! without this it would wait for the next look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::future::BoxFuture;
use protocol::admin::SlotPhase;

use crate::admin_client::{AdminClient, Worker};
use crate::limits::{ADMIN_CONCURRENCY, PATROL_INTERVAL};
use crate::observed::Observed;

/// The workers of one healthy job.
#[derive(Clone)]
struct Round {
    workers: Vec<Worker>,
    generation: u64,
    token: String,
}

/// The jobs that are looked after between passes.
#[derive(Default)]
pub struct Patrol {
    rounds: Mutex<HashMap<(String, String), Round>>,
    bells: Mutex<Vec<Sender<()>>>,
}

impl Patrol {
    /// Rings when some job needs a look. It does not say which: the controller takes a bell for
    /// all jobs only, and trouble is rare.
    pub fn bell(&self) -> Receiver<()> {
        let (sender, receiver) = channel(1);
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// A job whose slots all run: watch its workers until one does not.
    pub fn watch(&self, observed: &Observed, generation: u64) {
        let Some(token) = observed.token.clone() else { return };
        let job = &observed.job;
        let set = observed.set(generation);
        let workers = set.workers().filter_map(|(pod, _)| {
            let namespace = job.namespace.clone();
            Some(Worker { pod: pod.name.clone(), namespace, ip: pod.ip.clone()? })
        });
        let round = Round { workers: workers.collect(), generation, token };
        let key = (job.namespace.clone(), job.name.clone());
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).insert(key, round);
    }

    /// A job that is being worked on: the passes look themselves.
    pub fn forget(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Goes round for ever.
    pub async fn walk(&self, admin: Arc<dyn AdminClient>) {
        loop {
            tokio::time::sleep(PATROL_INTERVAL).await;
            self.go_round(&*admin).await;
        }
    }

    /// One round: rings when a worker of any job is not as it should be.
    pub async fn go_round(&self, admin: &dyn AdminClient) {
        let rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut asked: Vec<BoxFuture<'_, Option<&(String, String)>>> = Vec::new();
        for (key, round) in &rounds {
            for worker in &round.workers {
                asked.push(Box::pin(
                    async move { (!runs(admin, worker, round).await).then_some(key) },
                ));
            }
        }
        let troubled: Vec<_> =
            futures::stream::iter(asked).buffer_unordered(ADMIN_CONCURRENCY).collect().await;
        let mut any = false;
        for (namespace, name) in troubled.into_iter().flatten() {
            tracing::info!(%namespace, %name, "a worker is not as it should be");
            self.forget(namespace, name);
            any = true;
        }
        if any {
            self.ring();
        }
    }

    fn ring(&self) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        for bell in bells.iter_mut() {
            if let Err(error) = bell.try_send(()) {
                tracing::debug!(%error, "it rings already");
            }
        }
    }
}

async fn runs(admin: &dyn AdminClient, worker: &Worker, round: &Round) -> bool {
    admin.status(worker, &round.token).await.is_ok_and(|status| {
        status.generation.0 == round.generation
            && status.slots.iter().all(|slot| slot.phase == SlotPhase::Running)
    })
}
