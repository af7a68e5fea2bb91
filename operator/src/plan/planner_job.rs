//! The Job that checks a spec before anything follows from it.

use super::Object;
use super::task::{Task, objects};
use crate::limits::PLANNER_DEADLINE_SECS;
use crate::names::{self, Component};
use crate::observed::Observed;
use crate::validate::Target;

/// ConfigMap and Job of the planner for a target.
pub fn of(observed: &Observed, target: &Target) -> Vec<Object> {
    let args = ["plan", "--job", "/etc/streamjob/job.json", "--apply"];
    objects(
        observed,
        &Task {
            name: names::planner(&observed.job.name, &target.plan_digest),
            component: Component::Planner,
            spec_digest: &target.plan_digest,
            image: &target.image,
            spec: &target.spec,
            args: args.into_iter().map(str::to_owned).collect(),
            retries: 2,
            deadline_secs: PLANNER_DEADLINE_SECS,
        },
    )
}
