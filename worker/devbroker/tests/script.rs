//! The broker by scripts: each line of `scripts/*.txt` is a request and, after `=>`, its answer.
//!
//! `a = init tx` names a producer; a later `b = init tx` is another owner of the same transactional
//! id. A line that begins with `!` is about the model alone; all others hold for any broker, and
//! are asked over the wire too.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "script/batch.rs"]
mod batch;
#[path = "script/committed_view.rs"]
mod committed_view;
#[path = "script/language.rs"]
mod language;
#[path = "script/model.rs"]
mod model;
#[path = "script/socket.rs"]
mod socket;
#[path = "script/wire.rs"]
mod wire;

use devbroker::{Options, Server};

/// Scripts of which some lines hold for any broker.
const FOR_ANY_BROKER: &[(&str, &str)] = &[
    ("idempotence", include_str!("scripts/idempotence.txt")),
    ("transactions", include_str!("scripts/transactions.txt")),
    ("fencing", include_str!("scripts/fencing.txt")),
    ("isolation", include_str!("scripts/isolation.txt")),
    ("groups", include_str!("scripts/groups.txt")),
    ("logs", include_str!("scripts/logs.txt")),
    ("topics", include_str!("scripts/topics.txt")),
    ("times", include_str!("scripts/times.txt")),
];

/// Scripts that need a clock or options.
const FOR_THE_MODEL: &[(&str, &str)] = &[
    ("timeouts", include_str!("scripts/timeouts.txt")),
    ("markers", include_str!("scripts/markers.txt")),
    ("bounds", include_str!("scripts/bounds.txt")),
];

fn over_the_wire(bootstrap: &str) {
    let failures: Vec<_> = FOR_ANY_BROKER
        .iter()
        .flat_map(|(name, text)| {
            let mut wire = wire::Wire::connect(bootstrap, name);
            language::run(&mut wire, name, text, language::Lines::ForAnyBroker)
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_model_answers_as_the_scripts_say() {
    let scripts = FOR_ANY_BROKER.iter().chain(FOR_THE_MODEL);
    let failures: Vec<_> = scripts
        .flat_map(|(name, text)| {
            language::run(&mut model::Model::new(), name, text, language::Lines::All)
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn committed_readers_see_what_is_committed() {
    committed_view::check_random_histories();
}

#[test]
fn the_server_answers_as_the_scripts_say() {
    let server = Server::start("127.0.0.1:0".parse().unwrap(), Options::default()).unwrap();
    over_the_wire(&server.bootstrap());
    server.shutdown();
}

#[test]
#[ignore = "needs a real Kafka: CONTRACT_BOOTSTRAP"]
fn a_real_kafka_answers_as_the_scripts_say() {
    over_the_wire(&std::env::var("CONTRACT_BOOTSTRAP").unwrap());
}
