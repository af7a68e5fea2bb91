//! A broker inside `run`, for development: only in builds with the feature `devbroker`, only when the spec names none.

use crds::StreamJob;
use protocol::acquire::Stop;

#[cfg(feature = "devbroker")]
mod broker {
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, SocketAddr};

    use crds::{OnBadRecord, StreamJob};
    use devbroker::{Options, Server};
    use protocol::acquire::Stop;
    use protocol::reason::Reason;

    /// Partitions of topics that the embedded broker creates, unless the job asks for more slots.
    const PARTITIONS: u32 = 4;

    /// Starts a broker with the topics of the spec and points the spec to it. The broker's content ends with the
    /// process, so the job gets an identity of its own: an older one's objects mean nothing to an empty broker.
    pub(super) fn start(object: &mut StreamJob) -> Result<Server, Stop> {
        let partitions = object.spec.parallelism.unwrap_or(0).max(PARTITIONS) as i32;
        let topics = topics(object).into_iter().map(|topic| (topic, partitions)).collect();
        let options = Options { topics, ..Options::default() };
        let server =
            Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), options).map_err(|e| {
                Stop::new(Reason::BrokerUnreachable, format!("the embedded broker: {e}"))
            })?;
        tracing::warn!(
            bootstrap = server.bootstrap(),
            "embedded broker started: for development, everything in it ends with this process"
        );
        object.spec.kafka.bootstrap_servers = Some(server.bootstrap());
        object.metadata.uid = Some(format!("local-{}", crate::nonce::draw()));
        Ok(server)
    }

    fn topics(object: &StreamJob) -> Vec<String> {
        let spec = &object.spec;
        let mut topics = BTreeMap::new();
        for source in &spec.sources {
            topics.insert(source.topic.to_string(), ());
            if let OnBadRecord::DeadLetter(letter) = &source.on_bad_record {
                topics.insert(letter.topic.to_string(), ());
            }
        }
        topics.extend(spec.sinks.iter().map(|sink| (sink.topic.to_string(), ())));
        topics.into_keys().collect()
    }
}

/// The embedded broker, while it is held.
#[derive(Default)]
pub(crate) struct Embedded {
    #[cfg(feature = "devbroker")]
    _server: Option<devbroker::Server>,
}

/// Starts a broker if the job names none and this build has one.
#[cfg(feature = "devbroker")]
pub(crate) fn start(object: &mut StreamJob) -> Result<Embedded, Stop> {
    if object.spec.kafka.bootstrap_servers.is_some() {
        return Ok(Embedded::default());
    }
    Ok(Embedded { _server: Some(broker::start(object)?) })
}

/// This build has no broker: a job that names none is refused by its own checks.
#[cfg(not(feature = "devbroker"))]
#[expect(clippy::unnecessary_wraps, reason = "one signature for both builds")]
pub(crate) fn start(_object: &mut StreamJob) -> Result<Embedded, Stop> {
    Ok(Embedded::default())
}
