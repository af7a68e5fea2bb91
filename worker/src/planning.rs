//! From a job to what can run: the plan, the logs of every stage, and every reason why not. Used by `plan`, `run` and
//! the planner Job of the operator.

use std::collections::BTreeSet;
use std::sync::Arc;

use crds::StartFrom;
use dataflow::JobPlan;
use protocol::ShardId;
use protocol::acquire::Stop;
use protocol::assignment::check_slots;
use protocol::generation::{Layout, SealedShard};
use protocol::hash::HASH_VERSION;
use protocol::limits::{EXCHANGE_PARTITIONS_MAX, EXCHANGE_PARTITIONS_MIN};
use protocol::reason::Reason;
use protocol::verdict::{DiffClass, OperatorChanges, PlannerVerdict, Refusal};

use crate::cluster::Cluster;
use crate::history::JobHistory;
use crate::job::Job;
use crate::slot::kafka_stop;

mod apply;
mod claim;
mod compatibility;
pub(crate) mod firing;
mod fork;
mod internal;
pub mod layout;
mod object;
mod records;
mod show;
mod start;
mod topics;

pub use apply::{apply, grow_control_topic};
pub use object::{PLAN_FORMAT, PlanObject, known_exchange_partitions};
pub use show::{explain, explain_refusal};

use topics::Topics;

/// Where a shard begins on the first start of a job: the next offset and, in a fork, the state to restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct First {
    /// Identity of the job whose manifests are named.
    job_uid: String,
    shards: Vec<SealedShard>,
    /// Topics that begin at their end: a later look gives other numbers, the first ones stay.
    latest: BTreeSet<String>,
}

/// A plan that may run.
#[derive(Debug)]
pub struct Planned {
    /// Stages of operators.
    pub plan: Arc<JobPlan>,
    /// The logs of every stage.
    pub layout: Layout,
    /// Partitions of every exchange.
    pub exchange_partitions: u32,
    /// What it changes.
    pub diff: DiffClass,
    /// What becomes of operators with state.
    pub operators: Option<OperatorChanges>,
    /// What deserves a look.
    pub warnings: Vec<String>,
    /// What the store knows of the job.
    pub history: JobHistory,
    first: Option<First>,
}

/// What planning came to.
#[derive(Debug)]
pub enum Planning {
    /// It may run.
    Accepted(Box<Planned>),
    /// It may not.
    Refused(PlannerVerdict),
}

impl Planned {
    /// The verdict for the operator.
    pub fn verdict(&self) -> PlannerVerdict {
        PlannerVerdict {
            fingerprint: Some(self.plan.fingerprint.clone()),
            diff: Some(self.diff),
            layout: Some(self.layout.clone()),
            exchange_partitions: Some(self.exchange_partitions),
            operators: self.operators.clone(),
            hash_version: HASH_VERSION,
            refusals: Vec::new(),
            warnings: self.warnings.clone(),
            omitted: 0,
        }
    }
}

/// A verdict that says no.
pub fn refused(refusals: Vec<Refusal>) -> PlannerVerdict {
    PlannerVerdict {
        fingerprint: None,
        diff: None,
        layout: None,
        exchange_partitions: None,
        operators: None,
        hash_version: HASH_VERSION,
        refusals,
        warnings: Vec::new(),
        omitted: 0,
    }
}

/// A stop as one line of a verdict.
pub fn refusal(stop: &Stop) -> Refusal {
    Refusal { reason: stop.reason, message: stop.message.clone(), line: None, column: None }
}

/// Plans a job for so many slots; none: one per shard of the widest stage. An error means that nothing could be
/// found out, not that the job is wrong.
pub fn plan(job: &Job, cluster: &Cluster, slots: Option<u32>) -> Result<Planning, Stop> {
    cluster.admin.prepare().map_err(|e| kafka_stop(&e))?;
    let history = cluster.wait(JobHistory::read(&cluster.store, &job.keys))?;
    tracing::debug!("the job's history is read");
    let topics = Topics::read(job, cluster)?;
    tracing::debug!("the topics are looked at");
    let fork = fork::Fork::read(job, cluster, &history)?;
    let fixed = known_exchange_partitions(job, cluster)?;
    let wanted = slots.or(job.slots_wanted());
    let partitions =
        exchange_partitions(job, fixed, fork.as_ref().map(fork::Fork::exchange_partitions), {
            wanted.unwrap_or(topics.source_partitions())
        });
    let partitions = match partitions {
        Ok(partitions) => partitions,
        Err(stop) => return Ok(Planning::Refused(refused(vec![refusal(&stop)]))),
    };
    let plan = match sql::plan(&job.query(partitions)) {
        Ok(plan) => Arc::new(plan),
        Err(refusals) => return Ok(Planning::Refused(refused(sql_refusals(&refusals)))),
    };
    Checked { job, cluster, history, topics, fork, plan, partitions }.finish(wanted)
}

fn sql_refusals(refusals: &[sql::Refusal]) -> Vec<Refusal> {
    refusals
        .iter()
        .map(|r| Refusal {
            reason: Reason::InvalidSql,
            message: if r.supported.is_empty() {
                r.message.clone()
            } else {
                format!("{}; supported: {}", r.message, r.supported)
            },
            line: Some(r.line).filter(|line| *line > 0),
            column: Some(r.column).filter(|column| *column > 0),
        })
        .collect()
}

/// Everything that the checks look at.
struct Checked<'a> {
    job: &'a Job,
    cluster: &'a Cluster,
    history: JobHistory,
    topics: Topics,
    fork: Option<fork::Fork>,
    plan: Arc<JobPlan>,
    partitions: u32,
}

