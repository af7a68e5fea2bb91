//! Why a job is as it is, and what to do next.

use anyhow::Context as _;
use crds::ConditionType;
use protocol::reason::Reason;
use serde_json::{Value, json};

use crate::seen::Seen;

/// A reason by its name.
fn known(word: &str) -> Option<&'static Reason> {
    Reason::ALL.iter().find(|reason| reason.as_str().eq_ignore_ascii_case(word))
}

/// What a reason means; the page of the documentation has more.
pub fn reason(word: &str) -> anyhow::Result<String> {
    let reason = known(word).with_context(|| {
        let all: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("there is no reason {word}; there are: {}", all.join(", "))
    })?;
    let next = match reason.next_step() {
        "" => "nothing has to be done",
        next => next,
    };
    Ok(format!("{reason}: {}\nNext: {next}", reason.meaning()))
}

/// The conditions that matter, what the plan is, what is refused, what was gone back from.
pub fn text(seen: &Seen) -> String {
    let mut lines = Vec::new();
    for of in [ConditionType::Stalled, ConditionType::Degraded, ConditionType::Reconciling] {
        if let Some((true, reason, message)) = seen.condition(of) {
            lines.push(format!("{of} because of {reason}: {message}"));
            lines.extend(meaning(reason));
        }
    }
    if let Some((ready, reason, message)) = seen.condition(ConditionType::Ready) {
        let word = if ready { "Ready" } else { "Not ready" };
        lines.push(format!("{word}: {reason}: {message}"));
    }
    for (pod, slot) in seen.slots() {
        if let Some(reason) = slot.reason {
            let message = slot.message.as_deref().unwrap_or_default();
            lines.push(format!("Slot {} in {}: {reason}: {message}", slot.slot, pod.name));
        }
    }
    lines.extend(plan(seen));
    lines.extend(generations(seen));
    lines.join("\n")
}

fn meaning(word: &str) -> Option<String> {
    known(word).map(|reason| format!("  {}", reason.meaning()))
}

fn plan(seen: &Seen) -> Vec<String> {
    let Some(plan) = &seen.status.plan else { return vec!["No plan yet.".to_owned()] };
    let mut lines = vec![format!(
        "Plan {}: {} shards in the widest stage, {} partitions in every exchange",
        plan.fingerprint, plan.shards, plan.max_parallelism
    )];
    let stages = plan.layout.get("stages").and_then(Value::as_array);
    for stage in stages.into_iter().flatten() {
        let topics: Vec<String> = stage["topics"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|topic| {
                format!("{} × {}", topic["topic"].as_str().unwrap_or("?"), topic["partitions"])
            })
            .collect();
        lines.push(format!("  stage {} reads {}", stage["stage"], topics.join(", ")));
    }
    lines
}

fn generations(seen: &Seen) -> Vec<String> {
    let status = &seen.status;
    let named = [
        ("before", status.previous.as_ref()),
        ("now", status.current.as_ref()),
        ("next", status.next.as_ref()),
        ("proved itself", status.healthy.as_ref().map(|healthy| &healthy.generation)),
    ];
    named
        .into_iter()
        .filter_map(|(what, generation)| {
            let generation = generation?;
            let change = generation.change.map(|change| format!(", made by {change}"));
            Some(format!(
                "Generation {} ({what}): {} pods, plan {}{}",
                generation.number,
                generation.parallelism,
                generation.plan_fingerprint,
                change.unwrap_or_default()
            ))
        })
        .collect()
}

/// For programs.
pub fn json(seen: &Seen) -> Value {
    let conditions: Vec<Value> = seen
        .status
        .conditions
        .iter()
        .map(|condition| {
            let reason = known(&condition.reason);
            json!({
                "type": condition.condition_type,
                "status": condition.status,
                "reason": condition.reason,
                "message": condition.message,
                "meaning": reason.map(|reason| reason.meaning()),
                "next": reason.map(|reason| reason.next_step()),
            })
        })
        .collect();
    json!({"name": seen.name(), "conditions": conditions, "plan": seen.status.plan})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::samples::seen;

    #[test]
    fn trouble_comes_first_with_its_meaning() {
        let shown = text(&seen(true));
        assert!(shown.starts_with("Stalled because of TopicMissing: nowhere"), "{shown}");
        assert!(shown.contains("A source or sink topic does not exist."), "{shown}");
        assert!(shown.contains("Generation 3 (now): 2 pods"), "{shown}");
    }

    #[test]
    fn every_reason_is_explained() {
        for known in Reason::ALL {
            let shown = reason(known.as_str()).expect("a known reason");
            assert!(shown.len() > known.as_str().len() + 20, "{shown}");
        }
        assert!(reason("Nonsense").is_err());
        assert!(reason("replaygaplost").is_ok());
    }
}
