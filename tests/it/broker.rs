//! The development broker answers like a real Kafka, newest and oldest: same operations, same transcript; and what its
//! own tests are held to, a real Kafka has answered.

#[path = "../../worker/devbroker/tests/script/any_broker.rs"]
#[allow(dead_code, reason = "what is about the model alone is used by the broker's own tests")]
mod any_broker;

use std::fs;
use std::sync::LazyLock;

use tests::broker_contract::transcript;
use tests::harness::broker::Devbroker;
use tests::harness::kafka::{RealKafka, Version};
use tests::harness::{Scratch, tools};

/// What a real Kafka answered, for the tests that do without one.
const RECORDED: &str = "worker/devbroker/tests/contract.txt";

static DEVELOPMENT: LazyLock<Vec<String>> = LazyLock::new(|| {
    let scratch = Scratch::new("contract-dev").unwrap();
    let broker = Devbroker::start(&scratch).unwrap();
    transcript(broker.bootstrap(), "dev").unwrap()
});

fn check(version: Version) {
    let scratch = Scratch::new("contract-real").unwrap();
    let kafka = RealKafka::start(&scratch.folder("kafka").unwrap(), version, &[]).unwrap();
    any_broker::require_answers(&kafka.bootstrap());
    let real = transcript(&kafka.bootstrap(), "real").unwrap();
    require_recorded(&real);
    let mut section = "";
    for (line, (expected, found)) in real.iter().zip(&*DEVELOPMENT).enumerate() {
        if expected.starts_with('#') {
            section = expected;
        }
        assert_eq!(expected, found, "{section}, line {line}: left is {version:?} Kafka");
    }
    assert_eq!(real.len(), DEVELOPMENT.len());
    assert!(real.len() > 50, "{}", real.len());
}

/// `STREAMJOB_RECORD=1` writes the recorded answers anew.
fn require_recorded(real: &[String]) {
    let path = tools::checkout().join(RECORDED);
    let real = real.join("\n") + "\n";
    if std::env::var_os("STREAMJOB_RECORD").is_some() {
        fs::write(&path, &real).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), real, "{RECORDED} is not what Kafka answers");
}

#[test]
fn the_development_broker_answers_like_the_newest_kafka() {
    check(Version::Newest);
}

#[test]
fn the_development_broker_answers_like_the_oldest_supported_kafka() {
    check(Version::Oldest);
}
