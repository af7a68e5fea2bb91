//! The cluster, the servers beside it, the images, the chart.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::harness::{Scratch, process, tools, wait};

use crate::kubectl::{STEP_MAX, Tools};
use crate::listener::Listener;
use crate::say;
use crate::secrets::{self, secret};

/// The host as pods see it.
const HOST: &str = "172.30.0.1";
const KAFKA_PORT: &str = "19092";
/// Where the same Kafka asks for a password.
const SECURED_PORT: &str = "19094";
const OTHER_KAFKA_PORT: &str = "19192";
const MINIO_PORT: &str = "19000";
/// Another, with the keys that docs/operations.md names.
const EXAMPLES_MINIO_PORT: &str = "19010";
const BUCKET: &str = "checkpoints";
/// The bucket that the examples name.
const EXAMPLES_BUCKET: &str = "streamjob";
/// The user of store and Kafka.
const USER: &str = "streamjob";
/// Where the operator lives.
pub(crate) const SYSTEM: &str = "streamjob-system";

/// Where a second operator lives, and the label of the jobs that are its own.
pub(crate) const OTHER_SYSTEM: &str = "other-system";
const OPERATOR_LABEL: &str = "streamjob.test/operator";

/// Everything is stopped when this is dropped, but the cluster: `cluster.sh down` takes that down.
pub(crate) struct World {
    pub(crate) tools: Tools,
    pub(crate) tags: [&'static str; 2],
    pub(crate) listener: Listener,
    run: PathBuf,
    scratch: Scratch,
}

impl World {
    /// Starts everything and installs the chart.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let shown = tools::script("cluster.sh", &["up"], &[("CL_AUDIT", "1")])?;
        let kubeconfig = shown.lines().find_map(|line| line.strip_prefix("KUBECONFIG="));
        let kubeconfig = kubeconfig.context("cluster.sh prints where the kubeconfig is")?;
        let bin = tools::script("cluster.sh", &["ensure"], &[])?;
        let bin = bin.lines().last().context("cluster.sh prints the folder")?.to_owned();
        let run = PathBuf::from(kubeconfig).parent().context("a folder")?.to_owned();
        let world = Self {
            listener: Listener::start(&run, "n1")?,
            run,
            tools: Tools { bin, kubeconfig: kubeconfig.to_owned() },
            tags: ["one", "two"],
            scratch: Scratch::new("e2e")?,
        };
        world.start_servers()?;
        for tag in world.tags {
            let images =
                tools::script("../images/images.sh", &[&target()?, &registry(), tag], &[])?;
            say(&images);
        }
        world.install()?;
        Ok(world)
    }

    /// Kafka's address, the same inside and outside.
    pub(crate) fn bootstrap() -> String {
        format!("{HOST}:{KAFKA_PORT}")
    }

    /// The object store's address.
    pub(crate) fn store() -> String {
        format!("http://{HOST}:{MINIO_PORT}")
    }

    /// The worker image of a tag.
    pub(crate) fn worker_image(tag: &str) -> String {
        format!("{}/streamjob-worker:{tag}", registry())
    }

    /// `spec.kafka` of a job that has to show a password, which a Secret holds.
    pub(crate) fn secured_kafka(secret: &str) -> Value {
        let key = |key: &str| json!({"name": secret, "key": key});
        json!({
            "bootstrapServers": format!("{HOST}:{SECURED_PORT}"),
            "auth": {"sasl": {
                "mechanism": "PLAIN",
                "usernameSecretRef": key("username"),
                "passwordSecretRef": key("password"),
            }},
        })
    }

    fn start_kafka(&self, name: &str, port: &str, more: &[String]) -> anyhow::Result<u32> {
        let folder = self.scratch.folder(name)?.display().to_string();
        let more = more.iter().map(String::as_str);
        let arguments: Vec<&str> = ["start", &folder, port].into_iter().chain(more).collect();
        let pid = tools::script("kafka.sh", &arguments, &[("KAFKA_HOST", HOST)])?;
        let pid = pid.parse()?;
        process::guard(pid)?;
        Ok(pid)
    }

    /// A Kafka that may be killed.
    pub(crate) fn other_kafka(&self) -> anyhow::Result<OtherKafka> {
        let pid = self.start_kafka("other-kafka", OTHER_KAFKA_PORT, &[])?;
        Ok(OtherKafka { bootstrap: format!("{HOST}:{OTHER_KAFKA_PORT}"), pid })
    }

