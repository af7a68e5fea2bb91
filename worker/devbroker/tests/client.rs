//! The contract, through the C client, against the development broker. `contract.txt` is what a
//! real Kafka answered; the tests of the whole project hold it to one.

#![allow(unreachable_pub, clippy::unwrap_used)]

#[path = "../../../tests/src/broker_contract.rs"]
mod broker_contract;

use devbroker::{Options, Server};

const RECORDED: &str = "tests/contract.txt";

fn check(options: Options) {
    let server = Server::start("127.0.0.1:0".parse().unwrap(), options).unwrap();
    let lines = broker_contract::transcript(&server.bootstrap(), "run").unwrap();
    server.shutdown();
    let recorded = std::fs::read_to_string(RECORDED).unwrap();
    let expected: Vec<_> = recorded.lines().collect();
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(line, expected, "all lines:\n{}", lines.join("\n"));
    }
    assert_eq!(lines.len(), expected.len());
}

#[test]
fn the_contract_holds() {
    check(Options::default());
}

#[test]
fn the_contract_holds_when_markers_take_a_while() {
    check(Options { marker_delay_ms: 20, ..Options::default() });
}
