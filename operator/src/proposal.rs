//! Plan before apply: a spec that is only asked about, in an annotation of the job. It is checked, compared, and looked
//! at by a planner that changes nothing; the answer stands in the status. Nothing else follows from it.

use crds::{ChangeClass, PlanStatus, ProposalRefusal, ProposalStatus, StreamJobStatus};
use protocol::reason::Reason;
use protocol::verdict::{DiffClass, PlannerVerdict};
use serde::Deserialize;
use serde_json::Value;

use crate::change;
use crate::limits::{
    CHANGED_FIELDS_MAX, MESSAGE_CHARS_MAX, PROPOSAL_WARNINGS_MAX, WARNING_CHARS_MAX,
};
use crate::machine::{as_plan, refusals, verdict};
use crate::names;
use crate::observed::{JobView, Observed};
use crate::validate::{self, Invalid, Settings, Target};

/// The annotation.
#[derive(Debug, Deserialize)]
struct Question {
    id: String,
    spec: Value,
}

/// A spec that is asked about.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Which question it is.
    pub id: String,
    /// The spec, checked.
    pub target: Result<Target, Invalid>,
}

/// The question that the job's annotation asks, if there is one that can be read.
pub fn of(observed: &Observed, settings: &Settings) -> Option<Proposal> {
    let text = observed.job.annotations.get(names::PROPOSAL)?;
    let question: Question = serde_json::from_str(text).ok()?;
    let job = JobView { spec: question.spec, ..observed.job.clone() };
    let asked = Observed { job, ..observed.clone() };
    let id = question.id.chars().take(64).collect();
    Some(Proposal { id, target: validate::target(&asked, settings) })
}

impl Proposal {
    /// The target that the planner still has to look at.
    pub fn to_be_tried(&self, observed: &Observed) -> Option<&Target> {
        let memory = &observed.job.status;
        let answered = memory.proposal.as_ref().is_some_and(|answer| answer.id == self.id);
        let target = self.target.as_ref().ok()?;
        let needed = !answered
            && !target.suspended()
            && observed.job.deleted_at.is_none()
            && change::known_plan(memory, target).is_none();
        needed.then_some(target)
    }

    /// The answer: the one that was given, or the one that can be given now.
    pub fn answer(&self, observed: &Observed) -> Option<ProposalStatus> {
        let memory = &observed.job.status;
        if let Some(given) = memory.proposal.as_ref().filter(|answer| answer.id == self.id) {
            return Some(given.clone());
        }
        let target = match &self.target {
            Ok(target) => target,
            Err(invalid) => {
                return Some(self.refusal(memory, Reason::InvalidSpec, &invalid.message));
            }
        };
        if target.suspended() {
            return Some(self.planned(observed, target, None, Vec::new()));
        }
        if let Some(plan) = change::known_plan(memory, target) {
            return Some(self.planned(observed, target, Some(plan), Vec::new()));
        }
        let name = names::trial(&observed.job.name, &target.plan_digest);
        let task = observed
            .tasks
            .get(&name)
            .filter(|task| task.is_over(observed.now) && task.spec_digest == target.plan_digest)?;
        Some(match verdict(task) {
            Err((reason, message)) => self.refusal(memory, reason, &message),
            Ok(verdict) => self.judged(observed, target, &verdict),
        })
    }

    fn judged(
        &self,
        observed: &Observed,
        target: &Target,
        verdict: &PlannerVerdict,
    ) -> ProposalStatus {
        let mut answer = self.of_verdict(observed, target, verdict);
        let changes = verdict.operators.clone().unwrap_or_default();
        let some = |mut names: Vec<String>| {
            names.truncate(CHANGED_FIELDS_MAX);
            names
        };
        answer.operators_kept = some(changes.kept);
        answer.operators_dropped = some(changes.dropped);
        answer.operators_added = some(changes.added);
        answer
    }

    fn of_verdict(
        &self,
        observed: &Observed,
        target: &Target,
        verdict: &PlannerVerdict,
    ) -> ProposalStatus {
        let memory = &observed.job.status;
        if let Some(first) = verdict.refusals.first() {
            let mut answer = self.refusal(memory, first.reason, &refusals(verdict));
            if verdict.diff == Some(DiffClass::IncompatibleLogic) {
                answer.change = ChangeClass::IncompatibleLogic;
            }
            answer.changed = change::fields(observed, memory, &target.spec);
            return answer;
        }
        let warnings = verdict.warnings.iter().take(PROPOSAL_WARNINGS_MAX);
        let warnings = warnings.map(|text| text.chars().take(WARNING_CHARS_MAX).collect());
        match as_plan(verdict) {
            Some(plan) => self.planned(observed, target, Some(&plan), warnings.collect()),
            None => self.refusal(memory, Reason::Bug, "the planner gave no plan"),
        }
    }

    fn planned(
        &self,
        observed: &Observed,
        target: &Target,
        plan: Option<&PlanStatus>,
        warnings: Vec<String>,
    ) -> ProposalStatus {
        let memory = &observed.job.status;
        let changed = change::fields(observed, memory, &target.spec);
        let class = change::class(memory, target, plan, !changed.is_empty());
        let runs = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number));
        let before = runs.map_or(0, |current| current.parallelism);
        let after = match plan {
            Some(plan) if !target.suspended() => target.parallelism(plan),
            _ => 0,
        };
        let moves =
            !matches!(class, ChangeClass::Nothing | ChangeClass::InPlace | ChangeClass::Suspend);
        let extra = if moves && runs.is_some() && target.spec.upgrade.surge() { after } else { 0 };
        let gap = memory.rollout.as_ref().map(|rollout| rollout.gap_max_ms);
        let too_many = plan.is_some_and(|plan| !target.suspended() && target.too_many_slots(plan));
        ProposalStatus {
            id: self.id.clone(),
            change: class,
            changed,
            pods_before: before,
            pods_after: after,
            pods_extra: extra,
            gap_ms: gap.filter(|_| moves),
            operators_kept: Vec::new(),
            operators_dropped: Vec::new(),
            operators_added: Vec::new(),
            warnings,
            refused: too_many.then(|| ProposalRefusal {
                reason: Reason::TooManySlots.to_string(),
                message: "more slots than the widest stage has shards".to_owned(),
            }),
            fingerprint: plan.map(|plan| plan.fingerprint.clone()),
        }
    }

    fn refusal(&self, memory: &StreamJobStatus, reason: Reason, message: &str) -> ProposalStatus {
        let runs = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number));
        let pods = runs.map_or(0, |current| current.parallelism);
        ProposalStatus {
            id: self.id.clone(),
            change: ChangeClass::Unknown,
            changed: Vec::new(),
            pods_before: pods,
            pods_after: pods,
            pods_extra: 0,
            gap_ms: None,
            operators_kept: Vec::new(),
            operators_dropped: Vec::new(),
            operators_added: Vec::new(),
            warnings: Vec::new(),
            refused: Some(ProposalRefusal {
                reason: reason.to_string(),
                message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
            }),
            fingerprint: None,
        }
    }
}
