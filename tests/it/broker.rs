//! The development broker answers like a real Kafka, newest and oldest: same operations, same transcript.

use std::sync::LazyLock;

use tests::broker_contract::transcript;
use tests::harness::Scratch;
use tests::harness::broker::Devbroker;
use tests::harness::kafka::{RealKafka, Version};

static DEVELOPMENT: LazyLock<Vec<String>> = LazyLock::new(|| {
    let scratch = Scratch::new("contract-dev").unwrap();
    let broker = Devbroker::start(&scratch).unwrap();
    transcript(broker.bootstrap(), "dev").unwrap()
});

fn check(version: Version) {
    let _alone = crate::stage::alone();
    let scratch = Scratch::new("contract-real").unwrap();
    let kafka = RealKafka::start(&scratch.folder("kafka").unwrap(), version, &[]).unwrap();
    let real = transcript(&kafka.bootstrap(), "real").unwrap();
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

#[test]
fn the_development_broker_answers_like_the_newest_kafka() {
    check(Version::Newest);
}

#[test]
fn the_development_broker_answers_like_the_oldest_supported_kafka() {
    check(Version::Oldest);
}
