//! Every bound of the protocol, named.

use std::time::Duration;

/// Longest offset metadata, bytes of ASCII (C2). Brokers allow 4,096.
pub const METADATA_BYTES_MAX: usize = 256;
/// Longest name of a topic, group or transactional id of ours (C2; Kafka's own limit for topics).
pub const NAME_BYTES_MAX: usize = 249;
/// Rows in one transaction (C10).
pub const COMMIT_ROWS_MAX: usize = 1_000_000;
/// Bytes in one transaction (C10).
pub const COMMIT_BYTES_MAX: usize = 64 << 20;
/// `transaction.timeout.ms` (C3).
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// `message.timeout.ms` (C3).
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(9);
/// `socket.timeout.ms` (C3).
pub const SOCKET_TIMEOUT: Duration = Duration::from_secs(5);
/// A burst is cut after this (C3).
pub const BURST_MAX: Duration = Duration::from_secs(2);
/// A commit or abort that takes longer is unclean (C5).
pub const CLEAN_COMMIT_MAX: Duration = Duration::from_secs(1);
/// Every shard's metadata is committed at least this often (C2).
pub const REAFFIRM_INTERVAL: Duration = Duration::from_hours(1);
/// An unreachable object stays this long after it was first seen unreachable (G3).
pub const GARBAGE_GRACE: Duration = Duration::from_hours(1);
/// Watermark records per second that all slots of a job may write to an exchange together (C7).
pub const WATERMARK_RECORDS_PER_SECOND: u64 = 20_000;
/// Most partitions that an exchange gets without `maxParallelism` (C7).
pub const EXCHANGE_PARTITIONS_MAX: u32 = 128;
/// Fewest (C7).
pub const EXCHANGE_PARTITIONS_MIN: u32 = 16;
/// A successor waits this long for `released` before it fences; a courtesy, never a safety measure (O3).
pub const RELEASE_WAIT: Duration = Duration::from_secs(10);
/// A slot unseen for this long may be fenced on the operator's word (O5).
pub const UNSEEN_SLOT_MAX: Duration = Duration::from_secs(2);
/// Longest verdict of a planner, bytes of JSON.
pub const VERDICT_BYTES_MAX: usize = 3 << 10;
