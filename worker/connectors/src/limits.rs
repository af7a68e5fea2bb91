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
/// Bytes that wait for the owner of a reader, whatever it allows: more than the processor's caches hold only costs.
pub const READ_QUEUE_BYTES_MAX: usize = 16 << 20;
/// Least that a fetch asks for.
pub const FETCH_BYTES_MIN: usize = 1 << 20;
/// Most that all fetches on their way ask for; a broker gives one batch more if that is larger.
pub const FETCH_BYTES_MAX: usize = 4 << 20;
/// How long a broker may wait for something to hand out. What is assigned meanwhile waits as long.
pub const FETCH_WAIT: Duration = Duration::from_millis(200);
/// Largest answer of a broker that is read.
pub const ANSWER_BYTES_MAX: usize = 128 << 20;
/// Largest batch, unpacked.
pub const UNPACKED_BYTES_MAX: usize = 128 << 20;
/// Memory for unpacked batches that is kept for the next.
pub const UNPACKED_BYTES_KEPT: usize = 4 << 20;
/// Answers whose memory is kept for the next.
pub const SPARE_FRAMES_MAX: usize = 2;
/// Opening a connection to a broker.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Silence of a broker that owes an answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long what a former owner left open may take to end before the C client takes over all the same.
pub const ENDING_MAX: Duration = Duration::from_secs(2);
/// Pause until a coordinator that is ending a transaction is asked again.
pub const ENDING_PAUSE: Duration = Duration::from_millis(5);
/// A connection over which nothing is to be read is closed after this.
pub const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(30);
/// First pause between two attempts to read.
pub const READ_BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest pause between two attempts to read.
pub const READ_BACKOFF_MAX: Duration = Duration::from_secs(1);
/// Pauses begin anew after so long without a failure.
pub const BACKOFF_FORGOTTEN_AFTER: Duration = Duration::from_secs(2);
/// Leaders are looked for again after this, though nobody complained: one that was given up may not know it.
pub const LEADERS_AGE_MAX: Duration = Duration::from_secs(10);
/// Longest pause that a broker's quota may ask for; before it is over, the broker does not answer.
pub const THROTTLE_MAX: Duration = Duration::from_mins(1);
/// How long a topic that no broker knows may still be one that is just being created.
pub const TOPIC_MISSING_AFTER: Duration = Duration::from_secs(3);
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