    fn start_servers(&self) -> anyhow::Result<()> {
        self.start_kafka("kafka", KAFKA_PORT, &secured_listener())?;
        self.start_minio("minio", MINIO_PORT, BUCKET, (USER, secrets::STORE))?;
        let well_known = ("minioadmin", "minioadmin");
        self.start_minio("examples-minio", EXAMPLES_MINIO_PORT, EXAMPLES_BUCKET, well_known)?;
        for port in [KAFKA_PORT, SECURED_PORT, MINIO_PORT, EXAMPLES_MINIO_PORT] {
            wait::until_true("the servers listen", Duration::from_secs(30), || {
                Ok(TcpStream::connect(format!("{HOST}:{port}")).is_ok())
            })?;
        }
        Ok(())
    }

    fn start_minio(
        &self,
        name: &str,
        port: &str,
        bucket: &str,
        (user, password): (&str, &str),
    ) -> anyhow::Result<()> {
        let folder = self.scratch.folder(name)?;
        std::fs::create_dir_all(folder.join("data").join(bucket))?;
        let folder = folder.display().to_string();
        let environment =
            [("MINIO_HOST", HOST), ("MINIO_ROOT_USER", user), ("MINIO_ROOT_PASSWORD", password)];
        let pid = tools::script("minio.sh", &["start", &folder, port], &environment)?;
        process::guard(pid.parse()?)
    }

    /// `helm install`, as the README says.
    fn install(&self) -> anyhow::Result<()> {
        self.helm_upgrade("one", "debug,operator=trace")?;
        for (name, id, key) in
            [("store", USER, secrets::STORE), ("wrong", "somebody-else", secrets::WRONG_STORE)]
        {
            let fields = [("access-key-id", id), ("secret-access-key", key)];
            self.tools.apply(&secret(name, &fields))?;
        }
        for (name, password) in [("kafka", secrets::KAFKA), ("kafka-wrong", secrets::WRONG_KAFKA)] {
            self.tools.apply(&secret(name, &[("username", USER), ("password", password)]))?;
        }
        Ok(())
    }

    /// The values of the chart: the images here, and as little waiting as may be.
    pub(crate) fn values(tag: &str, log: &str) -> Value {
        let image =
            |name: &str| json!({"repository": format!("{}/{name}", registry()), "tag": tag});
        json!({
            "operator": {"image": image("streamjob-operator"), "log": log},
            "worker": {"image": image("streamjob-worker")},
            "warmUpDeadlineSeconds": 60,
            // Another operator looks after the others.
            "watchSelector": format!("{OPERATOR_LABEL}!={OTHER_SYSTEM}"),
        })
    }

