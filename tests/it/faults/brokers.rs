//! The broker goes away and comes back.

use std::time::Duration;

use tests::generator::Pace;
use tests::harness::kafka::RealKafka;
use tests::harness::wait;
use tests::oracle::Query;

use crate::stage::{Broker, Stage, seed};

fn check(name: &str, mut stage: Stage, down: fn(&mut RealKafka)) {
    stage.plan();
    let mut crew = stage.generation(1, 2, true);
    let load = stage.load(stage.recipe(seed()), 60_000, Pace::PerSecond(20_000));
    stage.until_committed(20_000, || crew.tend().unwrap());
    let kafka = match &mut stage.broker {
        Broker::Real(kafka) | Broker::Pair([_, kafka]) => kafka,
        Broker::Development { .. } | Broker::Shared => unreachable!("a real Kafka was asked for"),
    };
    down(kafka);
    kafka.start_again().unwrap();
    while !load.is_done() {
        crew.tend().unwrap();
        wait::pause(Duration::from_millis(50));
    }
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    crew.stop().unwrap();
    eprintln!("{name}: {:?} ended by themselves: {verdict}", crew.ended());
}

#[test]
fn a_broker_that_restarts_costs_no_row() {
    let stage = Stage::real("broker-restart", Query::bids_per_auction(false));
    check("broker-restart", stage, |kafka| kafka.stop().unwrap());
}

/// One of two brokers, and everything is held twice: a Kafka that loses the only replica of a partition while its
/// transaction coordinator lives on forgets the markers of open transactions (docs/decisions/0003), and then no
/// reader can tell aborted rows from committed ones.
#[test]
fn a_broker_that_is_killed_costs_no_row() {
    let stage = Stage::replicated("broker-kill", Query::bids_per_auction(false));
    check("broker-kill", stage, |kafka| kafka.kill().unwrap());
}
