//! The command line, as typed values.
#![allow(clippy::doc_markdown, reason = "these comments are the help texts")]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use crds::HumanDuration;

const EXAMPLES: &str = "Examples:
  kubectl streamjob status clicks-per-user
  kubectl streamjob plan -f job.yaml
  kubectl streamjob rescale clicks-per-user 4 --wait
  kubectl streamjob savepoint clicks-per-user --name before-upgrade --wait";

/// Looks at StreamJobs and works with them.
#[derive(Debug, Parser)]
#[command(name = "kubectl streamjob", bin_name = "kubectl streamjob", version)]
#[command(max_term_width = 100, after_help = EXAMPLES)]
pub struct Args {
    /// Which cluster and namespace.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How results are written.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Which cluster and namespace; as kubectl takes them.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct ClusterArgs {
    /// The namespace. Default: that of the context.
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// The context of the kubeconfig.
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The kubeconfig. Default: $KUBECONFIG, or ~/.kube/config.
    #[arg(long, global = true)]
    pub kubeconfig: Option<PathBuf>,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Whether to wait for the effect.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct Waiting {
    /// Wait until it is done.
    #[arg(long)]
    pub wait: bool,
    /// How long to wait.
    #[arg(long, default_value = "10m")]
    pub timeout: HumanDuration,
}

impl Waiting {
    /// The bound, if one waits.
    pub fn bound(self) -> Option<Duration> {
        self.wait.then(|| self.timeout.get())
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a job as it is now: every slot, its lag, watermark and checkpoint.
    ///
    /// Workers are asked through the API server (pods/proxy); without that right the object's status is shown.
    #[command(after_help = "Examples:
  kubectl streamjob status clicks-per-user
  kubectl streamjob status clicks-per-user --shards
  kubectl streamjob status clicks-per-user -o json | jq .lag")]
    Status {
        /// The job.
        job: String,
        /// A line for every shard too.
        #[arg(long)]
        shards: bool,
    },
    /// Save the state on purpose.
    #[command(after_help = "Examples:
  kubectl streamjob savepoint clicks-per-user
  kubectl streamjob savepoint clicks-per-user --name before-upgrade --dispose --wait")]
    Savepoint {
        /// The job.
        job: String,
        /// The name of the Savepoint. Default: the job's name and the time.
        #[arg(long)]
        name: Option<String>,
        /// Its data goes with the object; else it stays in the store.
        #[arg(long)]
        dispose: bool,
        /// Whether to wait.
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Save the state and end the pods.
    #[command(after_help = "Example:
  kubectl streamjob suspend clicks-per-user --wait")]
    Suspend {
        /// The job.
        job: String,
        /// Whether to wait.
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Go on where the job was suspended.
    #[command(after_help = "Example:
  kubectl streamjob resume clicks-per-user --wait")]
    Resume {
        /// The job.
        job: String,
        /// Whether to wait.
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Start all pods anew, beside the running ones.
    #[command(after_help = "Example:
  kubectl streamjob restart clicks-per-user --wait")]
    Restart {
        /// The job.
        job: String,
        /// Whether to wait.
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Change the number of worker pods.
    #[command(after_help = "Example:
  kubectl streamjob rescale clicks-per-user 4 --wait")]
    Rescale {
        /// The job.
        job: String,
        /// Worker pods.
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
        parallelism: u32,
        /// Whether to wait.
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Wait until the newest spec is in force; fail when it is refused.
    #[command(after_help = "Example:
  kubectl apply -f job.yaml && kubectl streamjob wait clicks-per-user --timeout 5m")]
    Wait {
        /// The job.
        job: String,
        /// How long to wait.
        #[arg(long, default_value = "10m")]
        timeout: HumanDuration,
    },
    /// Say what applying a file would do, and do nothing.
    ///
    /// The API server checks the file, the operator compares it with what runs, and where the query changes the
    /// planner looks at SQL, topics and state. Exit code 20 when it would be refused.
    #[command(after_help = "Example:
  kubectl streamjob plan -f job.yaml && kubectl apply -f job.yaml")]
    Plan {
        /// The StreamJob as YAML or JSON; - reads standard input.
        #[arg(short, long, value_name = "FILE")]
        filename: PathBuf,
        /// How long to wait for the answer.
        #[arg(long, default_value = "5m")]
        timeout: HumanDuration,
    },
    /// Say why a job is as it is and what to do next; or what a reason means.
    #[command(after_help = "Examples:
  kubectl streamjob explain clicks-per-user
  kubectl streamjob explain --reason ReplayGapLost")]
    Explain {
        /// The job.
        #[arg(required_unless_present = "reason")]
        job: Option<String>,
        /// One word of a condition or an event.
        #[arg(long, conflicts_with = "job")]
        reason: Option<String>,
    },
    /// Show the logs of a job's workers, each line with its pod.
    #[command(after_help = "Examples:
  kubectl streamjob logs clicks-per-user --tail 100
  kubectl streamjob logs clicks-per-user -f
  kubectl streamjob logs clicks-per-user --slot 2 --previous")]
    Logs {
        /// The job.
        job: String,
        /// Go on.
        #[arg(short, long)]
        follow: bool,
        /// Only the pod that hosts this slot.
        #[arg(long)]
        slot: Option<u32>,
        /// Of the container before.
        #[arg(long)]
        previous: bool,
        /// Lines from the end of each log.
        #[arg(long, default_value_t = 200)]
        tail: i64,
        /// Only what is younger.
        #[arg(long)]
        since: Option<HumanDuration>,
    },
    /// Write what is known of a job into an archive to be shown to others: objects, events, worker status, logs.
    ///
    /// Secrets are not read; values of environment variables and whatever is named like a secret are masked.
    #[command(after_help = "Example:
  kubectl streamjob report clicks-per-user --file clicks.tar")]
    Report {
        /// The job.
        job: String,
        /// The archive. Default: the job's name and the time.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Print the program that completes words in the shell.
    ///
    /// kubectl asks a program of the name kubectl_complete-streamjob; put what this prints into the PATH.
    #[command(after_help = "Example:
  kubectl streamjob completion > ~/.local/bin/kubectl_complete-streamjob
  chmod +x ~/.local/bin/kubectl_complete-streamjob")]
    Completion,
    /// What fits after these words; for the shell.
    #[command(name = "__complete", hide = true)]
    Complete {
        /// The words so far; the last one may be a part.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_help_with_an_example() {
        for command in Args::command().get_subcommands().filter(|c| !c.is_hide_set()) {
            let name = command.get_name();
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.contains(&format!("kubectl streamjob {name}")), "{name}: {example}");
        }
    }

    #[test]
    fn commands_take_what_kubectl_takes() {
        for (words, accepted) in [
            ("x status j", true),
            ("x -n a status j -o json", true),
            ("x status j --namespace a --context c", true),
            ("x rescale j 0", false),
            ("x rescale j 4 --wait --timeout 1m", true),
            ("x plan", false),
            ("x plan -f -", true),
            ("x explain", false),
            ("x explain --reason Bug", true),
            ("x __complete status --x", true),
        ] {
            let parsed = Args::try_parse_from(words.split(' '));
            assert_eq!(parsed.is_ok(), accepted, "{words}: {parsed:?}");
        }
    }
}
