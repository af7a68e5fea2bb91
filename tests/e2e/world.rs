//! The cluster, the servers beside it, the images, the chart.

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::harness::{Scratch, process, tools, wait};

use crate::kubectl::{STEP_MAX, Tools};
use crate::say;

/// The host as pods see it.
const HOST: &str = "172.30.0.1";
const KAFKA_PORT: &str = "19092";
const OTHER_KAFKA_PORT: &str = "19192";
const MINIO_PORT: &str = "19000";
const BUCKET: &str = "checkpoints";
/// The bucket that the examples name.
const EXAMPLES_BUCKET: &str = "streamjob";
/// Where the operator lives.
pub(crate) const SYSTEM: &str = "streamjob-system";

/// Everything is stopped when this is dropped, but the cluster: `cluster.sh down` takes that down.
pub(crate) struct World {
    pub(crate) tools: Tools,
    pub(crate) tags: [&'static str; 2],
    scratch: Scratch,
}

impl World {
    /// Starts everything and installs the chart.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let shown = tools::script("cluster.sh", &["up"], &[])?;
        let kubeconfig = shown.lines().find_map(|line| line.strip_prefix("KUBECONFIG="));
        let kubeconfig = kubeconfig.context("cluster.sh prints where the kubeconfig is")?;
        let bin = tools::script("cluster.sh", &["ensure"], &[])?;
        let bin = bin.lines().last().context("cluster.sh prints the folder")?.to_owned();
        let world = Self {
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

    fn start_kafka(&self, name: &str, port: &str) -> anyhow::Result<u32> {
        let folder = self.scratch.folder(name)?.display().to_string();
        let pid = tools::script("kafka.sh", &["start", &folder, port], &[("KAFKA_HOST", HOST)])?;
        let pid = pid.parse()?;
        process::guard(pid)?;
        Ok(pid)
    }

    /// A Kafka that may be killed.
    pub(crate) fn other_kafka(&self) -> anyhow::Result<OtherKafka> {
        let pid = self.start_kafka("other-kafka", OTHER_KAFKA_PORT)?;
        Ok(OtherKafka { bootstrap: format!("{HOST}:{OTHER_KAFKA_PORT}"), pid })
    }

    fn start_servers(&self) -> anyhow::Result<()> {
        self.start_kafka("kafka", KAFKA_PORT)?;
        let folder = self.scratch.folder("minio")?;
        for bucket in [BUCKET, EXAMPLES_BUCKET] {
            std::fs::create_dir_all(folder.join("data").join(bucket))?;
        }
        let folder = folder.display().to_string();
        let pid =
            tools::script("minio.sh", &["start", &folder, MINIO_PORT], &[("MINIO_HOST", HOST)])?;
        process::guard(pid.parse()?)?;
        for port in [KAFKA_PORT, MINIO_PORT] {
            wait::until_true("the servers listen", Duration::from_secs(30), || {
                Ok(TcpStream::connect(format!("{HOST}:{port}")).is_ok())
            })?;
        }
        Ok(())
    }

    /// `helm install`, as the README says.
    fn install(&self) -> anyhow::Result<()> {
        self.helm_upgrade("one", "info")?;
        for (name, id) in [("store", "minioadmin"), ("wrong", "somebody-else")] {
            self.tools.apply(&json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": name, "namespace": "default"},
                "stringData": {"access-key-id": id, "secret-access-key": "minioadmin"},
            }))?;
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
        })
    }

    /// Where the object store keeps the objects of the bucket of the acts.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.scratch.path().join("minio/data").join(BUCKET)
    }

    /// A folder that goes with the world.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        self.scratch.folder(name)
    }

    /// Kafka and the store by the names that the examples use: `kafka:9092` and `minio:9000`.
    pub(crate) fn name_servers(&self) -> anyhow::Result<()> {
        for (name, port, outside) in [("kafka", 9092, KAFKA_PORT), ("minio", 9000, MINIO_PORT)] {
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
        let chart = tools::checkout().join("charts/streamjob").display().to_string();
        let values = self.scratch.folder("values")?.join("values.yaml");
        std::fs::write(&values, Self::values(tag, log).to_string())?;
        let values = values.display().to_string();
        let arguments = [
            "upgrade",
            "--install",
            "streamjob",
            &chart,
            "--namespace",
            SYSTEM,
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

fn registry() -> String {
    format!("{HOST}:5000")
}

/// The target folder of the build that this belongs to.
fn target() -> anyhow::Result<String> {
    let worker: PathBuf = tools::program("streamjob-worker")?;
    let target = worker.ancestors().nth(2).context("target/debug/streamjob-worker")?;
    Ok(target.display().to_string())
}
