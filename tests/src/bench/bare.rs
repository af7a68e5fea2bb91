//! B0: reading and nothing else, through the C client's batch queue or by our own fetching.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use connectors::{Event, KafkaConfig, ReadLimits, Reader};
use protocol::Log;

use crate::harness::process;

/// Records of one batch, as in the worker.
const BATCH_MAX: usize = 10_000;
const QUEUED_BYTES: usize = 64 << 20;
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Which topic.
#[derive(Clone, Debug, clap::Args)]
pub struct BareArguments {
    /// Kafka's address
    #[arg(long)]
    pub bootstrap: String,
    /// Topic
    #[arg(long)]
    pub topic: String,
    /// Its partitions
    #[arg(long)]
    pub partitions: u32,
    /// Records in it
    #[arg(long)]
    pub rows: u64,
    /// Fetch as the worker does, without the C client
    #[arg(long)]
    pub own: bool,
}

/// Reads all records and prints their number, their bytes, the processor time of this process in ns, and its
/// most memory in bytes.
pub fn run(arguments: &BareArguments) -> anyhow::Result<()> {
    let config = KafkaConfig {
        bootstrap: arguments.bootstrap.clone(),
        properties: std::collections::BTreeMap::new(),
        client_id: "streamjob-bench".into(),
    };
    let limits = ReadLimits { queued_bytes: QUEUED_BYTES };
    let open = if arguments.own { Reader::open } else { Reader::open_client };
    let mut reader = open(&config, "streamjob-bench", limits).context("the reader")?;
    let logs: Vec<(Log, i64)> = (0..arguments.partitions)
        .map(|partition| (Log::new(&arguments.topic, partition as i32), 0))
        .collect();
    reader.assign(&logs).context("the logs")?;
    let (mut rows, mut bytes) = (0u64, 0u64);
    let mut heard = Instant::now();
    while rows < arguments.rows {
        let before = rows;
        let mut failed = None;
        reader
            .poll(Duration::from_millis(100), BATCH_MAX, &mut |event| match event {
                Event::Record { payload, .. } => {
                    rows += 1;
                    bytes += payload.map_or(0, |payload| payload.len() as u64);
                }
                Event::Eof { .. } => {}
                Event::Failed { error, .. } => failed = Some(error),
            })
            .context("reading")?;
        if let Some(error) = failed {
            return Err(error).context("reading");
        }
        if rows > before {
            heard = Instant::now();
        }
        ensure!(heard.elapsed() < SILENCE_MAX, "{rows} of {} rows came", arguments.rows);
    }
    let usage = process::usage(std::process::id())?;
    let (cpu, peak) = (usage.cpu.as_nanos(), usage.peak_bytes);
    writeln!(std::io::stdout(), "{rows} {bytes} {cpu} {peak}").context("standard output")
}
