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
    let name = names::planner(&observed.job.name, &target.plan_digest);
    objects(observed, &task(name, target, &args))
}

/// ConfigMap and Job of a planner that only looks: the target is asked about, not wanted.
pub fn trial(observed: &Observed, target: &Target) -> Vec<Object> {
    let args = ["plan", "--job", "/etc/streamjob/job.json"];
    let name = names::trial(&observed.job.name, &target.plan_digest);
    objects(observed, &task(name, target, &args))
}

fn task<'a>(name: String, target: &'a Target, args: &[&str]) -> Task<'a> {
    Task {
        name,
        component: Component::Planner,
        spec_digest: &target.plan_digest,
        image: &target.image,
        spec: &target.spec,
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        retries: 2,
        deadline_secs: PLANNER_DEADLINE_SECS,
    }
}
