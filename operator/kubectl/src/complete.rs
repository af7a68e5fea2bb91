//! Completion of words. kubectl runs `kubectl_complete-streamjob` with the words so far; it prints what fits, a line
//! each, and how to go on (`:4`: no file names, `:0`: file names).

use clap::{Command, CommandFactory as _};
use kube::ResourceExt;
use kube::api::ListParams;
use protocol::reason::Reason;

use crate::args::Args;
use crate::cluster::Cluster;

/// The program that kubectl looks for.
pub const PROGRAM: &str = "#!/bin/sh\nexec kubectl-streamjob __complete -- \"$@\"\n";

/// What may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// One of these words.
    Words(Vec<String>),
    /// The name of a job.
    Job,
    /// A file.
    File,
}

/// What fits after these words, of which the last one may be a part.
pub fn next(words: &[String]) -> Next {
    let program = Args::command();
    let (last, before) = match words.split_last() {
        Some((last, before)) => (last.as_str(), before),
        None => ("", &[][..]),
    };
    let command = before.iter().find_map(|word| program.find_subcommand(word));
    match before.last().map(String::as_str) {
        Some("-f" | "--filename" | "--file" | "--kubeconfig") => return Next::File,
        Some("-o" | "--output") => return Next::Words(fitting(last, ["text", "json"])),
        Some("--reason") => {
            return Next::Words(fitting(last, Reason::ALL.iter().map(|reason| reason.as_str())));
        }
        _ => {}
    }
    let Some(command) = command else {
        let names = program.get_subcommands().filter(|c| !c.is_hide_set());
        let names: Vec<&str> = names.map(Command::get_name).collect();
        return Next::Words(fitting(last, names));
    };
    if last.starts_with('-') {
        let own = command.get_arguments().chain(program.get_arguments());
        let long: Vec<String> =
            own.filter_map(|arg| arg.get_long()).map(|long| format!("--{long}")).collect();
        return Next::Words(fitting(last, long.iter().map(String::as_str)));
    }
    let takes_job = command.get_positionals().any(|arg| arg.get_id() == "job");
    let has_job = before.iter().skip_while(|word| *word != command.get_name()).skip(1);
    let has_job = has_job.filter(|word| !word.starts_with('-')).count() > 0;
    if takes_job && !has_job { Next::Job } else { Next::Words(Vec::new()) }
}

fn fitting<'a>(start: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    words.into_iter().filter(|word| word.starts_with(start)).map(str::to_owned).collect()
}

/// The lines that the shell reads. Names come from the API server; without it there are none.
pub async fn lines(cluster: Option<Cluster>, words: &[String]) -> String {
    let start = words.last().map_or("", String::as_str);
    let (mut words, how) = match next(words) {
        Next::Words(words) => (words, ":4"),
        Next::File => (Vec::new(), ":0"),
        Next::Job => (jobs(cluster, start).await, ":4"),
    };
    words.push(how.to_owned());
    words.join("\n")
}

async fn jobs(cluster: Option<Cluster>, start: &str) -> Vec<String> {
    let Some(cluster) = cluster else { return Vec::new() };
    let Ok(found) = cluster.jobs().list(&ListParams::default()).await else { return Vec::new() };
    let names = found.items.iter().map(ResourceExt::name_any);
    names.filter(|name| name.starts_with(start)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(words: &str) -> Next {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        next(&words)
    }

    fn words(words: &[&str]) -> Next {
        Next::Words(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn what_fits_depends_on_the_words_before() {
        assert_eq!(after("sta"), words(&["status"]));
        assert_eq!(after("res"), words(&["resume", "restart", "rescale"]));
        assert_eq!(after("status "), Next::Job);
        assert_eq!(after("status cl"), Next::Job);
        assert_eq!(after("status clicks "), words(&[]));
        assert_eq!(after("status --sh"), words(&["--shards"]));
        assert_eq!(after("status clicks -o j"), words(&["json"]));
        assert_eq!(after("plan -f "), Next::File);
        assert_eq!(after("explain --reason Replay"), words(&["ReplayGapLost"]));
    }
}
