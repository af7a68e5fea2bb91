//! The topics of a job: what the brokers say about them and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use connectors::kafka::{Position, TopicInfo, TopicSettings};
use crds::{OnBadRecord, Source};
use dataflow::JobPlan;
use protocol::acquire::Stop;
use protocol::generation::{Layout, SealedShard};
use protocol::reason::Reason;
use protocol::{Log, StageId};

use super::claim::{self, Sample};
use super::layout::Partitions;
use super::start::{self, BadStart, Range};
use crate::cluster::{Cluster, retrying};
use crate::history::JobHistory;
use crate::job::Job;
use crate::limits::CLAIM_RECORDS_PER_PARTITION;
use crate::slot::kafka_stop;

/// What the brokers say.
#[derive(Clone, Debug, Default)]
pub(super) struct Topics {
    infos: BTreeMap<String, TopicInfo>,
    settings: BTreeMap<String, TopicSettings>,
    sources: BTreeSet<String>,
}

impl Topics {
    /// Asks about every topic that the spec names.
    pub(super) fn read(job: &Job, cluster: &Cluster) -> Result<Self, Stop> {
        let sources: BTreeSet<String> =
            job.spec.sources.iter().map(|s| s.topic.to_string()).collect();
        let mut names = sources.clone();
        names.extend(job.spec.sinks.iter().map(|s| s.topic.to_string()));
        names.extend(job.spec.sources.iter().filter_map(dead_letters));
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = retrying(|| cluster.admin.topics(&asked))?;
        let infos: BTreeMap<String, TopicInfo> =
            found.into_iter().flatten().map(|info| (info.name.clone(), info)).collect();
        let mut settings: BTreeMap<String, TopicSettings> = BTreeMap::new();
        for topic in sources.iter().filter(|topic| infos.contains_key(topic.as_str())) {
            match retrying(|| cluster.admin.settings(topic)) {
                Ok(found) => drop(settings.insert(topic.clone(), found)),
                // Not every principal may read settings; the checks that need them say that they were left out.
                Err(stop) if stop.reason == Reason::CredentialsRejected => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(Self { infos, settings, sources })
    }

    /// Partitions of every topic that exists.
    pub(super) fn partitions(&self) -> Partitions {
        self.infos.iter().map(|(name, info)| (name.clone(), info.partitions)).collect()
    }

    /// Partitions of all source topics together.
    pub(super) fn source_partitions(&self) -> u32 {
        let sources = self.infos.iter().filter(|(name, _)| self.sources.contains(*name));
        sources.map(|(_, info)| info.partitions).sum()
    }

    /// Why these topics cannot be used.
    pub(super) fn faults(&self, job: &Job, plan: &JobPlan) -> Vec<Stop> {
        let mut faults = Vec::new();
        let used: Vec<&str> = plan.sources.iter().map(|s| s.topic.as_str()).collect();
        let missing = |what: &str, topic: &str| {
            (!self.infos.contains_key(topic)).then(|| {
                let message = format!("the {what} topic '{topic}' does not exist");
                Stop::new(Reason::TopicMissing, message)
            })
        };
        faults.extend(used.iter().filter_map(|topic| missing("source", topic)));
        faults.extend(plan.sinks.iter().filter_map(|s| missing("sink", &s.topic)));
        let letters: BTreeSet<String> = job.spec.sources.iter().filter_map(dead_letters).collect();
        faults.extend(letters.iter().filter_map(|topic| missing("dead-letter", topic)));
        for (n, topic) in used.iter().enumerate() {
            if used[..n].contains(topic) {
                let message = format!(
                    "two sources read the topic '{topic}'; a log has one reader: declare one source with all columns"
                );
                faults.push(Stop::new(Reason::NotSupported, message));
            }
        }
        faults.extend(misused(job, plan, &letters));
        faults.extend(used.iter().filter_map(|topic| self.compacted(job, topic)));
        faults
    }

    /// R5: replay of a compacted log sees other rows unless nothing that a replay needs is compacted away.
    fn compacted(&self, job: &Job, topic: &str) -> Option<Stop> {
        let settings = self.settings.get(topic).filter(|s| s.is_compacted())?;
        let needed = 2 * (job.checkpoint_interval + job.checkpoint_timeout);
        let lag = settings.number("min.compaction.lag.ms").unwrap_or(0).max(0);
        if Duration::from_millis(lag as u64) > needed {
            return None;
        }
        let message = format!(
            "the source topic '{topic}' is compacted: a replay after a failure could miss rows that were counted; set its min.compaction.lag.ms above {} or read a topic that is not compacted",
            needed.as_millis()
        );
        Some(Stop::new(Reason::NotSupported, message))
    }

    /// What works but deserves a look.
    pub(super) fn warnings(&self, job: &Job, plan: &JobPlan) -> Vec<String> {
        let mut warnings = Vec::new();
        let needed = 2 * (job.checkpoint_interval + job.checkpoint_timeout);
        for source in &plan.sources {
            let Some(settings) = self.settings.get(&source.topic) else {
                if self.infos.contains_key(&source.topic) {
                    warnings.push(format!(
                        "the settings of topic '{}' may not be read (no DescribeConfigs): its retention and compaction were not checked",
                        source.topic
                    ));
                }
                continue;
            };
            if let Some(retention) = settings.retention().filter(|r| *r < needed) {
                warnings.push(format!(
                    "the topic '{}' keeps records for {retention:?}, less than twice checkpoint interval and timeout ({needed:?}): after a long failure the replay may find them gone",
                    source.topic
                ));
            }
        }
        let unused: Vec<&str> = job
            .spec
            .sources
            .iter()
            .map(|s| s.name.as_str())
            .filter(|name| plan.sources.iter().all(|s| s.name != *name))
            .collect();
        if !unused.is_empty() {
            warnings.push(format!("the query does not read the sources {unused:?}"));
        }
        warnings
    }

    /// S4: with a claim, other partitions mean that equal values may lie elsewhere now.
    pub(super) fn changed_claims(
        &self,
        job: &Job,
        plan: &JobPlan,
        history: &JobHistory,
    ) -> Vec<Stop> {
        let before = history.newest().and_then(|g| g.layout.stage(StageId(0)));
        let mut faults = Vec::new();
        for source in claimed(job, plan) {
            let topic = source.topic.as_str();
            let was = before.and_then(|s| s.topics.iter().find(|t| t.topic == topic));
            let is = self.infos.get(topic).map_or(0, |info| info.partitions);
            if let Some(was) = was.filter(|was| was.partitions != is) {
                faults.push(Stop::new(
                    Reason::SourcePartitionsChanged,
                    format!(
                        "source '{}' claims partitionedBy, but its topic has {is} partitions now and had {}: the same value may lie in two partitions",
                        source.name, was.partitions
                    ),
                ));
            }
        }
        faults
    }

    /// Samples every claim that the plan relies on.
    pub(super) fn refuted_claims(
        &self,
        job: &Job,
        plan: &JobPlan,
        cluster: &Cluster,
    ) -> Result<Vec<Stop>, Stop> {
        let mut faults = Vec::new();
        for source in claimed(job, plan) {
            let Some(info) = self.infos.get(source.topic.as_str()) else { continue };
            let columns: Vec<String> =
                source.partitioned_by.iter().flatten().map(ToString::to_string).collect();
            let logs = logs_of(source.topic.as_str(), info.partitions);
            let bounds = retrying(|| cluster.admin.bounds(&logs))?;
            let ranges: Vec<(Log, i64, i64)> = logs
                .into_iter()
                .zip(bounds)
                .map(|(log, (first, end))| (log, first.max(end - CLAIM_RECORDS_PER_PARTITION), end))
                .collect();
            let group = job.names.group(StageId(0));
            let mut reader = cluster.logs(job, &group, claim::read_limits())?;
            let named = source.columns.iter().zip(crate::job::origins(source));
            let named = named.filter(|(c, _)| columns.contains(&c.name.to_string()));
            let format = job.sources.iter().find(|s| s.topic == source.topic.as_str());
            let format = format.map_or(&formats::Format::Json, |settings| &settings.format);
            let mut sample = Sample::new(format, named.map(|(_, origin)| origin).collect())
                .map_err(|e| Stop::new(Reason::NotSupported, e.to_string()))?;
            claim::read(&mut reader, &ranges, &mut sample).map_err(|e| kafka_stop(&e))?;
            if let Some(found) = sample.conflict() {
                faults.push(Stop::new(
                    Reason::ClaimRefuted,
                    format!(
                        "source '{}' claims partitionedBy {columns:?}, but {} lies in partitions {} and {}",
                        source.name, found.value, found.first, found.second
                    ),
                ));
            }
        }
        Ok(faults)
    }

    /// A source that joins a running job has no first rest point: its logs start at offset 0, so that must be what
    /// the user wrote and must still be there.
    pub(super) fn late_sources(
        job: &Job,
        history: &JobHistory,
        layout: &Layout,
        cluster: &Cluster,
    ) -> Result<Vec<Stop>, Stop> {
        let known: BTreeSet<&str> = history
            .generations
            .iter()
            .filter_map(|g| g.layout.stage(StageId(0)))
            .flat_map(|s| s.topics.iter().map(|t| t.topic.as_str()))
            .collect();
        let mut faults = Vec::new();
        let topics = layout.stage(StageId(0)).into_iter().flat_map(|s| &s.topics);
        for topic in topics.filter(|t| !known.contains(t.topic.as_str())) {
            let Some(source) = job.spec.sources.iter().find(|s| s.topic.as_str() == topic.topic)
            else {
                continue;
            };
            let logs = logs_of(&topic.topic, topic.partitions);
            let starts = retrying(|| cluster.admin.offsets(&logs, Position::Earliest))?;
            let earliest = matches!(source.start_from, crds::StartFrom::Earliest(_));
            if !earliest || starts.iter().any(|offset| *offset != 0) {
                faults.push(Stop::new(
                    Reason::NotSupported,
                    format!(
                        "source '{}' joins a job that runs already: that works with startFrom earliest on a topic whose partitions still begin at offset 0; otherwise start a new StreamJob, with restoreFrom for its state",
                        source.name
                    ),
                ));
            }
        }
        Ok(faults)
    }
}

fn dead_letters(source: &Source) -> Option<String> {
    match &source.on_bad_record {
        OnBadRecord::DeadLetter(letter) => Some(letter.topic.to_string()),
        OnBadRecord::Fail(_) | OnBadRecord::Skip(_) => None,
    }
}

/// Topics that would feed the job with its own output, or are internal.
fn misused(job: &Job, plan: &JobPlan, letters: &BTreeSet<String>) -> Vec<Stop> {
    let prefix = job.names.prefix();
    let read: BTreeSet<&str> = plan.sources.iter().map(|s| s.topic.as_str()).collect();
    let written: BTreeSet<&str> = plan
        .sinks
        .iter()
        .map(|s| s.topic.as_str())
        .chain(letters.iter().map(String::as_str))
        .collect();
    let looped = read.intersection(&written).map(|topic| {
        format!("the topic '{topic}' is read and written by this job: it would read its own rows")
    });
    let internal = read
        .union(&written)
        .filter(|topic| topic.starts_with(&prefix))
        .map(|topic| format!("the topic '{topic}' is an internal topic of this job"));
    looped.chain(internal).map(|message| Stop::new(Reason::InvalidSpec, message)).collect()
}

/// The sources with a claim that the plan reads.
fn claimed<'a>(job: &'a Job, plan: &'a JobPlan) -> impl Iterator<Item = &'a Source> {
    job.spec.sources.iter().filter(|source| {
        source.partitioned_by.is_some()
            && plan.sources.iter().any(|s| s.name == source.name.as_str())
    })
}

fn logs_of(topic: &str, partitions: u32) -> Vec<Log> {
    (0..partitions).map(|p| Log::new(topic, p as i32)).collect()
}

/// One resolved number for every partition of every stage: sources by `startFrom`, exchanges 0 (S1).
pub(super) fn first_offsets(
    job: &Job,
    plan: &JobPlan,
    layout: &Layout,
    cluster: &Cluster,
) -> Result<Result<Vec<SealedShard>, Vec<BadStart>>, Stop> {
    let mut found = BTreeMap::new();
    let mut faults = Vec::new();
    for source in &plan.sources {
        let Some(written) = job.spec.sources.iter().find(|s| s.name.as_str() == source.name) else {
            continue;
        };
        let topics = layout.stage(StageId(0)).into_iter().flat_map(|s| &s.topics);
        let partitions =
            topics.filter(|t| t.topic == source.topic).map(|t| t.partitions).next().unwrap_or(0);
        match resolve(&source.name, written, &logs_of(&source.topic, partitions), cluster)? {
            Ok(offsets) => drop(found.insert(source.topic.as_str(), offsets)),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    let shards = layout.shards().map(|shard| {
        let of_source = found.get(shard.log.topic.as_str());
        let offset = of_source.and_then(|o| o.get(shard.log.partition as usize)).copied();
        SealedShard { shard, offset: offset.unwrap_or(0), manifest: None, clock: None }
    });
    Ok(Ok(shards.collect()))
}

fn resolve(
    name: &str,
    source: &Source,
    logs: &[Log],
    cluster: &Cluster,
) -> Result<Result<Vec<i64>, BadStart>, Stop> {
    let bounds = retrying(|| cluster.admin.bounds(logs))?;
    let ranges: Vec<Range> = bounds.into_iter().map(|(start, end)| Range { start, end }).collect();
    let at_time = match start::timestamp_ms(name, &source.start_from) {
        Ok(None) => Vec::new(),
        Ok(Some(time)) => {
            let found = retrying(|| cluster.admin.offsets(logs, Position::Timestamp(time)))?;
            found.into_iter().map(Some).collect()
        }
        Err(fault) => return Ok(Err(fault)),
    };
    Ok(start::first_offsets(name, &source.start_from, &ranges, &at_time))
}
