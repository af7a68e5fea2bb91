//! Bounds of every queue, wait and retry of this crate.

use std::time::Duration;

/// Rows of one transaction (C10).
pub const TRANSACTION_ROWS_MAX: usize = 1_000_000;
/// Bytes of one transaction (C10).
pub const TRANSACTION_BYTES_MAX: usize = 64 << 20;
/// A commit, an abort or an offset request that takes longer counts as unclean (C5).
pub const CLEAN_CALL_MAX: Duration = Duration::from_secs(1);
/// How long after the transaction timeout a transaction call may still be inside the client before it is given up
/// as unknown.
pub const WATCHDOG_MARGIN: Duration = Duration::from_secs(2);
/// How often an idle producer looks at what its client reports.
pub const IDLE_POLL: Duration = Duration::from_millis(100);
/// Events of a client that are looked at in one go.
pub const EVENTS_PER_DRAIN_MAX: usize = 100_000;
/// Messages that one call may take from the reader's queue.
pub const READ_BATCH_MAX: usize = 65_536;
/// The oldest C client that this crate is correct with: older ones lose records in transactions.
pub const LIBRDKAFKA_VERSION_MIN: i32 = 0x020c_00ff;
/// A transaction that a deliberate fault leaves open.
#[cfg(feature = "sabotage")]
pub const HANGING_MAX: Duration = Duration::from_mins(5);
/// Kafka's limit of a name.
pub const NAME_BYTES_MAX: usize = 249;

/// Objects larger than this are uploaded in parts.
pub const PART_BYTES: usize = 16 << 20;
/// Parts of one upload that are on their way at a time.
pub const PARTS_IN_FLIGHT_MAX: usize = 4;
/// First pause between two attempts at the store.
pub const STORE_BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest pause between two attempts at the store.
pub const STORE_BACKOFF_MAX: Duration = Duration::from_secs(5);
/// An operation on the store, with all its attempts, unless the caller says otherwise.
pub const STORE_DEADLINE: Duration = Duration::from_mins(1);
/// One request to the store: long enough for a part over a slow line.
pub const STORE_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Opening a connection to the store.
pub const STORE_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Objects that one list may return; more is refused rather than cut.
pub const LIST_MAX: usize = 1_000_000;
