//! A real Kafka: one node, or two of which one may be lost.

use std::path::{Path, PathBuf};

use super::server::Server;
use super::{ports, tools};

/// Which Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The newest one that is supported.
    Newest,
    /// The oldest one that is supported.
    Oldest,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
        }
    }
}

/// Of two nodes: everything twice, and one that is gone is given up soon.
const REPLICATED: &[&str] = &[
    "default.replication.factor=2",
    "offsets.topic.replication.factor=2",
    "transaction.state.log.replication.factor=2",
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=500",
];

/// A running broker; stopped when dropped.
pub struct RealKafka {
    folder: PathBuf,
    port: u16,
    controller_port: u16,
    version: Version,
    properties: Vec<String>,
    server: Server,
}

impl RealKafka {
    /// Formats and starts one in `folder`. `properties` are `key=value` lines beside the defaults of the tests.
    pub fn start(folder: &Path, version: Version, properties: &[&str]) -> anyhow::Result<Self> {
        Self::start_at(ports::free()?, folder, version, properties)
    }

    /// The same on given ports, its own and the controller's.
    pub(super) fn start_at(
        [port, controller_port]: [u16; 2],
        folder: &Path,
        version: Version,
        properties: &[&str],
    ) -> anyhow::Result<Self> {
        let mut kafka = Self {
            folder: folder.to_owned(),
            port,
            controller_port,
            version,
            properties: properties.iter().map(|p| (*p).to_owned()).collect(),
            server: Server::default(),
        };
        kafka.start_again()?;
        Ok(kafka)
    }

    /// Starts two in `folder` that hold everything twice: the first is broker and controller, the second a broker that
    /// may be killed while the partitions go on without it.
    pub fn start_pair(folder: &Path, version: Version) -> anyhow::Result<[Self; 2]> {
        let first = Self::start(&folder.join("1"), version, REPLICATED)?;
        let [port, unused] = ports::free()?;
        let voters = format!("controller.quorum.voters=1@127.0.0.1:{}", first.controller_port);
        let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
        let mut properties: Vec<String> = REPLICATED.iter().map(|p| (*p).to_owned()).collect();
        properties.extend(["process.roles=broker".into(), "node.id=2".into(), voters, listeners]);
        let mut second = Self {
            folder: folder.join("2"),
            port,
            controller_port: unused,
            version,
            properties,
            server: Server::default(),
        };
        second.start_again()?;
        Ok([first, second])
    }

    /// What clients connect to.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Starts it again on the same folder and port.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.display().to_string();
        let port = self.port.to_string();
        let mut arguments = vec!["start", &folder, &port];
        arguments.extend(self.properties.iter().map(String::as_str));
        let controller = self.controller_port.to_string();
        let environment =
            [("KAFKA_VERSION", self.version.name()), ("KAFKA_CONTROLLER_PORT", &controller)];
        self.server.start("kafka.sh", &arguments, &environment)
    }

    /// Ends it in an orderly way; the files stay.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        if self.server.release().is_some() {
            tools::script("kafka.sh", &["stop", &self.folder.display().to_string()], &[])?;
        }
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.kill()
    }
}
