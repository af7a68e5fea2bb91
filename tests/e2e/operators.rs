//! The operator dies while it works.

use serde_json::{Value, json};

use crate::act::{Act, number_of};
use crate::kubectl::condition;
use crate::say;
use crate::world::{OTHER_SYSTEM, World};

/// A step of a rollout: the edit that leads to it, the kind of object that shows it, and when it is reached by the
/// generation of that number.
struct Moment {
    name: &'static str,
    edit: Value,
    kind: &'static str,
    is_now: fn(&Value, u64) -> bool,
}

fn moments(sql: &str) -> Vec<Moment> {
    let parallelism = |pods: u32| json!({"spec": {"parallelism": pods}});
    let state = |state: &str| json!({"spec": {"state": state}});
    let moment = |name, edit, kind, is_now| Moment { name, edit, kind, is_now };
    let more = sql.replace("window_end;", "window_end\nHAVING count(*) > 0;");
    vec![
        moment("planning", json!({"spec": {"sql": more}}), "streamjobs", |job, _| {
            let message = condition(job, "Reconciling")["message"].as_str().unwrap_or_default();
            message.contains("planner")
        }),
        moment("decided upon", parallelism(3), "streamjobs", |job, number| {
            job["status"]["next"]["number"] == number && job["status"]["acquiring"].is_null()
        }),
        moment("pods start", parallelism(1), "statefulsets", |set, number| {
            generation(set) == Some(number) && set["status"]["replicas"] != 0
        }),
        moment("taking over", parallelism(2), "streamjobs", |job, number| {
            job["status"]["acquiring"] == number
        }),
        moment("the old set goes", parallelism(3), "streamjobs", |job, number| {
            job["status"]["current"]["number"] == number
        }),
        moment("releasing", state("Suspended"), "streamjobs", |job, number| {
            job["status"]["releasing"] == number - 1
        }),
        moment("sealed", state("Running"), "streamjobs", |job, number| {
            job["status"]["next"]["number"] == number
        }),
    ]
}

fn generation(object: &Value) -> Option<u64> {
    object["metadata"]["labels"]["streamjob.dev/generation"].as_str()?.parse().ok()
}

/// Every step of a rollout is followed by the operator's death: the leader alone, of two replicas, and all of them.
pub(crate) fn killed_at_each_step(world: &World) {
    let mut act = Act::start(world, "orphan");
    let object = act.object(1);
    let mut number = number_of(&act.apply(&object));
    let selector = format!("streamjob.dev/job={}", act.name);
    for (at, moment) in moments(object["spec"]["sql"].as_str().unwrap()).iter().enumerate() {
        let Moment { name, edit, kind, is_now } = moment;
        let job = *kind == "streamjobs";
        let of: &[&str] = if job { &[kind, &act.name] } else { &[kind, "-l", &selector] };
        let mut edited = false;
        let reached = |seen: &Value| {
            if !edited {
                // The watch is there: no step of what follows is missed.
                act.patch(edit);
                edited = true;
                return false;
            }
            is_now(seen, number + 1)
        };
        world.tools.follow(of, name, reached).unwrap();
        let killed = if at % 2 == 0 { world.kill_operators() } else { world.kill_leader() };
        say(&format!("{name}: killed {}", killed.unwrap()));
        if edit["spec"]["state"] == "Suspended" {
            act.until("suspended", |job| job["status"]["phase"] == "Suspended");
        } else {
            number = act.until_newer(number);
        }
    }
    act.until_scaled(3);
    act.finish();
}

/// A second operator beside the first one: `helm test` makes a job with the label of the second, which calls it ready.
/// What each touched is judged by the audit log.
pub(crate) fn side_by_side(world: &World) {
    world.install_other().unwrap();
    let shown = world.tools.helm(&["test", "other", "--namespace", OTHER_SYSTEM]).unwrap();
    say(&shown);
    // It takes its time to go; whoever could let it go must not go first.
    let gone = ["-n", OTHER_SYSTEM, "wait", "--for=delete", "streamjob/canary", "--timeout=60s"];
    world.tools.kubectl(&gone).unwrap();
    world.tools.helm(&["uninstall", "other", "--namespace", OTHER_SYSTEM, "--wait"]).unwrap();
}
