//! Partitions that are added to a source while the job runs (S4).

use std::collections::BTreeMap;

use crds::{ChangeClass, StreamJobStatus};
use operator::machine::planner_wanted;
use operator::names;
use operator::observed::{Contact, Observed, SetView, TaskView};
use operator::validate::target;
use protocol::admin::SlotPhase;
use serde_json::{Value, json};

use crate::machine_table::{next, number, running};
use crate::objects::job;
use crate::orders_table::pod;
use crate::plan_table::settings;

fn layout(partitions: u32) -> Value {
    json!({"stages": [
        {"stage": 0, "topics": [{"topic": "clicks", "partitions": partitions}]},
        {"stage": 1, "topics": [{"topic": "x", "partitions": 16}]},
    ]})
}

/// A job whose plan reads four partitions.
fn reading_four() -> Observed {
    let mut seen = running(&job(2));
    let plan = seen.job.status.plan.as_mut().unwrap();
    plan.layout.clone_from(layout(4).as_object().unwrap());
    seen
}

/// What the worker of a generation says of the topics.
fn told(seen: &mut Observed, generation: u64, partitions: &[(&str, u32)]) {
    let mut pod = pod(generation, 0, Some(SlotPhase::Running));
    if let Contact::Answered(status) = &mut pod.contact {
        status.source_partitions =
            partitions.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect();
    }
    let set = SetView { replicas: Some(2), pods: vec![pod], problem: None };
    seen.sets = BTreeMap::from([(generation, set)]);
}

fn asks_the_planner(seen: &Observed) -> bool {
    let target = target(seen, &settings()).unwrap();
    planner_wanted(seen, &target, &seen.job.status)
}

/// The planner's answer to what is asked now.
fn answered(seen: &mut Observed, verdict: &Value) {
    let digest = target(seen, &settings()).unwrap().plan_digest;
    let task = TaskView {
        spec_digest: digest.clone(),
        ended: Some(true),
        ended_at: None,
        message: Some(verdict.to_string()),
        started: true,
        problem: None,
    };
    seen.tasks.insert(names::planner("j", &digest), task);
}

fn accepted(partitions: u32) -> Value {
    json!({
        "fingerprint": "00000000000000ff", "diff": "SameLogic", "exchange_partitions": 16,
        "layout": layout(partitions), "hash_version": 1, "refusals": [], "warnings": [],
    })
}

/// What was decided is in force.
fn claimed(seen: &mut Observed, memory: StreamJobStatus) {
    let current = memory.next.clone();
    seen.job.status = StreamJobStatus { current, next: None, ..memory };
}

#[test]
fn only_more_partitions_of_a_source_are_news() {
    for (partitions, news) in [
        (&[][..], false),
        (&[("clicks", 4)], false),
        (&[("clicks", 3)], false),
        (&[("other", 9)], false),
        (&[("x", 17)], false),
        (&[("clicks", 5)], true),
    ] {
        let mut seen = reading_four();
        told(&mut seen, 7, partitions);
        assert_eq!(asks_the_planner(&seen), news, "{partitions:?}");
    }
}

#[test]
fn added_partitions_are_planned_once_and_get_a_generation() {
    let mut seen = reading_four();
    told(&mut seen, 7, &[("clicks", 6)]);
    answered(&mut seen, &accepted(6));
    let memory = next(&seen);
    let begun = memory.next.clone().expect("a generation");
    assert_eq!((begun.number, begun.change), (8, Some(ChangeClass::Restart)));
    assert_eq!(number(memory.current.as_ref()), Some(7), "it goes on until the next one is warm");
    claimed(&mut seen, memory);
    for said in [&[("clicks", 6)][..], &[]] {
        told(&mut seen, 8, said);
        assert!(!asks_the_planner(&seen), "{said:?}");
        assert_eq!(next(&seen), seen.job.status, "{said:?}");
    }
    // And again.
    told(&mut seen, 8, &[("clicks", 7)]);
    answered(&mut seen, &accepted(7));
    assert_eq!(number(next(&seen).next.as_ref()), Some(9));
}

#[test]
fn an_edit_after_growth_is_planned_as_any_other() {
    let mut seen = reading_four();
    told(&mut seen, 7, &[("clicks", 6)]);
    answered(&mut seen, &accepted(6));
    let memory = next(&seen);
    claimed(&mut seen, memory);
    told(&mut seen, 8, &[("clicks", 6)]);
    seen.job.spec["parallelism"] = json!(3);
    assert!(!asks_the_planner(&seen), "the number of pods is not the planner's business");
    let change = next(&seen).next.expect("a generation").change;
    assert_eq!(change, Some(ChangeClass::Rescale));
    seen.job.spec["sql"] = json!("INSERT INTO counts SELECT user_id FROM clicks");
    assert!(asks_the_planner(&seen));
}

#[test]
fn a_claim_blocks_until_the_user_decides() {
    let mut seen = reading_four();
    told(&mut seen, 7, &[("clicks", 6)]);
    answered(
        &mut seen,
        &json!({
            "hash_version": 1, "warnings": [],
            "refusals": [{"reason": "SourcePartitionsChanged", "message": "6 now, had 4"}],
        }),
    );
    let memory = next(&seen);
    assert_eq!(memory.refused.as_ref().map(|r| r.reason.as_str()), Some("SourcePartitionsChanged"));
    assert_eq!((number(memory.current.as_ref()), memory.next.as_ref()), (Some(7), None));
    seen.job.status = memory;
    assert!(!asks_the_planner(&seen), "it was refused, and nothing has changed");
    assert_eq!(next(&seen), seen.job.status);
    seen.job.spec["sources"][0]["partitionedBy"] = Value::Null;
    seen.job.spec["sql"] = json!("INSERT INTO counts SELECT user_id FROM clicks");
    assert!(asks_the_planner(&seen), "another spec is another question");
}
