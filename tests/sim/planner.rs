//! The real planner, in a process of its own, before a generation with another plan begins.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connectors::kafka::{NewTopic, Position, TopicCreation, TopicSettings};
use connectors::{KafkaError, KafkaErrorKind, turns};
use devbroker::model;
use kafka_protocol::ResponseError;
use protocol::Log;
use protocol::acquire::Stop;
use protocol::reason::Reason;
use worker::cluster::Cluster as Connections;
use worker::planning::{self, Planning};
use worker::world::Brokers;

use crate::crew::Crew;
use crate::process::{Simulated, SimulatedTopics};
use crate::producer::error;
use crate::seen::Sight;
use crate::upgrade::{AFTER, BEFORE, Upgrade};

/// So often a planner is started for a change of the plan.
const TRIES_MAX: usize = 5;
/// A planner that has not answered by then is killed.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// What a planner said: it may run, or every reason why not; or nothing could be found out.
type Said = Result<Vec<Reason>, Stop>;

impl Crew<'_> {
    /// Sometimes the next generation runs the other plan: an upgrade, or the way back. It does what the planner allows;
    /// only on the way back it may go on without, as an operator does with a plan that has proved itself.
    pub(crate) fn change_plan(&mut self) {
        if self.site.upgrade.is_none() || !self.schedule.one_in(2) {
            return;
        }
        let wanted = if self.version == BEFORE { AFTER } else { BEFORE };
        self.schedule.say(&format!("plan {wanted} is wanted"));
        let Some(refusals) = (0..TRIES_MAX).find_map(|_| self.plan(wanted)) else {
            return self.seen.note(Sight::NotPlanned);
        };
        if refusals.is_empty() {
            self.seen.note(Sight::Planned);
            self.version = wanted;
            return;
        }
        let may = self.site.upgrade.as_ref().is_some_and(Upgrade::may_refuse);
        if !may || wanted == AFTER || refusals.iter().any(|r| *r != Reason::IncompatibleState) {
            return self.faults.push(format!("the planner refuses plan {wanted}: {refusals:?}"));
        }
        self.seen.note(Sight::PlanRefused);
        if self.schedule.one_in(2) {
            self.version = wanted;
        }
    }

    /// One planner; none: it had no answer, or was killed before.
    fn plan(&mut self, version: usize) -> Option<Vec<Reason>> {
        let number = self.number();
        let said = Arc::new(Mutex::new(None));
        let (answer, schedule) = (Arc::clone(&said), Arc::clone(&self.schedule));
        let world = Simulated {
            cluster: Arc::clone(&self.site.cluster),
            objects: Arc::clone(&self.site.objects),
        };
        let version = &self.site.versions[version];
        let (job, runtime) = (Arc::clone(&version.job), self.site.runtime.clone());
        let (fingerprint, layout) = (version.plan.fingerprint.clone(), self.site.layout.clone());
        let work = move || -> Said {
            let cluster = Connections::over(Arc::new(world), &job, runtime)?;
            match planning::plan(&job, &cluster, None)? {
                Planning::Refused(verdict) => {
                    Ok(verdict.refusals.iter().map(|refusal| refusal.reason).collect())
                }
                Planning::Accepted(planned) => {
                    assert_eq!(planned.plan.fingerprint, fingerprint, "one plan for one query");
                    assert_eq!(planned.layout, layout, "the logs are what they were");
                    planning::apply(&job, &cluster, &planned, None)?;
                    Ok(Vec::new())
                }
            }
        };
        self.schedule.spawn(number, "planner".to_owned(), move || {
            let result = work();
            schedule.say(&format!("the planner says {result:?}"));
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        });
        let until = self.schedule.now() + self.schedule.millis(1, ANSWER_MAX.as_millis() as usize);
        while self.schedule.lives(number) && self.schedule.now() < until {
            turns::pause(Duration::from_millis(100));
            self.tend();
        }
        self.schedule.kill(number);
        turns::pause(Duration::from_nanos(1));
        said.lock().unwrap_or_else(PoisonError::into_inner).take()?.ok()
    }
}

impl SimulatedTopics {
    fn ask<T>(
        &self,
        what: &str,
        request: impl FnOnce(&mut model::Broker) -> Result<T, ResponseError>,
    ) -> Result<T, KafkaError> {
        self.0.travel();
        let answer = self.0.now(|broker, _| request(broker));
        self.0.travel();
        answer.map_err(|code| error(KafkaErrorKind::Invalid, what, format!("{code:?}")))
    }
}

impl Brokers for SimulatedTopics {
    fn prepare(&self) -> Result<(), KafkaError> {
        Ok(())
    }

    fn brokers(&self) -> Result<usize, KafkaError> {
        Ok(1)
    }

    fn settings(&self, topic: &str) -> Result<TopicSettings, KafkaError> {
        self.ask(&format!("read the settings of {topic}"), |broker| {
            let found = broker.topics().get(topic).ok_or(ResponseError::UnknownTopicOrPartition)?;
            Ok(TopicSettings(found.configs().clone()))
        })
    }

    fn offsets(&self, logs: &[Log], position: Position) -> Result<Vec<i64>, KafkaError> {
        self.ask(&format!("find {position:?}"), |broker| {
            let offset = |log: &Log| {
                let found = broker.topics().get(&log.topic)?.log(log.partition)?;
                let committed = model::Isolation::ReadCommitted;
                Some(match position {
                    Position::Earliest => found.start(),
                    Position::Latest => found.last_stable_offset(),
                    Position::Timestamp(time) => found
                        .first_at_or_after(time, committed)
                        .map_or(found.last_stable_offset(), |(offset, _)| offset),
                })
            };
            let found: Option<Vec<i64>> = logs.iter().map(offset).collect();
            found.ok_or(ResponseError::UnknownTopicOrPartition)
        })
    }

    fn create_topic(&self, topic: &NewTopic) -> Result<TopicCreation, KafkaError> {
        let new = model::NewTopic {
            name: topic.name.clone(),
            partitions: topic.partitions as i32,
            configs: topic.settings.clone(),
        };
        self.ask(&format!("create {}", new.name), |broker| match broker.create_topic(&new) {
            Ok(_) => Ok(TopicCreation::Created),
            Err(ResponseError::TopicAlreadyExists) => Ok(TopicCreation::Existed),
            Err(code) => Err(code),
        })
    }

    fn grow_topic(&self, name: &str, partitions: u32) -> Result<(), KafkaError> {
        self.ask(&format!("grow {name}"), |broker| broker.grow_topic(name, partitions as i32))
    }
}
