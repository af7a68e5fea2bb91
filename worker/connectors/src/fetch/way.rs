//! Which way the logs are read, decided from the Kafka settings alone.

use std::collections::BTreeMap;

/// Settings that concern only what the C client does besides reading.
const NOT_ABOUT_READING: &[&str] = &[
    "batch.num.messages",
    "batch.size",
    "compression.codec",
    "compression.level",
    "compression.type",
    "linger.ms",
    "message.send.max.retries",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "retries",
    "statistics.interval.ms",
    "topic.metadata.refresh.interval.ms",
];

/// Who reads the logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// We do.
    Own,
    /// The C client does, because of a setting that only it understands.
    Client { because_of: String },
}

/// Decides by the brokers and the properties of a job. What is not known here is never ignored.
pub(crate) fn decide(bootstrap: &str, properties: &BTreeMap<String, String>) -> Way {
    let plain = |server: &str| {
        let scheme = server.trim().split_once("://");
        scheme.is_none_or(|(scheme, _)| scheme.eq_ignore_ascii_case("plaintext"))
    };
    if !bootstrap.split(',').all(plain) {
        return Way::Client { because_of: "bootstrap.servers".to_owned() };
    }
    let own = |(key, value): (&String, &String)| match key.as_str() {
        "security.protocol" => value.eq_ignore_ascii_case("plaintext"),
        key => NOT_ABOUT_READING.contains(&key),
    };
    match properties.iter().find(|property| !own(*property)) {
        None => Way::Own,
        Some((key, _)) => Way::Client { because_of: key.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(properties: &[(&str, &str)]) -> Way {
        let owned = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        decide("a:1,PLAINTEXT://b:2", &owned.collect())
    }

    #[test]
    fn a_scheme_that_is_not_plain_is_not_ours() {
        let expected = Way::Client { because_of: "bootstrap.servers".to_owned() };
        assert_eq!(decide("a:1, SASL_SSL://b:2", &BTreeMap::new()), expected);
    }

    #[test]
    fn plain_connections_are_ours() {
        assert_eq!(decided(&[]), Way::Own);
        let plain = ("security.protocol", "PLAINTEXT");
        assert_eq!(decided(&[plain, ("linger.ms", "1")]), Way::Own);
    }

    #[test]
    fn what_only_the_c_client_understands_is_left_to_it() {
        let table = [
            ("security.protocol", "SASL_SSL"),
            ("security.protocol", "ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("ssl.ca.location", "ca.crt"),
            ("fetch.min.bytes", "9"),
            ("a.property.to.come", ""),
        ];
        for (key, value) in table {
            let expected = Way::Client { because_of: key.to_owned() };
            assert_eq!(decided(&[("batch.size", "1"), (key, value)]), expected, "{key}={value}");
        }
    }
}
