//! The command line.

use std::net::SocketAddr;

use clap::Parser;

use crate::options::Options;

/// A Kafka broker for development and tests. It keeps everything in memory and forgets it at its
/// end.
#[derive(Debug, Clone, Parser)]
#[command(name = "streamjob-devbroker", version)]
pub struct Args {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:9092")]
    pub listen: SocketAddr,

    /// A topic to create at the start (repeatable)
    #[arg(long = "topic", value_name = "NAME:PARTITIONS", value_parser = parse_topic)]
    pub topics: Vec<(String, i32)>,

    /// Host and port that clients are told to connect to, when it is not the listen address
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_advertised)]
    pub advertise: Option<(String, u16)>,

    /// Listen on an address that other machines reach; there is no authentication
    #[arg(long)]
    pub allow_remote: bool,

    /// Create a topic when a client asks for one that does not exist
    #[arg(long)]
    pub auto_create_topics: bool,

    /// Longest transaction timeout that a producer may ask for, in milliseconds
    #[arg(long, default_value_t = Options::default().transaction_max_timeout_ms)]
    pub transaction_max_timeout_ms: i32,

    /// Time between the end of a transaction and its markers, in milliseconds
    #[arg(long, default_value_t = 0)]
    pub marker_delay_ms: i64,

    /// Largest record batch in bytes, for topics that do not set max.message.bytes
    #[arg(long, default_value_t = Options::default().message_bytes_max)]
    pub message_bytes_max: usize,

    /// Most bytes of records in memory; writing more fails
    #[arg(long, default_value_t = Options::default().log_bytes_max)]
    pub log_bytes_max: u64,
}

impl Args {
    /// The options that the arguments say.
    pub fn options(&self) -> Options {
        Options {
            topics: self.topics.clone(),
            auto_create_topics: self.auto_create_topics,
            transaction_max_timeout_ms: self.transaction_max_timeout_ms,
            marker_delay_ms: self.marker_delay_ms,
            message_bytes_max: self.message_bytes_max,
            log_bytes_max: self.log_bytes_max,
            advertised: self.advertise.clone(),
            allow_remote: self.allow_remote,
            ..Options::default()
        }
    }
}

fn parse_topic(text: &str) -> Result<(String, i32), String> {
    let (name, partitions) = text.split_once(':').unwrap_or((text, "1"));
    let partitions = partitions.parse().map_err(|_| format!("{partitions:?} is not a number"))?;
    Ok((name.to_owned(), partitions))
}

fn parse_advertised(text: &str) -> Result<(String, u16), String> {
    let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT")?;
    let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Args;

    #[test]
    fn arguments_become_options() {
        Args::command().debug_assert();
        let line = "x --listen 127.0.0.1:0 --topic a:4 --topic b --advertise h:7 --log-bytes-max 9";
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        let options = args.options();
        assert_eq!(options.topics, [("a".to_owned(), 4), ("b".to_owned(), 1)]);
        assert_eq!(options.advertised, Some(("h".to_owned(), 7)));
        assert_eq!(options.log_bytes_max, 9);
        assert!(!options.allow_remote);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for line in ["x --listen nowhere", "x --topic a:b", "x --advertise h", "x --advertise h:p"]
        {
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
