//! `kubectl streamjob` by somebody who has the role that the chart makes for it, and nothing else.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tests::harness::{tools, wait};

use crate::act::Act;
use crate::kubectl::STEP_MAX;
use crate::say;
use crate::secrets;
use crate::world::World;

/// The plugin with the rights of a service account.
struct Plugin {
    kubeconfig: PathBuf,
}

impl Plugin {
    fn new(world: &World) -> anyhow::Result<Self> {
        let kubectl = |arguments: &[&str]| world.tools.kubectl(arguments);
        kubectl(&["create", "serviceaccount", "somebody"])?;
        kubectl(&[
            "create",
            "rolebinding",
            "somebody",
            "--clusterrole=streamjob-plugin",
            "--serviceaccount=default:somebody",
        ])?;
        let token = kubectl(&["create", "token", "somebody"])?;
        let config = kubectl(&["config", "view", "--raw", "-o", "json"])?;
        let mut config: Value = serde_json::from_str(&config)?;
        for user in config["users"].as_array_mut().context("users")? {
            user["user"] = json!({"token": token.trim()});
        }
        let kubeconfig = world.folder("plugin")?.join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string())?;
        Ok(Self { kubeconfig })
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(tools::program("kubectl-streamjob")?)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["--namespace", "default"])
            .args(arguments)
            .output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !output.status.success() {
            bail!("{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        }
        Ok(text(&output.stdout))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[arguments, &["-o", "json"]].concat()).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// All commands, over a job under load.
pub(crate) fn commands(world: &World) {
    let plugin = Plugin::new(world).unwrap();
    let mut act = Act::start(world, "plugged");
    let mut object = act.object(1);
    object["spec"]["kafka"] = World::secured_kafka("kafka");
    object["spec"]["worker"]["podOverrides"] = json!({"spec": {"containers": [
        {"name": "worker", "env": [{"name": "STREAMJOB_LOG", "value": "trace"}]},
    ]}});
    act.apply(&object);
    secrets::keep_pages(world, &act.pods()[0]);
    looks(&plugin, &act.name);
    plans(&plugin, world, &object);
    plugin.run(&["rescale", &act.name, "2", "--wait"]).unwrap();
    assert_eq!(plugin.json(&["status", &act.name])["status"]["current"]["change"], "Rescale");
    let before = crate::act::number_of(&act.until_ready());
    plugin.run(&["restart", &act.name, "--wait"]).unwrap();
    assert_eq!(crate::act::number_of(&act.until_ready()), before + 1);
    disposes(&plugin, &act);
    plugin.run(&["suspend", &act.name, "--wait"]).unwrap();
    wait::until_true("no pod is left", STEP_MAX, || Ok(act.pods().is_empty())).unwrap();
    plugin.run(&["resume", &act.name, "--wait"]).unwrap();
    reports(&plugin, world, &act.name);
    act.finish();
}

fn looks(plugin: &Plugin, job: &str) {
    let seen = plugin.json(&["status", job]);
    assert_eq!(seen["live"], true, "the workers are asked: {seen:#}");
    assert_eq!(seen["pods"][0]["worker"]["slots"][0]["phase"], "Running", "{seen:#}");
    let text = plugin.run(&["status", job, "--shards"]).unwrap();
    say(&text);
    assert!(text.contains("SLOT") && text.contains("STAGE"), "{text}");
    let text = plugin.run(&["explain", job]).unwrap();
    assert!(text.contains("stage 0 reads"), "{text}");
    let text = plugin.run(&["logs", job, "--tail", "3"]).unwrap();
    assert!(text.lines().count() >= 1 && text.starts_with(&format!("{job}-g1-0: ")), "{text}");
    let text = plugin.run(&["__complete", "status", "plug"]).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), [job, ":4"]);
}

/// Each class is told before anything is done, and nothing is done.
fn plans(plugin: &Plugin, world: &World, object: &Value) {
    let edited = |change: &dyn Fn(&mut Value)| {
        let mut object = object.clone();
        change(&mut object["spec"]);
        object
    };
    let sql = object["spec"]["sql"].as_str().unwrap();
    let (having, windows) = (
        sql.replace("window_end;", "window_end HAVING count(*) > 0;"),
        sql.replace("'10'", "'20'"),
    );
    let cases: [(&str, Value); 6] = [
        ("Nothing", object.clone()),
        ("InPlace", edited(&|spec| spec["deletion"] = json!({"deadline": "5m"}))),
        ("Rescale", edited(&|spec| spec["parallelism"] = 3.into())),
        ("Restart", edited(&|spec| spec["commit"] = json!({"interval": "200ms"}))),
        ("CompatibleLogic", edited(&|spec| spec["sql"] = having.clone().into())),
        ("IncompatibleLogic", edited(&|spec| spec["sql"] = windows.clone().into())),
    ];
    let file = world.folder("plugin").unwrap().join("job.json").display().to_string();
    for (class, object) in cases {
        std::fs::write(&file, object.to_string()).unwrap();
        let accepted = plugin.run(&["plan", "-f", &file]);
        let text = match &accepted {
            Ok(text) => text.clone(),
            Err(error) => error.to_string(),
        };
        say(&text);
        assert!(text.contains(&format!(": {class}: ")), "{class}: {text}");
        assert_eq!(accepted.is_ok(), class != "IncompatibleLogic", "{text}");
    }
    let name = object["metadata"]["name"].as_str().unwrap();
    let job = world.tools.get("streamjob", name).unwrap();
    assert_eq!(job["status"]["current"]["number"], 1, "nothing is done");
    assert!(job["metadata"]["annotations"]["streamjob.dev/proposal"].is_null(), "nobody asks");
    let of_job = format!("streamjob.dev/job={name}");
    wait::until_true("no trial is left", STEP_MAX, || {
        let tasks = world.tools.list("jobs", &of_job)?;
        let mut names = tasks.iter().filter_map(|task| task["metadata"]["name"].as_str());
        Ok(!names.any(|task| task.contains("-try-")))
    })
    .unwrap();
}

/// The data of a savepoint goes with it when that is wanted.
fn disposes(plugin: &Plugin, act: &Act<'_>) {
    let dispose = ["savepoint", &act.name, "--name", "passing", "--dispose", "--wait"];
    let taken = plugin.json(&dispose);
    assert_eq!(taken["status"]["phase"], "Completed", "{taken:#}");
    let location = taken["status"]["location"].as_str().unwrap();
    let folder = act.world.bucket().join(location.rsplit_once("checkpoints/").unwrap().1);
    assert!(folder.is_dir(), "{} is there", folder.display());
    act.world.tools.kubectl(&["delete", "savepoint", "passing", "--timeout=120s"]).unwrap();
    wait::until_true("the data is gone", STEP_MAX, || {
        let gone = !folder.exists();
        wait::pause(Duration::from_millis(if gone { 0 } else { 500 }));
        Ok(gone)
    })
    .unwrap();
}

fn reports(plugin: &Plugin, world: &World, job: &str) {
    let file = world.folder("plugin").unwrap().join("report.tar");
    plugin.run(&["report", job, "--file", &file.display().to_string()]).unwrap();
    let listed = Command::new("tar").arg("-tf").arg(&file).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in ["status.txt", "streamjob.json", "pods.json", "events.json", "logs/"] {
        assert!(listed.contains(&format!("report/{name}")), "{listed}");
    }
    assert!(!listed.contains("not-read"), "the role is enough: {listed}");
}
