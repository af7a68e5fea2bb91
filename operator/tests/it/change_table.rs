//! What an edit changes: one line for each class, and what the status says before anything is done.

use crds::{ChangeClass, PlanStatus, StreamJobStatus};
use operator::change::{class, known_plan, pending};
use operator::observed::Observed;
use operator::validate::{Target, target};
use serde_json::{Value, json};

use crate::machine_table::running;
use crate::objects::job;
use crate::plan_table::{observed, settings};

fn wanted(job: &Value) -> Target {
    target(&observed(job, StreamJobStatus::default()), &settings()).expect("a valid job")
}

/// A job with two pods whose spec the ConfigMap of its generation holds.
fn seen(sealed: bool) -> Observed {
    let mut seen = running(&job(2));
    seen.configs.insert(7, wanted(&job(2)).spec);
    seen.job.status.sealed = sealed.then_some(7);
    seen
}

/// The planner's answer to an edit of the query.
fn answer(target: &Target, change: ChangeClass, same: bool) -> PlanStatus {
    PlanStatus {
        fingerprint: if same { "00000000000000ff" } else { "00000000000000ee" }.to_owned(),
        spec_digest: target.plan_digest.clone(),
        max_parallelism: 16,
        hash_version: 1,
        shards: 4,
        change: Some(change),
        layout: serde_json::Map::new(),
    }
}

#[test]
fn each_edit_has_its_class() {
    use ChangeClass as C;
    let edits: [(&str, Value, bool, C); 9] = [
        ("/spec/parallelism", json!(2), false, C::Nothing),
        ("/spec/deletion", json!({"deadline": "1m"}), false, C::InPlace),
        ("/spec/parallelism", json!(3), false, C::Rescale),
        ("/spec/commit", json!({"interval": "1s"}), false, C::Restart),
        ("/spec/state", json!("Suspended"), false, C::Suspend),
        ("/spec/state", json!("Suspended"), true, C::Nothing),
        ("/spec/state", json!("Running"), true, C::Resume),
        ("/spec/parallelism", json!(3), true, C::Rescale),
        ("/spec/sql", json!("INSERT INTO out SELECT 1"), false, C::Unknown),
    ];
    for (path, value, sealed, want) in edits {
        let mut edited = job(2);
        let (parent, field) = path.rsplit_once('/').unwrap();
        edited.pointer_mut(parent).unwrap()[field] = value.clone();
        let seen = seen(sealed);
        let (memory, target) = (&seen.job.status, wanted(&edited));
        let changed = !operator::change::fields(&seen, memory, &target.spec).is_empty();
        let found = class(memory, &target, known_plan(memory, &target), changed);
        assert_eq!(found, want, "{path} {value} sealed {sealed}");
        let says = pending(&seen, memory, &target).map(|change| change.class);
        let acts = !matches!(want, C::Nothing | C::InPlace);
        assert_eq!(says, acts.then_some(want), "{path} {value} sealed {sealed}");
    }
}

#[test]
fn the_planner_tells_queries_apart() {
    use ChangeClass as C;
    let mut edited = job(2);
    edited["spec"]["sql"] = "INSERT INTO out SELECT 1".into();
    let target = wanted(&edited);
    let seen = seen(false);
    for (said, same, want) in [
        (C::CompatibleLogic, false, C::CompatibleLogic),
        (C::IncompatibleLogic, false, C::IncompatibleLogic),
        (C::Restart, true, C::Restart),
    ] {
        let plan = answer(&target, said, same);
        assert_eq!(class(&seen.job.status, &target, Some(&plan), true), want, "{said}");
    }
    let fresh = StreamJobStatus::default();
    assert_eq!(class(&fresh, &target, None, false), C::First);
}
