//! What an edit changes. Pure: decided from the generation that runs, the spec that is wanted, and what the planner
//! said.

use crds::{
    ChangeClass, ChangeStatus, GenerationStatus, PlanStatus, StreamJobSpec, StreamJobStatus,
};
use protocol::reason::Reason;
use serde_json::Value;

use crate::limits::CHANGED_FIELDS_MAX;
use crate::observed::Observed;
use crate::validate::Target;

/// How much of the job has to move for a target.
///
/// `plan` is the planner's answer to the target, if it has given one: without it, a change of the query is unknown.
pub fn class(
    memory: &StreamJobStatus,
    target: &Target,
    plan: Option<&PlanStatus>,
    changed: bool,
) -> ChangeClass {
    let Some(current) = &memory.current else {
        return if target.suspended() { ChangeClass::InPlace } else { ChangeClass::First };
    };
    let rests = memory.sealed == Some(current.number);
    if target.suspended() {
        return match (rests, changed) {
            (false, _) => ChangeClass::Suspend,
            (true, true) => ChangeClass::InPlace,
            (true, false) => ChangeClass::Nothing,
        };
    }
    let Some(plan) = plan else { return ChangeClass::Unknown };
    if target.is_met_by(current, plan) {
        return match (rests, changed) {
            (true, _) => ChangeClass::Resume,
            (false, true) => ChangeClass::InPlace,
            (false, false) => ChangeClass::Nothing,
        };
    }
    if plan.fingerprint != current.plan_fingerprint {
        return match plan.change {
            Some(ChangeClass::IncompatibleLogic) => ChangeClass::IncompatibleLogic,
            _ => ChangeClass::CompatibleLogic,
        };
    }
    of_pods(current, target)
}

/// The query stays: is it only the number of pods?
fn of_pods(current: &GenerationStatus, target: &Target) -> ChangeClass {
    let as_many = target.digest_with(current.parallelism, &current.plan_fingerprint);
    if as_many == current.spec_digest { ChangeClass::Rescale } else { ChangeClass::Restart }
}

/// The plan of the target, as far as the memory knows it.
pub fn known_plan<'a>(memory: &'a StreamJobStatus, target: &Target) -> Option<&'a PlanStatus> {
    memory.plan.as_ref().filter(|plan| plan.spec_digest == target.plan_digest)
}

/// What the status says about an edit that is not in force yet; nothing where nothing follows from it.
pub fn pending(
    observed: &Observed,
    memory: &StreamJobStatus,
    target: &Target,
) -> Option<ChangeStatus> {
    let fields = fields(observed, memory, &target.spec);
    let refused = memory.refused.as_ref().filter(|refused| {
        refused.spec_digest == target.plan_digest
            && refused.reason == Reason::IncompatibleState.as_str()
    });
    let class = match refused {
        Some(_) => ChangeClass::IncompatibleLogic,
        None => class(memory, target, known_plan(memory, target), !fields.is_empty()),
    };
    let acts = !matches!(class, ChangeClass::Nothing | ChangeClass::InPlace);
    acts.then_some(ChangeStatus { class, fields })
}

/// Paths of the fields in which a spec differs from that of the generation that runs or rests.
pub fn fields(observed: &Observed, memory: &StreamJobStatus, spec: &StreamJobSpec) -> Vec<String> {
    let current = memory.current.as_ref();
    let Some(before) = current.and_then(|current| observed.configs.get(&current.number)) else {
        return Vec::new();
    };
    let plain = |spec: &StreamJobSpec| {
        let mut value = serde_json::to_value(spec).unwrap_or_default();
        // It matters at the first start only, and is resolved then; rest is no edit.
        if let Some(fields) = value.as_object_mut() {
            fields.remove("restoreFrom");
            fields.remove("state");
        }
        value
    };
    let mut found = Vec::new();
    differences(&plain(before), &plain(spec), "spec", &mut found);
    found.truncate(CHANGED_FIELDS_MAX);
    found
}

/// Objects field by field; everything else is the same or not.
fn differences(before: &Value, after: &Value, path: &str, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let inner = |fields: &serde_json::Map<String, Value>| {
                    fields.get(name).cloned().unwrap_or_default()
                };
                differences(&inner(a), &inner(b), &format!("{path}.{name}"), found);
            }
        }
        (a, b) if a != b => found.push(path.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn differences_are_named_by_the_shortest_path() {
        let before = json!({"a": 1, "b": {"c": [1], "d": 2}, "e": null});
        let after = json!({"a": 1, "b": {"c": [2], "x": 1, "d": 2}, "f": null});
        let mut found = Vec::new();
        super::differences(&before, &after, "spec", &mut found);
        assert_eq!(found, ["spec.b.c", "spec.b.x"]);
    }
}
