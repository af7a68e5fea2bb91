//! What every scenario stands on: a broker, a store, a job, a load, and the judgement at the end.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use object_store::ObjectStore;
use tests::checker::generations::Generations;
use tests::checker::{
    Case, Delivery, Open, StoredFigures, StoredJob, Upto, Verdict, judge, settle,
};
use tests::figures::Figures;
use tests::generator::{Load, Pace, Recipe, WriteOptions, Written};
use tests::harness::broker::Devbroker;
use tests::harness::crew::Crew;
use tests::harness::job::{Checkpoints, JobFile};
use tests::harness::kafka::{RealKafka, Version};
use tests::harness::minio::Minio;
use tests::harness::worker::{self, Role, WorkerSetup};
use tests::harness::{Scratch, tools, wait};
use tests::kafka::commits::{self, OffsetReader};
use tests::kafka::topics;
use tests::oracle::Query;

mod site;

pub(crate) use site::Site;

/// Results are complete within this time after the last row, faults over.
const SETTLE_MAX: Duration = Duration::from_mins(3);
/// `spec.checkpoints.retained`, by default.
const RETAINED: usize = 3;
/// Partitions of input and output.
pub(crate) const PARTITIONS: u32 = 4;

pub(crate) enum Broker {
    Development {
        _process: Devbroker,
    },
    Real(RealKafka),
    /// Two nodes; the second may be lost.
    Pair([RealKafka; 2]),
    /// A real one that other jobs use too.
    Shared,
}

/// Fields are dropped in order: a client before its server, servers before their folder.
pub(crate) struct Stage {
    offsets: OffsetReader,
    pub(crate) broker: Broker,
    pub(crate) minio: Option<Minio>,
    /// The bucket, where there is one.
    pub(crate) bucket: Option<Arc<dyn ObjectStore>>,
    pub(crate) job: JobFile,
    pub(crate) job_path: PathBuf,
    pub(crate) secrets: PathBuf,
    pub(crate) scratch: Scratch,
    /// Rows that the load writes in all, closing ones included.
    total: Cell<i64>,
    survived: RefCell<Figures>,
}

impl Stage {
    /// A development broker and a folder as store.
    pub(crate) fn development(name: &str, query: Query) -> Self {
        let scratch = Scratch::new(name).unwrap();
        let broker = Devbroker::start(&scratch).unwrap();
        let bootstrap = broker.bootstrap().to_owned();
        let folder = scratch.folder("checkpoints").unwrap().display().to_string();
        let job = JobFile::new(&bootstrap, query, Checkpoints::Folder(folder));
        Self::with(name, Broker::Development { _process: broker }, None, job, scratch)
    }

    /// A real Kafka and a real object store.
    pub(crate) fn real(name: &str, query: Query) -> Self {
        Self::real_with(name, query, |folder| {
            let kafka = RealKafka::start(folder, Version::Newest, &[]).unwrap();
            (kafka.bootstrap(), Broker::Real(kafka))
        })
    }

    /// The same with two Kafka nodes that hold everything twice.
    pub(crate) fn replicated(name: &str, query: Query) -> Self {
        Self::real_with(name, query, |folder| {
            let pair = RealKafka::start_pair(folder, Version::Newest).unwrap();
            (format!("{},{}", pair[0].bootstrap(), pair[1].bootstrap()), Broker::Pair(pair))
        })
    }

    /// The same with what the caller starts in a folder; gives its address and it.
    pub(crate) fn real_with(
        name: &str,
        query: Query,
        start: impl FnOnce(&Path) -> (String, Broker),
    ) -> Self {
        let scratch = Scratch::new(name).unwrap();
        let (bootstrap, broker) = start(&scratch.folder("kafka").unwrap());
        let minio = Minio::start(&scratch.folder("minio").unwrap()).unwrap();
        let job = JobFile::new(&bootstrap, query, Checkpoints::of(&minio));
        Self::with(name, broker, Some(minio), job, scratch)
    }

    fn with(
        name: &str,
        broker: Broker,
        minio: Option<Minio>,
        job: JobFile,
        scratch: Scratch,
    ) -> Self {
        topics::create(&job.bootstrap, &[(&job.source, PARTITIONS), (&job.sink, PARTITIONS)])
            .unwrap();
        let secrets = scratch.folder("secrets").unwrap();
        worker::write_secrets(&secrets).unwrap();
        let job_path = scratch.file("job.json", &job.object().to_string()).unwrap();
        let offsets = OffsetReader::open(&job.bootstrap, &job.source_group()).unwrap();
        let bucket = minio.as_ref().map(|minio| minio.client().unwrap());
        // What a scenario is about is one fault, unless it says otherwise.
        let survived = RefCell::new(Figures { faults: 1, ..Figures::of(name) });
        let total = Cell::new(0);
        Self { offsets, broker, minio, bucket, job, job_path, secrets, scratch, total, survived }
    }

