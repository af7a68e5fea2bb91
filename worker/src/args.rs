//! The command line, as typed values.
#![allow(clippy::doc_markdown, reason = "these comments are the help texts")]

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Runs SQL over Kafka topics, exactly once.
#[derive(Debug, Parser)]
#[command(name = "streamjob-worker", version, max_term_width = 100)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The ways to use the binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole job in this process.
    ///
    /// Plans the job, creates its internal topics, takes the next generation (or the same one again after a
    /// restart) and runs all slots here. SIGTERM or Ctrl-C ends it with a last checkpoint and commit.
    Run(RunArgs),
    /// Run the slots of one pod; the operator's way.
    ///
    /// Warms up and waits for the order to acquire on the admin port.
    Slot(SlotArgs),
    /// Check a job and explain its plan.
    ///
    /// Reads topics and state, changes nothing unless --apply is given. Exit code 20 when it is refused.
    Plan(PlanArgs),
    /// Work on a job that has no running slots: fence, collect garbage, delete.
    Clean(CleanArgs),
    /// Say where every shard of a job goes on, from which checkpoint, whose it is, and what stands in the way.
    ///
    /// Reads only, beside running workers too. Exit code 21 when a shard is blocked.
    Explain(ExplainArgs),
}

/// Which job.
#[derive(Clone, Debug, ClapArgs)]
pub struct JobArgs {
    /// The StreamJob object as YAML or JSON.
    #[arg(short = 'f', long = "job", visible_alias = "file", value_name = "FILE")]
    pub job: PathBuf,
    /// Folder with the Secrets that the job references, one file per key (kafka/password, s3/access-key-id …).
    #[arg(
        long,
        value_name = "DIR",
        env = "STREAMJOB_SECRETS_DIR",
        default_value = "/etc/streamjob/secrets"
    )]
    pub secrets_dir: PathBuf,
}

/// Where to listen.
#[derive(Clone, Debug, ClapArgs)]
pub struct ListenArgs {
    /// Address of the admin port [default: 0.0.0.0:8081 in a pod, 127.0.0.1:8081 for run].
    #[arg(long, visible_alias = "admin", value_name = "ADDR")]
    pub admin_listen: Option<SocketAddr>,
    /// Address of metrics and probes [default: 0.0.0.0:9090 in a pod, 127.0.0.1:9090 for run].
    #[arg(long, visible_alias = "metrics", value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
    /// File with the bearer token of the admin port. Without one only a loopback address is opened.
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}

/// `run`.
#[derive(Debug, ClapArgs)]
pub struct RunArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Processing threads [default: spec.parallelism × slots per worker, else one per core, at most one per shard].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub slots: Option<u32>,
    /// Folder for the local copy of the state. A cache: it may be deleted between runs.
    #[arg(long, value_name = "DIR", default_value = "./streamjob-state")]
    pub state_dir: PathBuf,
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArgs,
}

/// `slot`.
#[derive(Debug, ClapArgs)]
pub struct SlotArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Generation that the slots belong to.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub generation: u64,
    /// Slots of the generation, over all its pods.
    #[arg(long, value_name = "TOTAL", value_parser = clap::value_parser!(u32).range(1..))]
    pub slots: u32,
    /// Slots of this pod.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub slots_per_worker: u32,
    /// Number of this pod within its set [default: the number at the end of POD_NAME].
    #[arg(long, value_name = "N")]
    pub ordinal: Option<u32>,
    /// Name of this pod.
    #[arg(long, value_name = "NAME", env = "POD_NAME", hide = true)]
    pub pod_name: Option<String>,
    /// Folder for the local copy of the state.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/streamjob")]
    pub state_dir: PathBuf,
    /// JSON file with the logs of every stage [default: as the newest plan object has them].
    #[arg(long, value_name = "FILE")]
    pub layout: Option<PathBuf>,
    /// Partitions of each exchange [default: as the plan objects of the job have them].
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub exchange_partitions: Option<u32>,
    /// Do not wait for the order to acquire.
    #[arg(long)]
    pub acquire_now: bool,
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Start the worker as a child process, again and again; for PID 1 of a container.
    #[arg(long)]
    pub supervise: bool,
    /// Where a supervisor leaves the last error.
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub termination_log: PathBuf,
}

/// `plan`.
#[derive(Debug, ClapArgs)]
pub struct PlanArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Print the verdict as JSON instead of the explanation.
    #[arg(long)]
    pub json: bool,
    /// Create what the plan needs: exchange and control topics, the plan object and, before the first start, the
    /// first offsets of every partition.
    #[arg(long)]
    pub apply: bool,
    /// Slots to plan for [default: spec.parallelism × slots per worker, else one per shard].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub slots: Option<u32>,
    /// Write the verdict here too.
    #[arg(long, value_name = "FILE")]
    pub termination_log: Option<PathBuf>,
}

/// `clean`.
#[derive(Debug, ClapArgs)]
pub struct CleanArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// The last generation [default: the newest in the store].
    #[arg(long, value_name = "N")]
    pub generation: Option<u64>,
    /// Fence every slot of the last generation, so that no forgotten process can commit any more.
    #[arg(long)]
    pub fence: bool,
    /// Delete checkpoints, internal topics and groups of the job. Implies --fence. Savepoints stay.
    #[arg(long)]
    pub delete_state: bool,
    /// Delete the savepoint of this name.
    #[arg(long, value_name = "NAME")]
    pub savepoint: Option<String>,
    /// Delete what no checkpoint or savepoint reaches any more.
    #[arg(long)]
    pub gc: bool,
    /// Write the outcome here too.
    #[arg(long, value_name = "FILE")]
    pub termination_log: Option<PathBuf>,
}

/// `explain`.
#[derive(Debug, ClapArgs)]
pub struct ExplainArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Read every run of every checkpoint named and compare it with its checksum.
    #[arg(long)]
    pub verify: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_calls_of_the_operator_parse() {
        let calls = [
            "run -f job.yaml --state-dir d --admin-listen 127.0.0.1:1 --metrics-listen 127.0.0.1:2",
            "run --file job.yaml --slots 3 --admin 127.0.0.1:1 --metrics 127.0.0.1:2",
            "slot --job j.json --generation 2 --slots 4 --slots-per-worker 2 --ordinal 1 --acquire-now",
            "slot --supervise --job j.json --generation 2 --slots 4 --slots-per-worker 2",
            "plan --job j.json --apply --termination-log /dev/termination-log",
            "plan -f j.yaml --json",
            "explain -f j.yaml --verify",
            "clean --job j.json --generation 3 --fence --delete-state --gc",
        ];
        for call in calls {
            let words = std::iter::once("streamjob-worker").chain(call.split(' '));
            assert!(Args::try_parse_from(words).is_ok(), "{call}");
        }
    }

    #[test]
    fn numbers_that_mean_nothing_are_refused() {
        for call in [
            "run -f j --slots 0",
            "slot --job j --generation 0 --slots 4 --slots-per-worker 2",
            "slot --job j --generation 1 --slots 0 --slots-per-worker 2",
            "slot --job j --generation 1 --slots 1",
        ] {
            let words = std::iter::once("streamjob-worker").chain(call.split(' '));
            assert!(Args::try_parse_from(words).is_err(), "{call}");
        }
    }
}
