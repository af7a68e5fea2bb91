//! What the planner Job leaves as its termination message: at most 3 KiB of JSON.

use serde::{Deserialize, Serialize};

use crate::generation::Layout;
use crate::ids::Fingerprint;
use crate::limits::VERDICT_BYTES_MAX;
use crate::reason::Reason;

/// What an edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiffClass {
    /// No generation has run yet.
    First,
    /// The same logic: only where and how it runs changes.
    SameLogic,
    /// Other logic whose state tables the newest checkpoint can fill.
    CompatibleLogic,
    /// Other logic that would lose state.
    IncompatibleLogic,
}

/// One reason why a spec is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For the condition.
    pub reason: Reason,
    /// What, where, and what to do.
    pub message: String,
    /// Line in `spec.sql`, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column in that line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

/// What becomes of the operators that keep state, by their stable ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorChanges {
    /// In both plans: the state goes on.
    pub kept: Vec<String>,
    /// Only in the plan before: the state goes.
    pub dropped: Vec<String>,
    /// Only in the new plan: the state begins.
    pub added: Vec<String>,
}

/// The planner's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannerVerdict {
    /// Of the plan; absent when there is none.
    pub fingerprint: Option<Fingerprint>,
    /// What the edit changes.
    pub diff: Option<DiffClass>,
    /// The logs of every stage; absent when refused.
    pub layout: Option<Layout>,
    /// Partitions of the exchanges, fixed from now on.
    pub exchange_partitions: Option<u32>,
    /// What becomes of operators with state; absent where no plan was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operators: Option<OperatorChanges>,
    /// Of the exchange hash.
    pub hash_version: u32,
    /// Why not; empty when the plan may run.
    pub refusals: Vec<Refusal>,
    /// What will work but deserves a look.
    pub warnings: Vec<String>,
    /// How many refusals and warnings did not fit.
    #[serde(default)]
    pub omitted: u32,
}

impl PlannerVerdict {
    /// May the plan run?
    pub fn accepted(&self) -> bool {
        self.refusals.is_empty() && self.layout.is_some()
    }

    /// JSON within [`VERDICT_BYTES_MAX`]: warnings, then refusals beyond the first, give way.
    pub fn encode(mut self) -> String {
        loop {
            let text = serde_json::to_string(&self).expect("a verdict has no value JSON lacks");
            if text.len() <= VERDICT_BYTES_MAX {
                return text;
            }
            // Names of operators say least.
            if self.operators.take().is_some() {
                continue;
            }
            if self.warnings.pop().is_some()
                || self.refusals.len() > 1 && self.refusals.pop().is_some()
            {
                self.omitted += 1;
            } else if let Some(first) = self.refusals.first_mut()
                && first.message.len() > VERDICT_BYTES_MAX / 2
            {
                first.message = first.message.chars().take(VERDICT_BYTES_MAX / 8).collect();
            } else {
                return text;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_fits_a_termination_message() {
        let refusal = Refusal {
            reason: Reason::InvalidSql,
            message: "x".repeat(1000),
            line: Some(1),
            column: Some(2),
        };
        let verdict = PlannerVerdict {
            fingerprint: None,
            diff: None,
            layout: None,
            exchange_partitions: None,
            operators: None,
            hash_version: 1,
            refusals: vec![refusal; 10],
            warnings: vec!["w".repeat(500); 10],
            omitted: 0,
        };
        let text = verdict.encode();
        assert!(text.len() <= VERDICT_BYTES_MAX, "{}", text.len());
        let read: PlannerVerdict = serde_json::from_str(&text).expect("JSON");
        assert!(!read.refusals.is_empty());
        assert_eq!(read.omitted as usize, 20 - read.refusals.len() - read.warnings.len());
        assert!(!read.accepted());
    }
}
