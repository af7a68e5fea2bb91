//! One seed, from its setting to its judgement.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use connectors::turns;
use devbroker::model::{Outcome as End, Producer, Transaction};
use protocol::generation::{Sealed, SealedShard};
use protocol::{Generation, SlotIndex};
use tests::generator::encode;
use tests::generator::recipe::{Recipe, START};
use tests::harness::job::{Checkpoints, JobFile};
use tests::oracle::Query;

use crate::cluster::Cluster;
use crate::crew::Crew;
use crate::judge;
use crate::objects::Objects;
use crate::process::{Site, stable_ends};
use crate::producer::{Row, batch};
use crate::schedule::Schedule;
use crate::seen::{Seen, Sight};
use crate::setting::Setting;
use crate::upgrade;

/// After the accidents a job has so long to come to its end.
const SETTLED_MAX: Duration = Duration::from_mins(4);
/// No transaction is open any more then (check 7).
const QUIET: Duration = Duration::from_secs(25);
/// Every clock has passed the ends of all windows then: the last row may have the time of one that goes ahead, and the
/// last owner one that is behind.
const CLOCKS: Duration = Duration::from_secs(30);
/// Who has read the end of a log so long ago has committed it: some commits later, where requests take
/// 120 ms and markers 700.
const COMMITTED: Duration = Duration::from_secs(12);
/// The topic of when each row was read.
const STAMPS: &str = "stamps";

/// What a seed came to.
pub(crate) struct Done {
    pub(crate) trace: u64,
    pub(crate) steps: u64,
    pub(crate) rows: u64,
    pub(crate) simulated: Duration,
    pub(crate) seen: Arc<Seen>,
}

