//! docs/operations.md: each command on the page is run, as it stands there.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tests::harness::tools;

use crate::say;
use crate::world::World;

/// The first line of blocks that are run, in order, and of the one that takes the operator away.
const MARKS: [&str; 2] = ["```sh", "```sh uninstall"];

/// The blocks of the page under a mark.
fn blocks(mark: &str) -> Vec<String> {
    let page = std::fs::read_to_string(tools::checkout().join("docs/operations.md")).unwrap();
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line == mark {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

/// Everything but the uninstall.
pub(crate) fn from_install_to_recovery(world: &World) {
    let desk = Desk::new(world);
    world.name_servers().unwrap();
    let blocks = blocks(MARKS[0]);
    assert!(blocks.len() >= 10, "the page has lost its commands");
    for block in blocks {
        desk.run(&block);
    }
}

/// The end of the page.
pub(crate) fn uninstall(world: &World) {
    let desk = Desk::new(world);
    for block in blocks(MARKS[1]) {
        desk.run(&block);
    }
}

/// Where a person would sit: a folder with the files that the page names, and the programs in the PATH.
struct Desk {
    folder: PathBuf,
    path: String,
    kubeconfig: String,
}

impl Desk {
    fn new(world: &World) -> Self {
        let folder = world.folder("desk").unwrap();
        for name in ["charts", "crds"] {
            let link = folder.join(name);
            if !link.exists() {
                std::os::unix::fs::symlink(tools::checkout().join(name), link).unwrap();
            }
        }
        let values = World::values("one", "info");
        std::fs::write(folder.join("values.yaml"), json!(values).to_string()).unwrap();
        // Kafka's tools come with Kafka: here from where the tests have it, and to the address outside the cluster.
        let tool = tools::checkout().join("tests/tools/kafka.sh");
        let shim = format!(
            "#!/bin/sh\nexec {} tool org.apache.kafka.tools.TopicCommand $(printf '%s ' \"$@\" | \
             sed 's/kafka:9092/{}/')\n",
            tool.display(),
            World::bootstrap()
        );
        write_program(&folder.join("kafka-topics.sh"), &shim);
        let programs = tools::program("kubectl-streamjob").unwrap();
        let programs = programs.parent().unwrap().display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{programs}:{path}", folder.display(), world.tools.bin);
        Self { folder, path, kubeconfig: world.tools.kubeconfig.clone() }
    }

    fn run(&self, block: &str) {
        let first = block.lines().next().unwrap_or_default();
        say(&format!("handbook: {first}"));
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("KUBECONFIG", &self.kubeconfig)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        say(&text(&output.stdout));
        assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
    }
}

fn write_program(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