    /// Where the object store keeps the objects of the bucket of the acts.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.scratch.path().join("minio/data").join(BUCKET)
    }

    /// Where Kafka keeps its records.
    pub(crate) fn kafka_data(&self) -> PathBuf {
        self.scratch.path().join("kafka/data")
    }

    /// What was asked of the API server.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.run.join("logs/audit.log")
    }

    /// All steps run, not some that were chosen.
    pub(crate) fn is_whole() -> bool {
        std::env::var("STREAMJOB_E2E").map_or(true, |only| only.is_empty())
    }

    /// A folder that goes with the world.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        self.scratch.folder(name)
    }

    /// Kafka and the store by the names that the examples use: `kafka:9092` and `minio:9000`.
    pub(crate) fn name_servers(&self) -> anyhow::Result<()> {
        for (name, port, outside) in
            [("kafka", 9092, KAFKA_PORT), ("minio", 9000, EXAMPLES_MINIO_PORT)]
        {
            let outside: u16 = outside.parse()?;
            self.tools.apply(&json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"ports": [{"name": "tcp", "port": port, "targetPort": outside}]},
            }))?;
            self.tools.apply(&json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {
                    "name": name, "namespace": "default",
                    "labels": {"kubernetes.io/service-name": name},
                },
                "addressType": "IPv4",
                "ports": [{"name": "tcp", "port": outside}],
                "endpoints": [{"addresses": [HOST]}],
            }))?;
        }
        Ok(())
    }

    /// Installs or upgrades the chart with a tag of the operator's image.
    pub(crate) fn helm_upgrade(&self, tag: &str, log: &str) -> anyhow::Result<()> {
        let chart = tools::checkout().join("charts/streamjob");
        self.helm_install(("streamjob", SYSTEM), &chart, &Self::values(tag, log))
    }

    /// A second operator, for the jobs with its label alone.
    pub(crate) fn install_other(&self) -> anyhow::Result<()> {
        let mut values = Self::values("one", "info");
        values["watchSelector"] = format!("{OPERATOR_LABEL}={OTHER_SYSTEM}").into();
        values["operator"]["replicas"] = 1.into();
        values["canary"] = json!({"labels": {OPERATOR_LABEL: OTHER_SYSTEM}});
        // The kinds belong to the first one.
        values["crds"] = json!({"install": false});
        let chart = tools::checkout().join("charts/streamjob");
        self.helm_install(("other", OTHER_SYSTEM), &chart, &values)
    }

    /// Installs or upgrades a chart: the release and its namespace, the chart's folder, the values.
    pub(crate) fn helm_install(
        &self,
        (release, namespace): (&str, &str),
        chart: &Path,
        values: &Value,
    ) -> anyhow::Result<()> {
        let chart = chart.display().to_string();
        let file = self.scratch.folder("values")?.join(format!("{release}.yaml"));
        std::fs::write(&file, values.to_string())?;
        let values = file.display().to_string();
        let arguments = [
            "upgrade",
            "--install",
            release,
            &chart,
            "--namespace",
            namespace,
            "--create-namespace",
            "--wait",
            "--timeout",
            "3m",
            "--values",
            &values,
        ];
        self.tools.helm(&arguments).map(drop)
    }

    /// Kills the first process of a pod's container from outside, as the kernel would.
    pub(crate) fn kill_container(&self, namespace: &str, pod: &str) -> anyhow::Result<()> {
        // The kubelet tells of a container a while after it runs.
        let id = wait::until(&format!("the container of {pod}"), STEP_MAX, || {
            let text = self.tools.kubectl(&["-n", namespace, "get", "pod", pod, "-o", "json"])?;
            let object: Value = serde_json::from_str(&text)?;
            let id = object["status"]["containerStatuses"][0]["containerID"].as_str();
            Ok(id.and_then(|id| id.rsplit('/').next()).map(str::to_owned))
        })?;
        let chaos = tools::checkout().join("tests/cluster/chaos.sh");
        let output =
            std::process::Command::new(chaos).args(["kill", "n1", &id, "KILL"]).output()?;
        ensure!(
            output.status.success(),
            "chaos.sh kill: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Deletes all pods of the operator at once; which.
    pub(crate) fn kill_operators(&self) -> anyhow::Result<String> {
        let pods = ["-n", SYSTEM, "delete", "pods", "-l", "app.kubernetes.io/name=streamjob"];
        let killed = self.tools.kubectl(
            &[&pods[..], &["--force", "--grace-period=0", "--wait=false", "-o", "name"]].concat(),
        )?;
        Ok(killed.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Kills the replica that acts, hard: it cannot give its lease back. Which.
    pub(crate) fn kill_leader(&self) -> anyhow::Result<String> {
        let holder = "jsonpath={.items[*].spec.holderIdentity}";
        let leader = self.tools.kubectl(&["-n", SYSTEM, "get", "leases", "-o", holder])?;
        ensure!(!leader.is_empty(), "nobody leads");
        self.kill_container(SYSTEM, &leader)?;
        Ok(format!("the leader {leader}"))
    }
}

/// A Kafka of one step.
pub(crate) struct OtherKafka {
    pub(crate) bootstrap: String,
    pid: u32,
}

impl OtherKafka {
    /// Ends it at once and for good.
    pub(crate) fn kill(&self) -> anyhow::Result<()> {
        process::kill(self.pid)
    }
}

/// Lines of Kafka's configuration: a second listener, with a password.
fn secured_listener() -> [String; 5] {
    let both = format!("PLAINTEXT://{HOST}:{KAFKA_PORT},SECURED://{HOST}:{SECURED_PORT}");
    let controller: u32 = KAFKA_PORT.parse::<u32>().unwrap_or_default() + 1;
    let listener = "listener.name.secured";
    [
        format!("listeners={both},CONTROLLER://127.0.0.1:{controller}"),
        format!("advertised.listeners={both}"),
        "listener.security.protocol.map=\
         PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_PLAINTEXT"
            .to_owned(),
        format!("{listener}.sasl.enabled.mechanisms=PLAIN"),
        format!(
            "{listener}.plain.sasl.jaas.config=\
             org.apache.kafka.common.security.plain.PlainLoginModule required \
             user_{USER}=\"{}\";",
            secrets::KAFKA
        ),
    ]
}

fn registry() -> String {
    format!("{HOST}:5000")
}

/// The target folder of the build that this belongs to.
fn target() -> anyhow::Result<String> {
    let worker: PathBuf = tools::program("streamjob-worker")?;
    let target = worker.ancestors().nth(2).context("target/debug/streamjob-worker")?;
    Ok(target.display().to_string())
}