/// Runs a seed on the calling thread, which must have no other part in a simulation.
pub(crate) fn run(seed: u64, scratch: &Path, shown: bool) -> anyhow::Result<Done> {
    let setting = Setting::draw(seed);
    if shown {
        crate::say(&format!("{setting:#?}"));
    }
    let schedule = Schedule::begin(seed, START, shown);
    let seen = Arc::new(Seen::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let file = job_file(&setting);
    let site = site(&setting, &file, (&schedule, &seen), scratch, &runtime)?;
    let mut crew = Crew::new(&site);
    let result = live(&setting, &file, &site, &mut crew);
    let described = crew.describe();
    crew.end();
    let verdict = result.with_context(|| described)?;
    let (trace, steps) = schedule.trace();
    Ok(Done { trace, steps, rows: verdict, simulated: schedule.now(), seen })
}

fn job_file(setting: &Setting) -> JobFile {
    let checkpoints = Checkpoints::Folder("/simulated".to_owned());
    JobFile {
        commit_interval: format!("{}ms", setting.commit_ms),
        checkpoint_interval: format!("{}ms", setting.checkpoint_ms),
        max_parallelism: Some(setting.exchange),
        // Where logs wait for others, none may be at rest for ever; what is not about idleness ends long before.
        idle_timeout: match (setting.idle_ms, setting.drift_ms) {
            (None, Some(_)) => "1d".to_owned(),
            (idle_ms, _) => format!("{}ms", idle_ms.unwrap_or(0)),
        },
        more: setting.query.clocked.then(|| (STAMPS.to_owned(), Query::bids_stamps())),
        ..JobFile::new("simulated:9092", setting.query.clone(), checkpoints)
    }
}

fn site(
    setting: &Setting,
    file: &JobFile,
    (schedule, seen): (&Arc<Schedule>, &Arc<Seen>),
    scratch: &Path,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<Site> {
    let (versions, layout) = upgrade::versions(setting, file, scratch)?;
    let job = Arc::clone(&versions[upgrade::BEFORE].job);
    let mut topics: Vec<(String, i32)> = layout
        .stages
        .iter()
        .flat_map(|stage| stage.topics.iter().map(|t| (t.topic.clone(), t.partitions as i32)))
        .collect();
    topics.push((file.sink.clone(), 3));
    topics.extend(file.more.iter().map(|(topic, _)| (topic.clone(), 2)));
    topics.push((job.names.control_topic(), layout.widest() as i32));
    let cluster =
        Cluster::new(Arc::clone(schedule), Arc::clone(seen), setting.network.clone(), &topics);
    let objects = Objects::new(Arc::clone(schedule), Arc::clone(seen), setting.storage);
    let site = Site {
        cluster,
        objects: Arc::new(objects),
        job,
        versions,
        upgrade: setting.upgrade.clone(),
        generations: Mutex::default(),
        layout,
        runtime: runtime.handle().clone(),
        scratch: scratch.to_owned(),
    };
    if site.upgrade.is_some() {
        upgrade::write_first_plan(&site, setting.exchange)?;
    }
    write_first(&site)?;
    Ok(site)
}

/// Where every shard begins: what the planner writes before the first start.
fn write_first(site: &Site) -> anyhow::Result<()> {
    let shards = site.layout.shards();
    let first = Sealed {
        format: 1,
        generation: Generation(0),
        slot: SlotIndex(0),
        slots: 1,
        job_uid: site.job.uid.clone(),
        shards: shards
            .map(|shard| SealedShard { shard, offset: 0, manifest: None, clock: None })
            .collect(),
    };
    let key = site.job.keys.sealed(first.generation, first.slot);
    upgrade::write(site, &key, &serde_json::to_vec(&first)?)
}

fn live(
    setting: &Setting,
    file: &JobFile,
    site: &Site,
    crew: &mut Crew<'_>,
) -> anyhow::Result<u64> {
    let schedule = &site.cluster.schedule;
    feed(setting, file, site);
    crew.begin(1 + schedule.below(site.layout.widest() as usize) as u32, true);
    while schedule.now() < setting.troubled {
        turns::pause(schedule.millis(1, setting.pause_ms));
        crew.tend();
        if !schedule.one_in(3) {
            crew.act();
        }
        if schedule.one_in(4) {
            crew.tidy_up();
        }
        if setting.query.clocked && schedule.one_in(4) {
            crew.set_a_clock();
        }
        ensure!(!schedule.has_panicked(), "a thread panicked");
        ensure!(crew.faults.is_empty(), "{}", crew.faults.join("; "));
        if setting.query.window.is_none() && schedule.one_in(4) {
            judge::prefix(site, &setting.query, &file.source, &file.sink)?;
        }
    }
    site.cluster.heal();
    site.objects.heal();
    crew.settle();
    let until = schedule.now() + SETTLED_MAX;
    while !(crew.runs() && is_done(site, file)) {
        turns::pause(Duration::from_millis(500));
        crew.tend();
        ensure!(!schedule.has_panicked(), "a thread panicked");
        ensure!(crew.faults.is_empty(), "{}", crew.faults.join("; "));
        ensure!(schedule.now() < until, "it does not come to its end");
    }
    turns::pause(QUIET + if setting.query.clocked { CLOCKS } else { Duration::ZERO });
    ensure!(is_done(site, file), "it was at its end before");
    let verdict = judge::whole(site, &setting.query, &file.source, (&file.sink, STAMPS))?;
    // Nothing is left open: not even the windows of the last rows.
    let open = verdict.open;
    ensure!(setting.idle_ms.is_none() || open == 0, "{open} windows are open in idle logs");
    Ok(verdict.verdict.require_clean()?.expected)
}

/// All of every log is committed, and no transaction is open.
fn is_done(site: &Site, file: &JobFile) -> bool {
    if !site.cluster.fed() {
        return false;
    }
    let mut offsets = site.cluster.offsets();
    let committed = |offsets: &BTreeMap<(String, String, i32), (i64, String)>,
                     group: &str,
                     topic: &str,
                     partition: i32| {
        let key = (group.to_owned(), topic.to_owned(), partition);
        offsets.get(&key).map_or(0, |(offset, _)| *offset)
    };
    let mut topics = site.layout.stages.iter().flat_map(|stage| {
        let group = site.job.names.group(stage.stage);
        stage.topics.iter().map(move |topic| (group.clone(), topic.topic.clone()))
    });
    let read = topics.all(|(group, topic)| {
        let ends = stable_ends(&site.cluster, &topic);
        if site.is_clocked() {
            // A clock goes on, and says so.
            turns::pause(COMMITTED);
            offsets = site.cluster.offsets();
        }
        ends.into_iter()
            .all(|(partition, end)| committed(&offsets, &group, &topic, partition) >= end)
    });
    let closed = [&file.sink, &file.source].iter().all(|topic| !judge::is_held_back(site, topic));
    read && closed
}

/// Writes the input while the job runs: in batches, some of them of transactions, some of those aborted.
fn feed(setting: &Setting, file: &JobFile, site: &Site) {
    let schedule = &site.cluster.schedule;
    let recipe = Recipe {
        keys: setting.keys,
        keyed: setting.query.claimed,
        density: 10,
        late_per_million: 20_000,
        disorder: 3_000,
        ..Recipe::plain(setting.query.shape, schedule.below(1 << 30) as u64, setting.partitions)
    };
    let rows = setting.rows;
    for partition in 0..setting.partitions {
        let mut n = 0;
        while n <= rows {
            let many = (1 + schedule.below(40) as u64).min(rows + 1 - n);
            let records: Vec<_> = (n..n + many)
                .map(|n| {
                    let row = if n == rows {
                        recipe.closing_row(partition, rows, setting.query.closing())
                    } else {
                        recipe.row(partition, n)
                    };
                    let (mut key, mut value) = (Vec::new(), Vec::new());
                    encode::key(&row, &mut key);
                    encode::value(setting.query.shape, partition, n, &row, &mut value);
                    (Some(Bytes::from(key)), Some(Bytes::from(value)))
                })
                .collect();
            let last = n + many > rows;
            let share = setting.troubled.as_millis() as u64 * n / (rows + 1);
            let at = Duration::from_millis(share + 1)
                + if last { setting.troubled / 20 } else { Duration::ZERO };
            n += many;
            let writer = Writer {
                cluster: Arc::clone(&site.cluster),
                topic: file.source.clone(),
                partition: partition as i32,
            };
            site.cluster.expect_input();
            let aborted = schedule.one_in(setting.aborted_inputs);
            schedule.later(at, move || writer.write(&records, aborted));
        }
    }
}

/// Another program, which writes the source.
struct Writer {
    cluster: Arc<Cluster>,
    topic: String,
    partition: i32,
}

impl Writer {
    /// Writes a batch; before it, perhaps, the same in a transaction that is aborted a little later.
    fn write(self, records: &[Row], aborted: bool) {
        let schedule = Arc::clone(&self.cluster.schedule);
        let time = START + (1 << 40); // later than every row: no row is in the future of its record
        if aborted {
            self.cluster.seen.note(Sight::InputAborted);
            let id = format!("writer-{}-{}", self.partition, schedule.now().as_nanos());
            self.cluster.now(|broker, now| {
                let producer =
                    broker.init_producer(now, Some(&id), 10_000, None).expect("a new id");
                let logs = [(self.topic.as_str(), self.partition)];
                broker.add_partitions(now, &id, producer, &logs).expect("its own");
                let batch = batch(records, producer, 0, time);
                broker.produce(now, &self.topic, self.partition, &batch).expect("a sound batch");
                producer
            });
            let cluster = Arc::clone(&self.cluster);
            schedule.later(schedule.millis(1, 8_000), move || {
                cluster.now(|broker, now| {
                    let known = broker.transactions().get(&id).map(Transaction::producer);
                    // The broker may have ended it already.
                    known.map(|p| broker.end_transaction(now, &id, p, End::Abort).is_ok())
                });
            });
        }
        let nobody = Producer { id: -1, epoch: -1 };
        let batch = batch(records, nobody, -1, time);
        let appended = self.cluster.now(|broker, now| {
            broker.produce(now, &self.topic, self.partition, &batch).expect("a sound batch")
        });
        self.cluster.remember(self.partition, appended.base_offset, records);
        self.cluster.input_came();
    }
}