impl Checked<'_> {
    fn finish(self, wanted: Option<u32>) -> Result<Planning, Stop> {
        let mut faults = self.topics.faults(self.job, &self.plan);
        faults.extend(records::faults(self.job, &self.plan));
        let mut warnings = self.topics.warnings(self.job, &self.plan);
        let no = |plan: &JobPlan, (diff, operators), faults: &[Stop], warnings| {
            let mut verdict = refused(faults.iter().map(refusal).collect());
            verdict.fingerprint = Some(plan.fingerprint.clone());
            (verdict.diff, verdict.operators, verdict.warnings) = (diff, operators, warnings);
            Ok(Planning::Refused(verdict))
        };
        if !faults.is_empty() {
            return no(&self.plan, (None, None), &faults, warnings);
        }
        let layout = layout::layout(&self.plan, &self.job.names, &self.topics.partitions())?;
        let layout = match self.history.newest() {
            Some(newest) => layout::at_least(layout, &newest.layout),
            None => layout,
        };
        if let Some(slots) = wanted
            && let Err(error) = check_slots(&layout, slots)
        {
            faults.push(Stop::new(Reason::TooManySlots, error.to_string()));
        }
        faults.extend(self.topics.changed_claims(self.job, &self.plan, &self.history));
        faults.extend(self.topics.refuted_claims(self.job, &self.plan, self.cluster)?);
        tracing::debug!("claims are sampled");
        let context = compatibility::Context {
            job: self.job,
            cluster: self.cluster,
            history: &self.history,
            plan: &self.plan,
        };
        let compatibility = compatibility::check(&context, &layout)?;
        let (diff, operators) = (compatibility.diff, compatibility.operators);
        faults.extend(compatibility.faults);
        warnings.extend(compatibility.warnings);
        let first = if self.history.generations.is_empty() {
            self.first(&layout, &mut faults, &mut warnings)?
        } else {
            faults.extend(Topics::late_sources(self.job, &self.history, &layout, self.cluster)?);
            None
        };
        if !faults.is_empty() {
            return no(&self.plan, (Some(diff), operators), &faults, warnings);
        }
        let (plan, history) = (self.plan, self.history);
        let exchange_partitions = self.partitions;
        Ok(Planning::Accepted(Box::new(Planned {
            plan,
            layout,
            exchange_partitions,
            diff,
            operators,
            warnings,
            history,
            first,
        })))
    }

    /// One resolved number for every partition of every stage (S1).
    fn first(
        &self,
        layout: &Layout,
        faults: &mut Vec<Stop>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<First>, Stop> {
        let own = topics::first_offsets(self.job, &self.plan, layout, self.cluster)?;
        let own = match own {
            Ok(own) => own,
            Err(found) => {
                faults.extend(found.iter().map(|e| Stop::new(Reason::InvalidSpec, e.to_string())));
                return Ok(None);
            }
        };
        let latest = self.job.spec.sources.iter();
        let latest = latest.filter(|s| matches!(s.start_from, StartFrom::Latest(_)));
        let latest: BTreeSet<String> = latest.map(|s| s.topic.to_string()).collect();
        let Some(fork) = &self.fork else {
            return Ok(Some(First { job_uid: self.job.uid.clone(), shards: own, latest }));
        };
        match fork.first(&self.plan, self.cluster, own) {
            Ok((shards, new)) => {
                if new > 0 {
                    warnings.push(format!(
                        "{new} partitions are not in the savepoint; they begin by startFrom"
                    ));
                }
                Ok(Some(First { job_uid: fork.job_uid().to_owned(), shards, latest }))
            }
            Err(stop) => {
                faults.push(stop);
                Ok(None)
            }
        }
    }
}

/// C7: fixed by the first plan, else by the savepoint that the job begins with, else by the spec, else by the slots.
fn exchange_partitions(
    job: &Job,
    fixed: Option<u32>,
    forked: Option<u32>,
    slots: u32,
) -> Result<u32, Stop> {
    let written = job.spec.max_parallelism;
    let Some(fixed) = fixed.or(forked) else {
        return Ok(written.unwrap_or(
            slots.saturating_mul(4).clamp(EXCHANGE_PARTITIONS_MIN, EXCHANGE_PARTITIONS_MAX),
        ));
    };
    match written {
        Some(written) if written != fixed => Err(Stop::new(
            Reason::InvalidSpec,
            format!(
                "spec.maxParallelism is {written}, but the exchanges of this job or of its savepoint have {fixed} partitions for ever; write {fixed} or leave it out"
            ),
        )),
        _ => Ok(fixed),
    }
}

/// The plan of a job that has been planned before, as a slot needs it.
pub fn replan(job: &Job, exchange_partitions: u32) -> Result<Arc<JobPlan>, Stop> {
    sql::plan(&job.query(exchange_partitions)).map(Arc::new).map_err(|refusals| {
        let messages: Vec<String> =
            sql_refusals(&refusals).into_iter().map(|r| r.message).collect();
        Stop::new(Reason::InvalidSql, messages.join("; "))
    })
}

/// The input of a stage that reads this log.
pub(crate) fn input_of(plan: &JobPlan, job: &Job, id: &ShardId) -> Option<usize> {
    plan.stage(id.stage)?.inputs.iter().position(|input| {
        layout::topic_of(plan, &job.names, input.input).is_ok_and(|topic| topic == id.log.topic)
    })
}