    /// Writes the job again after a change.
    pub(crate) fn write_job(&mut self) {
        self.scratch.file("job.json", &self.job.object().to_string()).unwrap();
    }

    /// Runs the planner.
    pub(crate) fn plan(&self) {
        let log = self.scratch.path().join("planner.log");
        worker::plan(&self.job_path, &self.secrets, &log).unwrap();
    }

    /// What `explain --verify` says, and its exit code.
    pub(crate) fn explain(&self) -> (Option<i32>, String) {
        self.says(&["explain", "--verify"])
    }

    /// What the planner says, and its exit code. Changes nothing.
    pub(crate) fn planner_says(&self) -> (Option<i32>, String) {
        self.says(&["plan", "--json"])
    }

    fn says(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let program = Command::new(tools::program("streamjob-worker").unwrap());
        let own = (&*self.job_path, &*self.secrets);
        let log = self.scratch.path().join(format!("{}.log", arguments[0]));
        drop(std::fs::remove_file(&log));
        let (status, text) = worker::once(program, arguments, own, &log).unwrap();
        (status.code(), text)
    }

    pub(crate) fn setup(&self, name: &str, role: Role) -> WorkerSetup {
        WorkerSetup {
            job: self.job_path.clone(),
            secrets: self.secrets.clone(),
            state: self.scratch.folder(&format!("state-{name}")).unwrap(),
            log: self.scratch.path().join(format!("worker-{name}.log")),
            role,
        }
    }

    /// The whole job in one process.
    pub(crate) fn alone(&self) -> WorkerSetup {
        self.setup("alone", Role::Alone)
    }

    /// The workers of a generation, one slot each.
    pub(crate) fn generation(&self, generation: u64, slots: u32, acquire_now: bool) -> Crew {
        let setups: Vec<WorkerSetup> = (0..slots)
            .map(|ordinal| {
                let role = Role::Slot { generation, slots, ordinal, acquire_now };
                self.setup(&format!("g{generation}-{ordinal}"), role)
            })
            .collect();
        Crew::start(&setups).unwrap()
    }

    /// An input with rows too late, fit for the job's query.
    pub(crate) fn recipe(&self, seed: u64) -> Recipe {
        let query = &self.job.query;
        Recipe {
            late_per_million: 5_000,
            late_by: query.closing() + 5_000,
            keyed: query.claimed,
            keys: 500,
            ..Recipe::plain(query.shape, seed, PARTITIONS)
        }
    }

    /// Starts writing `rows` per partition, and closes the logs at the end.
    pub(crate) fn load(&self, recipe: Recipe, rows: u64, pace: Pace) -> Load {
        let options = WriteOptions {
            bootstrap: self.job.bootstrap.clone(),
            topic: self.job.source.clone(),
            rows,
            first: 0,
            pace,
            lz4: true,
            closing: Some(self.job.query.closing()),
        };
        self.total.set((rows as i64 + 1) * i64::from(PARTITIONS));
        Load::start(recipe, options)
    }

    pub(crate) fn case(&self) -> Case {
        Case {
            bootstrap: self.job.bootstrap.clone(),
            query: self.job.query.clone(),
            source: self.job.source.clone(),
            sink: self.job.sink.clone(),
            stamps: self
                .job
                .more
                .as_ref()
                .map(|(topic, _)| topic.clone())
                .filter(|_| self.job.query.clocked),
            upto: Upto::End,
            open: Open::Refused,
            delivery: match self.job.delivery.as_str() {
                "AtLeastOnce" => Delivery::AtLeastOnce,
                _ => Delivery::ExactlyOnce,
            },
            // Only a real Kafka keeps the history of committed offsets as a log.
            groups: matches!(self.broker, Broker::Real(_) | Broker::Shared)
                .then(|| self.job.groups()),
        }
    }

    /// Waits until the source is committed to its end, then for the results, and requires that all is right.
    pub(crate) fn finish(&self, written: Written, mut tend: impl FnMut()) -> Verdict {
        let start = Instant::now();
        self.until_committed(written.rows as i64, &mut tend);
        let verdict = settle(&self.case(), SETTLE_MAX.saturating_sub(start.elapsed()), || {
            tend();
            Ok(true)
        });
        let verdict = verdict.unwrap().unwrap().require_clean().unwrap();
        assert_eq!(verdict.events, written.rows);
        if self.job.delivery != "AtLeastOnce" {
            self.survived.borrow_mut().judged(&verdict);
        }
        verdict
    }

