//! The broker by scripts: each line of `scripts/*.txt` is a request and, after `=>`, its answer.
//!
//! `a = init tx` names a producer; a later `b = init tx` is another owner of the same transactional
//! id. A line that begins with `!` is about the model alone; all others hold for any broker, and
//! are asked over the wire too.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "script/any_broker.rs"]
mod any_broker;
#[path = "script/committed_view.rs"]
mod committed_view;
#[path = "script/model.rs"]
mod model;
#[path = "../../../tests/random.rs"]
#[allow(dead_code, reason = "shared with tests that draw more")]
mod random;

use any_broker::{FOR_ANY_BROKER, language};
use devbroker::{Options, Server};

/// Scripts that need a clock or options.
const FOR_THE_MODEL: &[(&str, &str)] = &[
    ("timeouts", include_str!("scripts/timeouts.txt")),
    ("markers", include_str!("scripts/markers.txt")),
    ("bounds", include_str!("scripts/bounds.txt")),
];

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
    any_broker::require_answers(&server.bootstrap());
    server.shutdown();
}
