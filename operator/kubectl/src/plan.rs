//! What applying a file would do. The spec that the file would give is put beside the one in force, as an annotation
//! from which nothing follows; the operator answers in the status; the annotation is taken away again.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use crds::status::{ChangeClass, ProposalStatus};
use crds::{StreamJob, marks};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::cluster::{Cluster, FIELD_MANAGER};

/// Where `kubectl apply` notes what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// There is no such job yet, and the API server would take it.
    New,
    /// What the operator says.
    Planned(Box<ProposalStatus>),
}

/// The file, read.
pub fn read(path: &Path) -> anyhow::Result<StreamJob> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
    }
    Ok(crds::file::stream_job(&text)?)
}

/// Asks what would happen.
pub async fn ask(cluster: &Cluster, job: &StreamJob, within: Duration) -> anyhow::Result<Answer> {
    let name = job.metadata.name.clone().context("metadata.name is missing")?;
    let Some(known) = cluster.jobs().get_opt(&name).await? else {
        create(cluster, &name, job).await?;
        return Ok(Answer::New);
    };
    let applied = would_be(cluster, &serde_json::to_value(known)?, job).await?;
    let id = format!("{:x}", Timestamp::now().as_nanosecond());
    let proposal = json!({"id": id, "spec": applied["spec"]}).to_string();
    let annotate = |value: Value| json!({"metadata": {"annotations": {marks::PROPOSAL: value}}});
    cluster.patch(&name, &annotate(proposal.into())).await?;
    let answered = |job: &Value| job["status"]["proposal"]["id"] == id;
    let answer = cluster.until(&name, within, "answered for by an operator", answered).await;
    // Whatever came of it, nobody asks any more.
    cluster.patch(&name, &annotate(Value::Null)).await?;
    let proposal = serde_json::from_value(answer?["status"]["proposal"].clone())?;
    Ok(Answer::Planned(Box::new(proposal)))
}

/// What the API server says to a new object.
async fn create(cluster: &Cluster, name: &str, job: &StreamJob) -> anyhow::Result<()> {
    let object: DynamicObject = serde_json::from_value(serde_json::to_value(job)?)?;
    let params = PatchParams { dry_run: true, ..PatchParams::apply(FIELD_MANAGER).force() };
    let made = cluster.jobs().patch(name, &params, &Patch::Apply(&object)).await;
    made.map(drop).context("the API server would refuse it")
}

