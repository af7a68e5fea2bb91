//! Every bound of the broker that is not an [`Options`](crate::Options) field.

/// Largest request frame that is read from a socket; a larger one closes the connection.
pub const REQUEST_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Largest total of record bytes in one fetch answer, whatever the client asks for.
pub const FETCH_BYTES_MAX: usize = 55 * 1024 * 1024;

/// Longest time that a fetch may wait for data, in milliseconds, whatever the client asks for.
pub const FETCH_WAIT_MS_MAX: i32 = 60_000;

/// Batches per producer and partition that are remembered to recognise a repeated send, as in
/// Kafka.
pub const REMEMBERED_BATCHES: usize = 5;

/// Longest metadata string of a committed offset, in bytes (Kafka's `offset.metadata.max.bytes`).
pub const OFFSET_METADATA_BYTES_MAX: usize = 4096;

/// Most partitions of one topic.
pub const PARTITIONS_MAX: i32 = 10_000;

/// Longest topic name, in bytes, as in Kafka.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Most bytes that a compressed batch may unpack to when a time stamp is looked up inside it.
pub const UNPACKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Longest time that `Server::shutdown` waits for the thread of the server, in milliseconds.
pub const SHUTDOWN_MS_MAX: u64 = 5_000;
