//! The times that a user waits: for the first result, after a kill, through a rescale.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use protocol::Generation;
use protocol::admin::{AcquireOrder, ReleaseOrder, SlotPhase};

use super::engine::{Bench, peak_bytes};
use super::inputs::PARTITIONS;
use super::pipelines::B2;
use super::report::Moment;
use super::watch::Watch;
use crate::generator::{Pace, Recipe, Shape, WriteOptions, writer};
use crate::harness::crew::Crew;
use crate::harness::worker::{self, Role, Worker};
use crate::harness::{prometheus, tools, wait};
use crate::kafka::topics;

const STEP_MAX: Duration = Duration::from_mins(1);
/// From the end of the source until nothing of it is left to do.
const IDLE_SETTLES: Duration = Duration::from_secs(2);
const IDLE_FOR: Duration = Duration::from_secs(10);
/// Rows per second of the load.
const RATE: u64 = 20_000;
/// Rows per second of event time and partition: about ten windows close every second.
const DENSITY: u64 = 50;

/// A generator that writes until it is dropped.
struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Load {
    fn start(bootstrap: &str, topic: &str) -> anyhow::Result<Self> {
        topics::create(bootstrap, &[(topic, PARTITIONS)])?;
        let recipe = Recipe { density: DENSITY, ..Recipe::plain(Shape::Bids, 1, PARTITIONS) };
        let options = WriteOptions {
            bootstrap: bootstrap.into(),
            topic: topic.into(),
            rows: u64::from(u32::MAX),
            first: 0,
            pace: Pace::PerSecond(RATE),
            lz4: true,
            closing: None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            writer::write(&recipe, &options, &mut |_| !stopped.load(Ordering::SeqCst))?;
            Ok(())
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Measures all of them, `rounds` times each.
pub(super) fn measure(bench: &mut Bench<'_>, rounds: u32) -> anyhow::Result<Vec<Moment>> {
    let moment = |id, unit| Moment { id, unit, values: Vec::new() };
    let mut moments = [
        moment("start to first committed output", "ms"),
        moment("kill -9 to first committed output", "ms"),
        moment("rescale 2 to 4: longest time without output", "ms"),
        moment("bytes per checkpoint and slot", "KiB"),
        moment("PUTs per checkpoint and slot", ""),
        moment("memory of a worker under load, at most", "MiB"),
        moment("processor time of an idle job, of a core", "%"),
        moment("image of the worker, as a registry stores it", "MiB"),
        moment("image of the operator, as a registry stores it", "MiB"),
    ];
    for round in 0..rounds {
        let topic = format!("load-{round}");
        let load = Load::start(bench.bootstrap, &topic)?;
        let [start, kill, rescale, bytes, puts, memory, idle, ..] = &mut moments;
        one_worker(bench, &topic, [start, kill, bytes, puts, memory])?;
        rescale.values.push(rescaled(bench, &topic)?);
        drop(load);
        idle.values.push(idle_share(bench, &topic)?);
    }
    let [.., worker, operator] = &mut moments;
    let sizes = image_sizes()?;
    worker.values.extend(size_of(&sizes, "streamjob-worker"));
    operator.values.extend(size_of(&sizes, "streamjob-operator"));
    Ok(moments.into())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn one_worker(
    bench: &mut Bench<'_>,
    topic: &str,
    [start, kill, bytes, puts, memory]: [&mut Moment; 5],
) -> anyhow::Result<()> {
    let mut job = bench.job(topic, &B2)?;
    job.checkpoint_interval = "1s".into();
    let setup = bench.setup(&job, Role::Alone)?;
    let watch = Watch::start(bench.bootstrap, &job.sink)?;
    let started = Instant::now();
    let mut worker = Worker::start(&setup)?;
    start.values.push(milliseconds(watch.until_after(started)?));
    let status = worker.until_status("a checkpoint", STEP_MAX, |status| {
        status.slots.iter().all(|slot| slot.checkpoint.as_ref().is_some_and(|c| c.number.0 >= 3))
    })?;
    let sizes = status.slots.iter().filter_map(|slot| slot.checkpoint.as_ref());
    bytes.values.extend(sizes.map(|checkpoint| checkpoint.bytes as f64 / 1024.0));
    let page = worker.metrics().context("the worker has metrics")?;
    let count = |name: &str| prometheus::samples(&page, name).sum::<f64>();
    let checkpoints = count("streamjob_checkpoint_duration_seconds_count");
    puts.values.push(count("streamjob_checkpoint_puts_total") / checkpoints);
    memory.values.push(peak_bytes(&mut worker)? as f64 / f64::from(1 << 20));
    worker.process().kill()?;
    let killed = Instant::now();
    let mut worker = Worker::start(&setup)?;
    kill.values.push(milliseconds(watch.until_after(killed)?));
    worker.process().stop()?;
    Ok(())
}

/// Processor time of a whole job whose source has come to its end, in percent of a core.
fn idle_share(bench: &mut Bench<'_>, topic: &str) -> anyhow::Result<f64> {
    let job = bench.job(topic, &B2)?;
    let mut worker = Worker::start(&bench.setup(&job, Role::Alone)?)?;
    worker.until_status("the end of the source", STEP_MAX, |status| {
        status
            .slots
            .iter()
            .all(|slot| slot.phase == SlotPhase::Running && slot.rows > 0 && slot.lag == 0)
    })?;
    wait::pause(IDLE_SETTLES);
    let used = |worker: &mut Worker| worker.process().usage().map(|usage| usage.cpu);
    let (before, began) = (used(&mut worker)?, Instant::now());
    wait::pause(IDLE_FOR);
    let share =
        used(&mut worker)?.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64();
    worker.process().stop()?;
    Ok(share * 100.0)
}

/// What `images.sh` prints of the images of this build: name and bytes, a line each.
fn image_sizes() -> anyhow::Result<String> {
    let worker = tools::program("streamjob-worker")?;
    let target = worker.ancestors().nth(2).context("<target>/debug/streamjob-worker")?;
    tools::script("../images/images.sh", &[&target.display().to_string()], &[])
}

/// The size of an image in MiB.
fn size_of(sizes: &str, name: &str) -> Option<f64> {
    let line = sizes.lines().find_map(|line| line.strip_prefix(name))?;
    let bytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(bytes / f64::from(1 << 20))
}

/// Two workers, then four, as the operator does it.
fn rescaled(bench: &mut Bench<'_>, topic: &str) -> anyhow::Result<f64> {
    let mut job = bench.job(topic, &B2)?;
    job.checkpoint_interval = "1s".into();
    let watch = Watch::start(bench.bootstrap, &job.sink)?;
    let crew = |bench: &Bench<'_>, generation, slots, acquire_now| {
        let setups: anyhow::Result<Vec<_>> = (0..slots)
            .map(|ordinal| Role::Slot { generation, slots, ordinal, acquire_now })
            .map(|role| bench.setup(&job, role))
            .collect();
        setups
    };
    let two = crew(bench, 1, 2, true)?;
    worker::plan(&two[0].job, &two[0].secrets, &bench.scratch.path().join("planner.log"))?;
    let mut old = Crew::start(&two)?;
    watch.until_after(Instant::now())?;
    let mut new = Crew::start(&crew(bench, 2, 4, false)?)?;
    for index in 0..new.len() {
        new.worker(index)?.until_status("warm", STEP_MAX, |status| {
            status.slots.iter().all(|slot| slot.phase == SlotPhase::Warm)
        })?;
    }
    let ordered = Instant::now();
    let release = ReleaseOrder { generation: Generation(1), drain: false, seal: false };
    for index in 0..old.len() {
        old.worker(index)?.order("release", &release)?;
    }
    let acquire = AcquireOrder { generation: Generation(2), take_over: false };
    for index in 0..new.len() {
        new.worker(index)?.order("acquire", &acquire)?;
    }
    for index in 0..new.len() {
        new.worker(index)?.until_status("running", STEP_MAX, |status| {
            status.slots.iter().all(|slot| slot.phase == SlotPhase::Running)
        })?;
    }
    watch.until_after(Instant::now())?;
    let gap = watch.longest_gap(ordered, Instant::now());
    old.stop()?;
    new.stop()?;
    Ok(milliseconds(gap))
}
