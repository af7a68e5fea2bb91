//! What the planner said, and whether it has to be asked.

use std::time::Duration;

use crds::status::RefusedSpec;
use crds::{ChangeClass, PlanStatus, StreamJobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use protocol::reason::Reason;
use protocol::verdict::{DiffClass, PlannerVerdict};
use serde_json::{Map, Value};

use crate::limits::{
    CAPACITY_RETRY_MAX, CAPACITY_RETRY_MIN, MESSAGE_CHARS_MAX, RETRY_MAX, RETRY_MIN,
};
use crate::names;
use crate::observed::{Observed, TaskView};
use crate::validate::Target;

/// The refusal that is in force for any of the digests, if one is.
pub fn refused<'a>(
    observed: &Observed,
    memory: &'a StreamJobStatus,
    digests: &[&str],
) -> Option<&'a RefusedSpec> {
    let refused = memory.refused.as_ref()?;
    let about = digests.contains(&refused.spec_digest.as_str());
    (about && !expired(observed, refused)).then_some(refused)
}

/// Refusals that may pass by themselves are looked at again after a while.
fn expired(observed: &Observed, refused: &RefusedSpec) -> bool {
    let is = |reason: Reason| refused.reason == reason.as_str();
    let passing = [
        Reason::BrokerUnreachable,
        Reason::StoreUnreachable,
        Reason::CredentialsRejected,
        Reason::SecretMissing,
        Reason::TopicMissing,
        Reason::BucketMissing,
        Reason::CrashLoop,
        Reason::ImagePullFailed,
    ];
    let capacity = [Reason::CapacityUnavailable, Reason::Unschedulable, Reason::QuotaExceeded];
    let after = if passing.into_iter().any(is) {
        doubled(RETRY_MIN, RETRY_MAX, refused.attempts)
    } else if capacity.into_iter().any(is) {
        capacity_retry(refused.attempts)
    } else {
        return false;
    };
    observed.since(refused.at.0) >= after
}

/// How long to wait after so many rollouts in a row that found no capacity.
pub(super) fn capacity_retry(attempts: u32) -> Duration {
    doubled(CAPACITY_RETRY_MIN, CAPACITY_RETRY_MAX, attempts)
}

/// The first wait, doubled with every attempt after the first, up to the last.
fn doubled(first: Duration, last: Duration, attempts: u32) -> Duration {
    first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(last)
}

/// Whether the planner has to look at the target.
pub fn planner_wanted(observed: &Observed, target: &Target, memory: &StreamJobStatus) -> bool {
    let planned = memory.plan.as_ref().is_some_and(|plan| plan.spec_digest == target.plan_digest);
    !planned
        && !target.suspended()
        && !target.waits_for_savepoint
        && observed.job.deleted_at.is_none()
        && refused(observed, memory, &[&target.plan_digest]).is_none()
}

/// Takes the planner's verdict into the memory, once it is there.
pub(super) fn learn(observed: &Observed, target: &Target, memory: &mut StreamJobStatus) {
    if !planner_wanted(observed, target, memory) {
        return;
    }
    let name = names::planner(&observed.job.name, &target.plan_digest);
    let Some(task) = observed.tasks.get(&name) else { return };
    if !task.is_over(observed.now) || task.spec_digest != target.plan_digest {
        return;
    }
    match accepted(task) {
        Ok(plan) => {
            memory.plan = Some(PlanStatus { spec_digest: target.plan_digest.clone(), ..plan });
            memory.refused = None;
        }
        Err((reason, message)) => {
            let digest = &target.plan_digest;
            memory.refused = Some(refusal(observed, memory, digest, reason, &message));
        }
    }
}

/// A refusal as it is remembered; one that follows its like counts up.
pub(super) fn refusal(
    observed: &Observed,
    memory: &StreamJobStatus,
    digest: &str,
    reason: Reason,
    message: &str,
) -> RefusedSpec {
    let before = memory.refused.as_ref();
    let again = before.filter(|b| b.spec_digest == digest && b.reason == reason.as_str());
    RefusedSpec {
        attempts: again.map_or(0, |again| again.attempts).saturating_add(1),
        spec_digest: digest.to_owned(),
        reason: reason.as_str().to_owned(),
        message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
        at: Time(observed.now),
    }
}

/// What the planner left, or why it left nothing.
pub fn verdict(task: &TaskView) -> Result<PlannerVerdict, (Reason, String)> {
    let text = task.message.as_deref().unwrap_or_default();
    serde_json::from_str::<PlannerVerdict>(text).map_err(|_| {
        let (reason, why) = match &task.problem {
            Some(problem) => (problem.reason, problem.text.as_str()),
            None => (Reason::CrashLoop, text),
        };
        (reason, format!("the planner ended without a verdict: {why}"))
    })
}

fn accepted(task: &TaskView) -> Result<PlanStatus, (Reason, String)> {
    let verdict = verdict(task)?;
    if let Some(first) = verdict.refusals.first() {
        return Err((first.reason, refusals(&verdict)));
    }
    as_plan(&verdict).ok_or_else(|| {
        (Reason::Bug, "the planner neither refused the job nor made a plan".to_owned())
    })
}

/// The plan of a verdict, if it has one.
pub fn as_plan(verdict: &PlannerVerdict) -> Option<PlanStatus> {
    let layout = verdict.layout.as_ref()?;
    Some(PlanStatus {
        fingerprint: verdict.fingerprint.as_ref()?.to_string(),
        spec_digest: String::new(),
        max_parallelism: verdict.exchange_partitions.unwrap_or(0),
        hash_version: verdict.hash_version,
        shards: layout.widest(),
        change: verdict.diff.map(class),
        layout: match serde_json::to_value(layout).ok()? {
            Value::Object(fields) => fields,
            _ => Map::new(),
        },
    })
}

/// The planner's word in the operator's.
fn class(diff: DiffClass) -> ChangeClass {
    match diff {
        DiffClass::First => ChangeClass::First,
        DiffClass::SameLogic => ChangeClass::Restart,
        DiffClass::CompatibleLogic => ChangeClass::CompatibleLogic,
        DiffClass::IncompatibleLogic => ChangeClass::IncompatibleLogic,
    }
}

/// All refusals in one text.
pub fn refusals(verdict: &PlannerVerdict) -> String {
    let lines: Vec<String> = verdict
        .refusals
        .iter()
        .map(|refusal| match (refusal.line, refusal.column) {
            (Some(line), Some(column)) => format!("{line}:{column}: {}", refusal.message),
            _ => refusal.message.clone(),
        })
        .collect();
    let more = match verdict.omitted {
        0 => String::new(),
        omitted => format!("; and {omitted} more"),
    };
    format!("{}{more}", lines.join("; "))
}
