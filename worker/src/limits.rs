//! Every bound of the worker's shell, named.

use std::time::Duration;

/// A slot thread that has not come by for so long, and is not restoring, fails liveness.
pub const LIVENESS_MAX: Duration = Duration::from_mins(1);
/// A slot that is blocked for a reason that needs a person tries a whole new acquire after this pause.
pub const BLOCKED_PAUSE: Duration = Duration::from_secs(30);
/// The durations that slots report are folded into the histograms at least this often.
pub const METRICS_FOLD_INTERVAL: Duration = Duration::from_secs(5);
/// A second order to end within this time is the first one said twice.
pub const IMPATIENT_AFTER: Duration = Duration::from_secs(1);
/// The process that hosts slot 0 looks this often whether sources have more partitions (S4).
pub const PARTITIONS_LOOK_INTERVAL: Duration = Duration::from_mins(1);
/// It collects garbage at every so many of these looks.
pub const LOOKS_PER_COLLECTION: u32 = 5;
/// A log of which nothing is known yet holds those that it is aligned with back for so long at most.
pub const FIRST_ROW_WAIT: Duration = Duration::from_secs(5);
/// What others say of the logs that they read is looked at this often.
pub const ALIGN_INTERVAL: Duration = Duration::from_millis(20);
/// Longest body of an order, bytes.
pub const ORDER_BYTES_MAX: usize = 16 << 10;
/// Incarnations whose fencing is remembered (O5).
pub const TAKEOVERS_REMEMBERED: usize = 4096;
/// Longest last error of a worker, bytes: what its supervisor leaves as termination message.
pub const LAST_WORDS_BYTES_MAX: usize = 1 << 10;
/// First pause of a supervisor after a worker ended twice in a row; doubles up to [`RESTART_PAUSE_MAX`].
pub const RESTART_PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause of a supervisor.
pub const RESTART_PAUSE_MAX: Duration = Duration::from_secs(30);
/// A worker that lived this long was healthy: its next end is restarted at once.
pub const HEALTHY_AFTER: Duration = Duration::from_mins(1);
/// Wait for one answer of the broker while planning or cleaning.
pub const BROKER_WAIT: Duration = Duration::from_secs(15);
/// Attempts at work that the broker or store answers with "try again".
pub const ATTEMPTS_MAX: u32 = 5;
/// Pause between such attempts.
pub const ATTEMPT_PAUSE: Duration = Duration::from_millis(500);
/// Records per partition that a claim is sampled with.
pub const CLAIM_RECORDS_PER_PARTITION: i64 = 1_000;
/// Distinct values that a claim is sampled with.
pub const CLAIM_VALUES_MAX: usize = 100_000;
/// A sample of a claim ends after this.
pub const CLAIM_SAMPLE_MAX: Duration = Duration::from_secs(10);
/// Bytes queued by the client for a sample.
pub const CLAIM_QUEUED_BYTES: usize = 16 << 20;
/// Replicas of internal topics where there are as many brokers (S3).
pub const INTERNAL_REPLICAS: u32 = 3;
/// Memory that a worker without a limit plans with, bytes.
pub const MEMORY_DEFAULT: u64 = 1 << 30;
/// Share of the memory limit that is neither state nor buffers, in percent.
pub const MEMORY_RESERVED_PERCENT: u64 = 30;
/// How often the file with the log filter is looked at.
pub const LOG_FILE_PERIOD: Duration = Duration::from_secs(2);
/// Threads of the runtime that serves ports and the object store.
pub const RUNTIME_THREADS: usize = 2;
