//! The contract, through the C client, against the development broker.

#![allow(unreachable_pub, clippy::unwrap_used)]

#[path = "../../../tests/src/broker_contract.rs"]
mod broker_contract;

use devbroker::{Options, Server};

fn transcript(options: Options) -> Vec<String> {
    let server = Server::start("127.0.0.1:0".parse().unwrap(), options).unwrap();
    let lines = broker_contract::transcript(&server.bootstrap(), "run").unwrap();
    server.shutdown();
    lines
}

#[test]
fn the_contract_holds() {
    let expected: Vec<_> = include_str!("contract.txt").lines().collect();
    let lines = transcript(Options::default());
    if let Some(path) = std::env::var_os("CONTRACT_OUT") {
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(line, expected);
    }
    assert_eq!(lines.len(), expected.len());
}

#[test]
fn the_contract_holds_when_markers_take_a_while() {
    let expected: Vec<_> = include_str!("contract.txt").lines().collect();
    assert_eq!(transcript(Options { marker_delay_ms: 20, ..Options::default() }), expected);
}
