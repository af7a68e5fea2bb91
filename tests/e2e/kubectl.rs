//! The commands that a user types.

use std::io::{BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Everything that the operator promises happens within this, the machine being busy.
pub(crate) const STEP_MAX: Duration = Duration::from_mins(5);

/// Where the tools are and which cluster is meant.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) bin: String,
    pub(crate) kubeconfig: String,
}

/// A command that goes on until it is dropped.
struct Following(Child);

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Tools {
    fn start(&self, tool: &str, arguments: &[&str]) -> anyhow::Result<Child> {
        Command::new(format!("{}/{tool}", self.bin))
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {tool}"))
    }

    /// Runs a tool; its output, or what it complained of.
    pub(crate) fn run(
        &self,
        tool: &str,
        arguments: &[&str],
        input: &str,
    ) -> anyhow::Result<String> {
        let mut child = self.start(tool, arguments)?;
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

    /// Follows an object until it is so; the object as it then is. Every state that the API server
    /// tells of is looked at.
    pub(crate) fn until(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        self.follow(&[kind, name], what, is_so)
    }

    /// Follows what `kubectl get` with these arguments shows.
    pub(crate) fn follow(
        &self,
        of: &[&str],
        what: &str,
        mut is_so: impl FnMut(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let bound = format!("--request-timeout={}s", STEP_MAX.as_secs());
        let arguments = [&["get"], of, &["--output=json", "--watch", &bound]].concat();
        let mut child = Following(self.start("kubectl", &arguments)?);
        let shown = BufReader::new(child.0.stdout.take().context("a pipe")?);
        let mut last = Value::Null;
        for object in serde_json::Deserializer::from_reader(shown).into_iter() {
            last = object.with_context(|| format!("what kubectl shows of {}", of.join(" ")))?;
            if is_so(&last) {
                return Ok(last);
            }
        }
        let mut complaint = String::new();
        if let Some(mut errors) = child.0.stderr.take() {
            std::io::Read::read_to_string(&mut errors, &mut complaint)?;
        }
        let status = &last["status"];
        bail!("not within {STEP_MAX:?}: {} {what}: {complaint}; status: {status}", of.join(" "))
    }
}

/// A condition's status, `Null` where there is none.
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

/// A condition holds, of the newest spec.
pub(crate) fn holds(object: &Value, kind: &str) -> bool {
    let found = condition(object, kind);
    found["status"] == "True" && found["observedGeneration"] == object["metadata"]["generation"]
}