/// The object as it would be after `kubectl apply`; the API server refuses what breaks a rule.
async fn would_be(cluster: &Cluster, known: &Value, job: &StreamJob) -> anyhow::Result<Value> {
    let name = known["metadata"]["name"].as_str().unwrap_or_default();
    let applied = known["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap_or("{}");
    let applied: Value = serde_json::from_str(applied).unwrap_or_default();
    let spec = three_way(&applied["spec"], &serde_json::to_value(&job.spec)?);
    let params = PatchParams {
        dry_run: true,
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(json!({"spec": spec}));
    let patched = cluster.jobs().patch(name, &params, &patch).await;
    Ok(serde_json::to_value(patched.context("the API server would refuse it")?)?)
}

/// The merge patch of `kubectl apply`: what the file says, and null for what it said before and says no longer.
fn three_way(before: &Value, now: &Value) -> Value {
    let (Some(old), Some(new)) = (before.as_object(), now.as_object()) else {
        return now.clone();
    };
    let mut patch = serde_json::Map::new();
    for (name, value) in new {
        let inner = old.get(name).map_or_else(|| value.clone(), |old| three_way(old, value));
        patch.insert(name.clone(), inner);
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// Whether it would be carried out.
pub fn is_accepted(answer: &Answer) -> bool {
    match answer {
        Answer::New => true,
        Answer::Planned(proposal) => proposal.refused.is_none(),
    }
}

/// For people.
pub fn text(name: &str, answer: &Answer) -> String {
    let Answer::Planned(proposal) = answer else {
        return format!(
            "{name}: a new job; the API server accepts it. SQL, topics and state are looked at when it is applied."
        );
    };
    let mut lines = vec![format!("{name}: {}: {}", proposal.change, effect(proposal.change))];
    for path in &proposal.changed {
        lines.push(format!("  changes {path}"));
    }
    if proposal.pods_before != proposal.pods_after {
        lines.push(format!("  pods: {} → {}", proposal.pods_before, proposal.pods_after));
    }
    if proposal.pods_extra > 0 {
        lines.push(format!(
            "  needs room for {} more pods until the take-over",
            proposal.pods_extra
        ));
    }
    if let Some(gap) = proposal.gap_ms {
        lines.push(format!("  expected gap per shard: {gap} ms, as in the last take-over"));
    }
    for (what, operators) in [
        ("keeps", &proposal.operators_kept),
        ("drops", &proposal.operators_dropped),
        ("begins", &proposal.operators_added),
    ] {
        if !operators.is_empty() {
            lines.push(format!("  {what} the state of {}", operators.join(", ")));
        }
    }
    lines.extend(proposal.warnings.iter().map(|warning| format!("  warning: {warning}")));
    if let Some(refused) = &proposal.refused {
        lines.push(format!("  would be refused: {}: {}", refused.reason, refused.message));
    }
    lines.join("\n")
}

fn effect(change: ChangeClass) -> &'static str {
    match change {
        ChangeClass::Nothing => "nothing changes",
        ChangeClass::InPlace => "taken up as it is, no pod is touched",
        ChangeClass::Suspend => "the state is saved, then the pods end",
        ChangeClass::Resume => "new pods go on where the job was suspended",
        ChangeClass::First => "the job starts",
        ChangeClass::Rescale => {
            "new pods of the same sort take over, the state moves with the shards"
        }
        ChangeClass::Restart => "new pods take over with the same query and its state",
        ChangeClass::CompatibleLogic => {
            "new pods take over with the new query and the state there is"
        }
        ChangeClass::IncompatibleLogic => "the new query cannot take the state over",
        ChangeClass::Rollback => "the spec before runs again",
        ChangeClass::Unknown => "the operator could not tell",
    }
}

/// For programs.
pub fn json(name: &str, answer: &Answer) -> Value {
    match answer {
        Answer::New => json!({"name": name, "change": "First", "refused": null}),
        Answer::Planned(proposal) => {
            let mut shown = json!(proposal);
            shown["name"] = name.into();
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_no_longer_says_is_taken_away() {
        let before = json!({"a": 1, "b": {"c": 1, "d": 1}, "l": [1]});
        let now = json!({"b": {"d": 2}, "l": [2], "n": {}});
        let want = json!({"a": null, "b": {"c": null, "d": 2}, "l": [2], "n": {}});
        assert_eq!(three_way(&before, &now), want);
        assert_eq!(three_way(&Value::Null, &now), now);
    }

    #[test]
    fn an_answer_reads_well() {
        let proposal = ProposalStatus {
            id: "1".to_owned(),
            change: ChangeClass::CompatibleLogic,
            changed: vec!["spec.sql".to_owned()],
            pods_before: 2,
            pods_after: 3,
            pods_extra: 3,
            gap_ms: Some(350),
            operators_kept: vec!["counts.window".to_owned()],
            operators_dropped: Vec::new(),
            operators_added: vec!["more.window".to_owned(), "top.window".to_owned()],
            warnings: vec!["retention is short".to_owned()],
            refused: None,
            fingerprint: None,
        };
        let answer = Answer::Planned(Box::new(proposal));
        let want = "\
clicks: CompatibleLogic: new pods take over with the new query and the state there is
  changes spec.sql
  pods: 2 → 3
  needs room for 3 more pods until the take-over
  expected gap per shard: 350 ms, as in the last take-over
  keeps the state of counts.window
  begins the state of more.window, top.window
  warning: retention is short";
        assert_eq!(text("clicks", &answer), want);
        assert!(is_accepted(&answer));
        assert_eq!(json("clicks", &answer)["change"], "CompatibleLogic");
    }
}
