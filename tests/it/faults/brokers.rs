//! The broker goes away and comes back.

use std::time::Duration;

use tests::generator::Pace;
use tests::harness::wait;
use tests::oracle::Query;

use crate::stage::{Broker, Stage, seed};

fn check(name: &str, down: fn(&mut tests::harness::kafka::RealKafka)) {
    let mut stage = Stage::real(name, Query::bids_per_auction(false));
    stage.plan();
    let mut crew = stage.generation(1, 2, true);
    let load = stage.load(stage.recipe(seed()), 60_000, Pace::PerSecond(20_000));
    stage.until_committed(20_000, || crew.tend().unwrap());
    let Broker::Real(kafka) = &mut stage.broker else { unreachable!("a real Kafka was asked for") };
    down(kafka);
    kafka.start_again().unwrap();
    while !load.is_done() {
        crew.tend().unwrap();
        wait::pause(Duration::from_millis(50));
    }
    let verdict = stage.finish(load.written(), || crew.tend().unwrap());
    crew.stop().unwrap();
    eprintln!("{name}: {:?} ended by themselves: {verdict}", crew.ended());
}

#[test]
fn a_broker_that_restarts_costs_no_row() {
    check("broker-restart", |kafka| kafka.stop().unwrap());
}

#[test]
fn a_broker_that_is_killed_costs_no_row() {
    check("broker-kill", |kafka| kafka.kill().unwrap());
}
