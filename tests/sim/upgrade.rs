//! A change of the query in the middle of a seed, and back: another plan, whose state is compatible.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use dataflow::JobPlan;
use protocol::generation::Layout;
use protocol::hash::HASH_VERSION;
use tests::harness::job::JobFile;
use tests::oracle::Query;
use worker::history::JobHistory;
use worker::job::Job;
use worker::planning::{self, PLAN_FORMAT, PlanObject, layout};

use crate::process::Site;
use crate::random::Random;
use crate::setting::Setting;

/// The plan that a seed begins with.
pub(crate) const BEFORE: usize = 0;
/// The other one.
pub(crate) const AFTER: usize = 1;
/// The aggregate that is added.
pub(crate) const ADDED: &str = "added";

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Which rows count: those whose price is a multiple of this; none: all.
    Filter {
        /// By the plan before.
        before: Option<i64>,
        /// By the other.
        after: i64,
    },
    /// Windows over the source itself get one more aggregate, [`ADDED`]. The plan before has no place for its state, so
    /// the way back goes over an older checkpoint of its own, and may be refused.
    Aggregate,
}

/// The query that takes over, and what is different.
#[derive(Clone, Debug)]
pub(crate) struct Upgrade {
    pub(crate) change: Change,
    pub(crate) query: Query,
}

impl Upgrade {
    /// Some seeds have one: drawn apart, so that the others stay what they were.
    pub(crate) fn draw(seed: u64, query: &Query) -> Option<Self> {
        let random = &mut Random::new(seed ^ 0x0905_ad0e);
        let filter = |divisor: i64| Some(format!("price % {divisor} = 0"));
        let change = match query {
            Query { window: None, .. } => Change::Filter { before: Some(2), after: 3 },
            Query { claimed: false, .. } => Change::Filter { before: None, after: 3 },
            _ => Change::Aggregate,
        };
        let query = match change {
            Change::Filter { after, .. } => Query { filter: filter(after), ..query.clone() },
            Change::Aggregate => {
                let values = format!("{}, sum(bidder) AS {ADDED}", query.values);
                Query { values, ..query.clone() }
            }
        };
        random.one_in(3).then_some(Self { change, query })
    }

    /// May the plan before refuse to go on from what the other one has left?
    pub(crate) fn may_refuse(&self) -> bool {
        self.change == Change::Aggregate
    }

    /// Does a plan count a row?
    pub(crate) fn counts(&self, version: usize, price: i64) -> bool {
        let Change::Filter { before, after } = self.change else { return true };
        let divisor = if version == AFTER { Some(after) } else { before };
        divisor.is_none_or(|divisor| price % divisor == 0)
    }
}

/// A job with one of its plans.
pub(crate) struct Version {
    pub(crate) job: Arc<Job>,
    pub(crate) plan: Arc<JobPlan>,
}

/// The plans of a seed: the first one, and perhaps the other. Both read the same logs.
pub(crate) fn versions(
    setting: &Setting,
    file: &JobFile,
    scratch: &Path,
) -> anyhow::Result<(Vec<Version>, Layout)> {
    let after = setting.upgrade.iter().map(|upgrade| &upgrade.query);
    let mut versions = Vec::new();
    let mut logs: Option<Layout> = None;
    for query in std::iter::once(&setting.query).chain(after) {
        let mut object = JobFile { query: query.clone(), ..file.clone() }.object();
        object["spec"]["checkpoints"]["timeout"] = serde_json::json!("10s");
        if let Some(drift_ms) = setting.drift_ms {
            let watermark = &mut object["spec"]["sources"][0]["watermark"];
            watermark["maxDrift"] = serde_json::json!(format!("{drift_ms}ms"));
        }
        let object = crds::file::stream_job(&object.to_string())?;
        let job = Job::from_object(object, scratch)?;
        let plan = planning::replan(&job, setting.exchange)?;
        let sources = [(file.source.clone(), setting.partitions)].into();
        let layout = layout::layout(&plan, &job.names, &sources)?;
        ensure!(
            logs.as_ref().is_none_or(|first| *first == layout),
            "the plans read different logs"
        );
        logs = Some(layout);
        versions.push(Version { job: Arc::new(job), plan });
    }
    let layout = logs.context("a seed has a plan")?;
    if let [before, after] = &versions[..] {
        ensure!(before.plan.fingerprint != after.plan.fingerprint, "the plans are the same");
    }
    Ok((versions, layout))
}

/// What the planner has written of the plan that the job begins with.
pub(crate) fn write_first_plan(site: &Site, exchange_partitions: u32) -> anyhow::Result<()> {
    let plan = &site.versions[BEFORE].plan;
    let object = PlanObject {
        format: PLAN_FORMAT,
        fingerprint: plan.fingerprint.clone(),
        exchange_partitions,
        hash_version: HASH_VERSION,
        layout: site.layout.clone(),
        description: serde_json::to_value(sql::describe(plan))?,
    };
    write(site, &site.job.keys.plan(&object.fingerprint), &serde_json::to_vec(&object)?)
}

/// Creates an object, as often as it takes: the planner tries again, too.
pub(crate) fn write(site: &Site, key: &str, body: &[u8]) -> anyhow::Result<()> {
    let store = connectors::Store::over(Arc::clone(&site.objects) as Arc<_>, "simulated");
    for _ in 0..100 {
        let created = JobHistory::create(&store, key, body.to_vec().into());
        if site.runtime.block_on(created).is_ok() {
            return Ok(());
        }
    }
    anyhow::bail!("the store does not take {key}")
}
