//! The commands that a user types.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tests::harness::wait;

/// Everything that the operator promises happens within this, the machine being busy.
pub(crate) const STEP_MAX: Duration = Duration::from_mins(3);

/// Where the tools are and which cluster is meant.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) bin: String,
    pub(crate) kubeconfig: String,
}

impl Tools {
    /// Runs a tool; its output, or what it complained of.
    pub(crate) fn run(
        &self,
        tool: &str,
        arguments: &[&str],
        input: &str,
    ) -> anyhow::Result<String> {
        let mut child = Command::new(format!("{}/{tool}", self.bin))
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {tool}"))?;
        child.stdin.take().context("a pipe")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!("{tool} {}: {complaint}", arguments.join(" "));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.run("kubectl", arguments, "")
    }

    pub(crate) fn helm(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.run("helm", arguments, "")
    }

    pub(crate) fn apply(&self, object: &Value) -> anyhow::Result<()> {
        self.run("kubectl", &["apply", "-f", "-"], &object.to_string()).map(drop)
    }

    /// An object as JSON; `Null` where there is none.
    pub(crate) fn get(&self, kind: &str, name: &str) -> anyhow::Result<Value> {
        let text = match self.kubectl(&["get", kind, name, "-o", "json"]) {
            Err(error) if error.to_string().contains("(NotFound)") => return Ok(Value::Null),
            found => found?,
        };
        Ok(serde_json::from_str(&text)?)
    }

    /// The objects of a kind with a label.
    pub(crate) fn list(&self, kind: &str, selector: &str) -> anyhow::Result<Vec<Value>> {
        let text = self.kubectl(&["get", kind, "-l", selector, "-o", "json"])?;
        let list: Value = serde_json::from_str(&text)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until an object is so; the object as it then is.
    pub(crate) fn until(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let mut last = Value::Null;
        let found = wait::until(&format!("{kind} {name} {what}"), STEP_MAX, || {
            wait::pause(Duration::from_millis(200));
            last = self.get(kind, name)?;
            Ok(is_so(&last).then(|| last.clone()))
        });
        found.with_context(|| format!("status: {}", last["status"]))
    }
}

/// A condition's status, `Unknown` where there is none.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    static NONE: Value = Value::Null;
    let conditions = object["status"]["conditions"].as_array();
    conditions.and_then(|all| all.iter().find(|c| c["type"] == kind)).unwrap_or(&NONE)
}

/// The operator has seen the newest spec and the job is ready.
pub(crate) fn is_ready(object: &Value) -> bool {
    let ready = condition(object, "Ready");
    ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
}
