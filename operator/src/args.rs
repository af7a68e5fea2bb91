//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::validate::Settings;

/// Runs StreamJobs on Kubernetes.
#[derive(Clone, Debug, Parser)]
#[command(name = "streamjob-operator", version, about, long_about = None)]
pub struct Args {
    /// Namespaces to look after, comma-separated. Empty: all.
    #[arg(long, env = "STREAMJOB_NAMESPACES", value_delimiter = ',', num_args = 0..)]
    pub namespaces: Vec<String>,
    /// Look after the jobs and savepoints whose labels fit, as `kubectl get -l` takes it. Empty: all.
    #[arg(long, env = "STREAMJOB_SELECTOR", default_value = "")]
    pub selector: String,
    /// The worker image of jobs that name none.
    #[arg(long, env = "STREAMJOB_WORKER_IMAGE", required_unless_present = "check")]
    pub worker_image: Option<String>,
    /// How long new pods may take to warm up beside a running job, in seconds.
    #[arg(long, env = "STREAMJOB_WARM_UP_DEADLINE_SECONDS", default_value_t = 600)]
    pub warm_up_deadline_seconds: u64,
    /// Where metrics and health are served.
    #[arg(long, env = "STREAMJOB_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// The Lease that decides which replica acts; empty: this one alone.
    #[arg(long, env = "STREAMJOB_LEASE", default_value = "streamjob-operator")]
    pub lease: String,
    /// The namespace of the Lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub lease_namespace: String,
    /// This replica's name in the Lease.
    #[arg(long, env = "POD_NAME", default_value = "streamjob-operator")]
    pub identity: String,
    /// Ask this address for its health instead, and end.
    #[arg(long, value_name = "URL")]
    pub check: Option<String>,
    /// With --check: look again until the answer holds this text, for a minute at most.
    #[arg(long, value_name = "TEXT", requires = "check")]
    pub expect: Option<String>,
    /// A file with a log filter; what it says is followed; empty, the filter of the start is in force.
    #[arg(long, env = "STREAMJOB_LOG_FILE")]
    pub log_file: Option<PathBuf>,
    /// Log as JSON.
    #[arg(long, env = "STREAMJOB_LOG_JSON")]
    pub log_json: bool,
}

impl Args {
    /// What the pure parts need.
    pub fn settings(&self) -> Settings {
        Settings {
            worker_image: self.worker_image.clone().unwrap_or_default(),
            warm_up_deadline: Duration::from_secs(self.warm_up_deadline_seconds),
        }
    }

    /// The namespaces that are named.
    pub fn namespaces(&self) -> Vec<String> {
        self.namespaces.iter().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }

    #[test]
    fn an_image_is_needed_unless_only_health_is_asked_for() {
        let parse = |words: &[&str]| super::Args::try_parse_from(words).is_ok();
        assert!(parse(&["o", "--worker-image", "w:1", "--namespaces", "a,b"]));
        assert!(parse(&["o", "--check", "http://o:8080/readyz"]));
        assert!(!parse(&["o"]));
    }
}