    /// What is to be known of the scenario beside its rows.
    pub(crate) fn survived(&self, take: impl FnOnce(&mut Figures)) {
        take(&mut self.survived.borrow_mut());
    }

    /// Waits until so many rows of the source are committed.
    pub(crate) fn until_committed(&self, rows: i64, mut tend: impl FnMut()) {
        wait::until_true(&format!("{rows} rows committed"), SETTLE_MAX, || {
            tend();
            // The broker has better things to do than to answer this.
            wait::pause(Duration::from_millis(100));
            Ok(self.committed_rows() >= rows)
        })
        .unwrap();
    }

    /// Waits until more rows are committed than now, unless all are.
    pub(crate) fn until_progress(&self, mut tend: impl FnMut()) {
        self.until_progress_or(|| {
            tend();
            false
        });
    }

    /// The same, or until it need not be.
    pub(crate) fn until_progress_or(&self, mut enough: impl FnMut() -> bool) {
        let mut wanted = None;
        wait::until_true("more rows committed", SETTLE_MAX, || {
            wait::pause(Duration::from_millis(100));
            if enough() {
                return Ok(true);
            }
            // A transaction that somebody left open hides what is committed.
            let Some(rows) = self.visible_rows() else { return Ok(false) };
            let wanted = *wanted.get_or_insert((rows + 1).min(self.total.get()));
            Ok(rows >= wanted)
        })
        .unwrap();
    }

    /// Rows of the source that are committed.
    pub(crate) fn committed_rows(&self) -> i64 {
        self.visible_rows().unwrap_or_default()
    }

    fn visible_rows(&self) -> Option<i64> {
        let offsets = self.offsets.read(&self.job.source, PARTITIONS).ok()?;
        Some(offsets.iter().flatten().map(|committed| committed.offset).sum())
    }

    /// Check 5, while no worker runs: the output is exactly that of the committed input.
    pub(crate) fn require_atomic(&self) -> Verdict {
        let upto = Upto::Committed { group: self.job.source_group() };
        let verdict = judge(&Case { upto, ..self.case() }).unwrap();
        assert!(verdict.findings.is_empty(), "{verdict}");
        verdict
    }

    /// Check 8, while no worker runs: what commits name is in the store as it was written. `orphans_max` is how many
    /// uploads may have been cut.
    pub(crate) fn require_objects(&self, orphans_max: usize) -> StoredFigures {
        let (figures, verdict) = self.objects(orphans_max);
        assert!(verdict.findings.is_empty(), "{verdict}\n{figures}");
        figures
    }

    /// What check 8 says.
    pub(crate) fn objects(&self, orphans_max: usize) -> (StoredFigures, Verdict) {
        let mut generations = Generations::default();
        commits::history(&self.job.bootstrap, &self.job.groups(), &mut |c| generations.take(&c))
            .unwrap();
        let store = self.bucket.as_deref().expect("a scenario with a store");
        let job = StoredJob {
            store,
            prefix: "jobs",
            uid: &self.job.uid,
            retained: RETAINED,
            orphans_max,
        };
        let mut verdict = Verdict { expected: 1, ..Verdict::default() };
        let named = generations.named().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let figures = runtime.block_on(job.judge(&named, SystemTime::now(), &mut verdict)).unwrap();
        (figures, verdict)
    }

    /// The committed offsets of the source; 0 where there is none or a transaction is open.
    pub(crate) fn committed(&self) -> Vec<i64> {
        match self.offsets.read(&self.job.source, PARTITIONS) {
            Ok(offsets) => offsets.into_iter().map(|o| o.map_or(0, |o| o.offset)).collect(),
            Err(_) => vec![0; PARTITIONS as usize],
        }
    }
}

impl Drop for Stage {
    /// A scenario that was judged, and held, is a line of the run's table.
    fn drop(&mut self) {
        let survived = self.survived.get_mut();
        if survived.records > 0 && !std::thread::panicking() {
            survived.tell().expect("the file of the figures is written");
        }
    }
}

/// A number from the environment: `make soak` asks for more than `make test`.
pub(crate) fn scale(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// The seed of a run: given, or new every day the test runs, and always printed.
pub(crate) fn seed() -> u64 {
    let seed = scale("STREAMJOB_SEED", u64::from(std::process::id()));
    eprintln!("STREAMJOB_SEED={seed}");
    seed
}
