//! The lines of the scripts that hold for any broker, asked over the wire: of the development broker
//! here, of a real Kafka in the tests of the whole project.

#[path = "batch.rs"]
pub(crate) mod batch;
#[path = "language.rs"]
pub(crate) mod language;
#[path = "socket.rs"]
mod socket;
#[path = "wire.rs"]
mod wire;

/// Scripts of which some lines hold for any broker.
pub(crate) const FOR_ANY_BROKER: &[(&str, &str)] = &[
    ("idempotence", include_str!("../scripts/idempotence.txt")),
    ("transactions", include_str!("../scripts/transactions.txt")),
    ("fencing", include_str!("../scripts/fencing.txt")),
    ("isolation", include_str!("../scripts/isolation.txt")),
    ("groups", include_str!("../scripts/groups.txt")),
    ("logs", include_str!("../scripts/logs.txt")),
    ("topics", include_str!("../scripts/topics.txt")),
    ("times", include_str!("../scripts/times.txt")),
];

/// Asks a broker and requires every answer.
pub(crate) fn require_answers(bootstrap: &str) {
    let failures: Vec<_> = FOR_ANY_BROKER
        .iter()
        .flat_map(|(name, text)| {
            let mut wire = wire::Wire::connect(bootstrap, name);
            language::run(&mut wire, name, text, language::Lines::ForAnyBroker)
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
