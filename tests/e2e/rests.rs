//! Rest; and the chart's own life.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tests::harness::{tools, wait};

use crate::act::Act;
use crate::kubectl::STEP_MAX;
use crate::say;
use crate::world::{SYSTEM, World};

/// Changes of the chart that an older one lacks.
const CHANGES_BACK: &str = "7";
/// How long a job rests.
const REST: Duration = Duration::from_mins(1);

/// Suspended there are no pods, for a minute in which the input goes on; resumed it takes up all of it.
pub(crate) fn suspend_a_minute(world: &World) {
    let mut act = Act::start(world, "resting");
    act.apply(&act.object(2));
    act.patch(&json!({"spec": {"state": "Suspended"}}));
    act.until("suspended", |job| job["status"]["phase"] == "Suspended");
    wait::until_true("no pods", STEP_MAX, || Ok(act.pods().is_empty())).unwrap();
    wait::pause(REST);
    let job = world.tools.get("streamjob", &act.name).unwrap();
    assert_eq!(job["status"]["phase"], "Suspended", "{}", job["status"]);
    assert_eq!(act.pods(), Vec::<String>::new());
    act.patch(&json!({"spec": {"state": "Running"}}));
    act.until_scaled(2);
    act.finish();
}

/// An upgrade of the chart restarts no worker, one from a much older chart neither; an uninstall keeps jobs and kinds.
pub(crate) fn chart(world: &World) {
    let mut act = Act::start(world, "kept-on");
    act.apply(&act.object(1));
    let started = |pod: &str| {
        let pod = world.tools.get("pod", pod).unwrap();
        (
            pod["metadata"]["uid"].clone(),
            pod["status"]["containerStatuses"][0]["restartCount"].clone(),
        )
    };
    let pod = act.pods().remove(0);
    let before = started(&pod);
    world.helm_upgrade("two", "info").unwrap();
    act.until_ready();
    assert_eq!(started(&pod), before, "a chart upgrade touches no worker");
    world.tools.helm(&["uninstall", "streamjob", "--namespace", SYSTEM, "--wait"]).unwrap();
    assert_eq!(started(&pod), before, "an uninstall touches no worker");
    let kinds = world.tools.kubectl(&["get", "crd", "-o", "name"]).unwrap();
    assert!(kinds.contains("streamjobs.streamjob.dev"), "{kinds}");
    if let Some(older) = older_chart(world) {
        // The operator itself is today's, and so are the kinds: what it writes down has to be kept.
        let mut values = World::values("two", "info");
        values["crds"] = json!({"install": false});
        values.as_object_mut().unwrap().remove("watchSelector");
        world.helm_install(("streamjob", SYSTEM), &older, &values).unwrap();
        act.until_ready();
    }
    world.helm_upgrade("two", "info").unwrap();
    act.until_ready();
    assert_eq!(started(&pod), before, "taken up again as it is");
    heard(world, "default", &[&pod]);
    heard(world, SYSTEM, &["-l", "app.kubernetes.io/name=streamjob"]);
    assert_eq!(started(&pod), before, "no pod was restarted to hear more");
    act.finish();
}

/// The chart as it was some changes ago; nothing in a clone without history.
fn older_chart(world: &World) -> Option<PathBuf> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(tools::checkout()).args(arguments).output();
        output.ok().filter(|output| output.status.success()).map(|output| output.stdout)
    };
    let skip = format!("--skip={CHANGES_BACK}");
    let found = git(&["log", "--format=%H", &skip, "-n1", "--", "charts/streamjob"])?;
    let revision = String::from_utf8(found).ok()?.trim().to_owned();
    if revision.is_empty() {
        say("the chart has no history here");
        return None;
    }
    let folder = world.folder("older").unwrap();
    let archive = folder.join("chart.tar");
    let file = format!("--output={}", archive.display());
    git(&["archive", &file, &revision, "charts/streamjob"])?;
    let unpacked = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&folder).status();
    assert!(unpacked.unwrap().success());
    say(&format!("the chart of {revision}"));
    Some(folder.join("charts/streamjob"))
}

/// Pods that are annotated so say more, and afterwards no more.
fn heard(world: &World, namespace: &str, pods: &[&str]) {
    let annotate = |annotation: &str| {
        let words = [&["-n", namespace, "annotate", "pods"], pods, &[annotation]].concat();
        world.tools.kubectl(&words).unwrap();
    };
    let says_more = || {
        let words = ["-n", namespace, "logs", "--since=5s", "--tail=-1"];
        let text = world.tools.kubectl(&[&words[..], pods].concat())?;
        wait::pause(Duration::from_millis(500));
        Ok(text.contains("\"level\":\"TRACE\""))
    };
    annotate("streamjob.dev/log=trace");
    wait::until_true("it says more", STEP_MAX, says_more).unwrap();
    annotate("streamjob.dev/log-");
    wait::until_true("it says less", STEP_MAX, || Ok(!says_more()?)).unwrap();
}
