//! What can be set.

/// Settings of a broker. The defaults suit a development machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Topics to create at the start, with their numbers of partitions.
    pub topics: Vec<(String, i32)>,
    /// Whether a metadata request for an unknown topic creates it.
    pub auto_create_topics: bool,
    /// Partitions of a topic that is created without a number.
    pub default_partitions: i32,
    /// Longest transaction timeout that a producer may ask for, in milliseconds.
    pub transaction_max_timeout_ms: i32,
    /// Time between the end of a transaction and its markers, in milliseconds. A real broker takes
    /// a moment too; with 0 the markers are in the logs before the answer is sent.
    pub marker_delay_ms: i64,
    /// Most bytes of records over all logs. A produce that would exceed it fails; nothing is
    /// dropped.
    pub log_bytes_max: u64,
    /// Largest record batch in bytes, for topics that do not set `max.message.bytes`.
    pub message_bytes_max: usize,
    /// Host and port that clients are told to connect to, when it is not the listen address.
    pub advertised: Option<(String, u16)>,
    /// Whether the server may listen on an address that other machines reach. There is no
    /// authentication.
    pub allow_remote: bool,
    /// Where topic and cluster ids come from; equal seeds give equal ids.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            auto_create_topics: false,
            default_partitions: 1,
            transaction_max_timeout_ms: 900_000,
            marker_delay_ms: 0,
            log_bytes_max: 2 * 1024 * 1024 * 1024,
            message_bytes_max: 1_048_588,
            advertised: None,
            allow_remote: false,
            seed: 0,
        }
    }
}
