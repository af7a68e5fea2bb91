//! A Secret changes under a running job.

use std::time::Duration;

use tests::generator::Pace;
use tests::harness::secured::{Mechanism, set_password, write_secrets};
use tests::harness::wait;

use crate::secured;
use crate::stage::{Broker, seed};

const END_MAX: Duration = Duration::from_mins(2);
/// Broker, store or machine are not as they should be.
const ENVIRONMENT: i32 = 22;

/// The password is changed while the job runs, and the broker lets nobody in by the old one: workers end with
/// a name for it, and go on by themselves once the Secret is changed too. No row is lost.
#[test]
fn a_password_that_changes_costs_no_row() {
    let (mut stage, authority) = secured::stage("rotation", Mechanism::ScramSha512);
    stage.plan();
    let mut crew = stage.generation(1, 2, true);
    let load = stage.load(stage.recipe(seed()), 30_000, Pace::PerSecond(10_000));
    stage.until_committed(10_000, || crew.tend().unwrap());
    let Broker::Real(kafka) = &mut stage.broker else { unreachable!("a real Kafka was asked for") };
    set_password(&kafka.bootstrap(), "another one").unwrap();
    // Whoever is connected stays so: the connections end with the broker.
    kafka.stop().unwrap();
    kafka.start_again().unwrap();
    let log = stage.scratch.path().join("worker-g1-0.log");
    wait::until_true("the old password is refused", END_MAX, || {
        crew.tend()?;
        wait::pause(Duration::from_millis(100));
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        Ok(said.contains("CredentialsRejected"))
    })
    .unwrap();
    write_secrets(&stage.secrets, &authority, "another one").unwrap();
    while !load.is_done() {
        crew.tend().unwrap();
        wait::pause(Duration::from_millis(50));
    }
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    crew.stop().unwrap();
    assert!(crew.ended().iter().any(|(_, code)| *code == ENVIRONMENT), "{:?}", crew.ended());
    eprintln!("rotation: {:?} ended by themselves: {verdict}", crew.ended());
}
