//! From arguments to results.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::{Args, Command, Output, Waiting};
use crate::change::{self, Change};
use crate::cluster::Cluster;
use crate::out::say;
use crate::{complete, explain, logs, plan, report, savepoint, status};

/// What a plan that would be refused ends with; the same as the worker's own `plan`.
const REFUSED: u8 = 20;

/// Does what the arguments say.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Completion => {
            say(complete::PROGRAM)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Complete { words } => {
            let cluster = Cluster::open(&args.cluster).await.ok();
            say(&complete::lines(cluster, words).await)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Explain { reason: Some(reason), .. } => {
            say(&explain::reason(reason)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let cluster = Cluster::open(&args.cluster).await?;
    command(&cluster, args.output, args.command).await
}

async fn command(cluster: &Cluster, output: Output, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Status { job, shards } => {
            let seen = cluster.look(&job).await?;
            show(output, || status::text(&seen, shards), || status::json(&seen))?;
        }
        Command::Explain { job, .. } => {
            let seen = cluster.look(&job.unwrap_or_default()).await?;
            show(output, || explain::text(&seen), || explain::json(&seen))?;
        }
        Command::Savepoint { job, name, dispose, waiting } => {
            let name = name.unwrap_or_else(|| savepoint::default_name(&job, Timestamp::now()));
            let taken = savepoint::take(cluster, &job, name, dispose, waiting.bound()).await?;
            show(output, || savepoint::text(&taken), || json!(taken))?;
        }
        Command::Suspend { job, waiting } => {
            make(cluster, output, &Change::Suspend, &job, waiting).await?;
        }
        Command::Resume { job, waiting } => {
            make(cluster, output, &Change::Resume, &job, waiting).await?;
        }
        Command::Restart { job, waiting } => {
            let restart = Change::Restart(Timestamp::now());
            make(cluster, output, &restart, &job, waiting).await?;
        }
        Command::Rescale { job, parallelism, waiting } => {
            make(cluster, output, &Change::Rescale(parallelism), &job, waiting).await?;
        }
        Command::Wait { job, timeout } => {
            let settled = cluster.until(&job, timeout.get(), "settled", change::is_settled).await?;
            if let Some(why) = change::refusal(&settled) {
                anyhow::bail!("{job}: {why}");
            }
            show(output, || format!("streamjob/{job} runs as asked"), || settled.clone())?;
        }
        Command::Plan { filename, timeout } => {
            let job = plan::read(&filename)?;
            let name = job.metadata.name.clone().unwrap_or_default();
            let answer = plan::ask(cluster, &job, timeout.get()).await?;
            show(output, || plan::text(&name, &answer), || plan::json(&name, &answer))?;
            if !plan::is_accepted(&answer) {
                return Ok(ExitCode::from(REFUSED));
            }
        }
        Command::Logs { job, follow, slot, previous, tail, since } => {
            let wanted = logs::Wanted { follow, slot, previous, tail, since };
            logs::show(cluster, &job, &wanted).await?;
        }
        Command::Report { job, file } => {
            write_report(cluster, output, &job, file).await?;
        }
        Command::Completion | Command::Complete { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn make(
    cluster: &Cluster,
    output: Output,
    change: &Change,
    job: &str,
    waiting: Waiting,
) -> anyhow::Result<()> {
    let after = change.make(cluster, job, waiting).await?;
    let said = if waiting.wait {
        format!("streamjob/{job} {}", change.done())
    } else {
        format!("streamjob/{job} told; see kubectl streamjob status {job}")
    };
    show(output, || said, || after)
}

async fn write_report(
    cluster: &Cluster,
    output: Output,
    job: &str,
    file: Option<PathBuf>,
) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let file = file.unwrap_or_else(|| format!("{}.tar", savepoint::default_name(job, now)).into());
    let archive = report::archive(cluster, job, now).await?;
    std::fs::write(&file, &archive)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    let path = file.display().to_string();
    show(output, || format!("wrote {path}"), || json!({"file": path, "bytes": archive.len()}))
}

fn show(
    output: Output,
    text: impl FnOnce() -> String,
    json: impl FnOnce() -> Value,
) -> anyhow::Result<()> {
    match output {
        Output::Text => say(&text()),
        Output::Json => say(&serde_json::to_string_pretty(&json())?),
    }
}
