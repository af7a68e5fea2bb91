//! TLS and passwords towards a real Kafka: the job runs, and what is wrong has a name.

use std::time::Duration;

use tests::generator::Pace;
use tests::harness::process::Process;
use tests::harness::secured::{Authority, Mechanism, PASSWORD, SecuredKafka, write_secrets};
use tests::harness::worker::{Role, Worker};
use tests::oracle::Query;

use crate::stage::{Broker, Stage, seed};

const END_MAX: Duration = Duration::from_mins(2);
/// Broker, store or machine are not as they should be.
const ENVIRONMENT: i32 = 22;

/// A job whose only way to the broker is encrypted and needs the password.
pub(crate) fn stage(name: &str, mechanism: Mechanism) -> (Stage, Authority) {
    let mut rest = None;
    let mut stage = Stage::real_with(name, Query::bids_per_auction(false), |folder| {
        let secured = SecuredKafka::start(folder, mechanism).unwrap();
        rest = Some((secured.spec(), secured.authority));
        (secured.kafka.bootstrap(), Broker::Real(secured.kafka))
    });
    let (spec, authority) = rest.expect("the broker was started");
    stage.job.kafka = Some(spec);
    stage.write_job();
    write_secrets(&stage.secrets, &authority, PASSWORD).unwrap();
    (stage, authority)
}

/// No log may hold the password.
fn require_silence(process: &Process) {
    assert!(!process.output().contains(PASSWORD), "the password is in {}", process.log().display());
}

fn check(name: &str, mechanism: Mechanism) {
    let (stage, _) = stage(name, mechanism);
    stage.plan();
    let mut crew = stage.generation(1, 2, true);
    let load = stage.load(stage.recipe(seed()), 20_000, Pace::FlatOut);
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    for index in 0..crew.len() {
        require_silence(crew.worker(index).unwrap().process());
    }
    crew.stop().unwrap();
    assert!(crew.ended().is_empty(), "{:?}", crew.ended());
    eprintln!("{name}: {verdict}");
}

#[test]
fn a_job_runs_over_tls_with_a_plain_password() {
    check("tls-plain", Mechanism::Plain);
}

#[test]
fn a_job_runs_over_tls_with_a_salted_password() {
    check("tls-scram", Mechanism::ScramSha512);
}

/// The planner and a worker are refused by name, with a text that tells what is wrong.
fn refused(stage: &Stage, text: &str) {
    let log = stage.scratch.path().join("planner.log");
    let refusal = tests::harness::worker::plan(&stage.job_path, &stage.secrets, &log).unwrap_err();
    let refusal = format!("{refusal:#}");
    assert!(refusal.contains("CredentialsRejected"), "{refusal}");
    assert!(refusal.contains(text), "{refusal}");

    let role = Role::only(1);
    let mut worker = Worker::start(&stage.setup("refused", role)).unwrap();
    let ended = worker.process().wait(END_MAX).unwrap();
    assert_eq!(ended.code(), Some(ENVIRONMENT), "it may pass, when a Secret is corrected");
    let output = worker.process().output();
    assert!(output.contains("CredentialsRejected"), "{output}");
    assert!(output.contains(text), "{output}");
    require_silence(worker.process());
}

#[test]
fn a_wrong_password_and_an_unknown_authority_are_told_by_name() {
    let (stage, authority) = stage("refusals", Mechanism::Plain);
    stage.plan();
    write_secrets(&stage.secrets, &authority, "wrong").unwrap();
    refused(&stage, "Authentication failed");

    let stranger = Authority::new(&stage.scratch.folder("stranger").unwrap()).unwrap();
    write_secrets(&stage.secrets, &stranger, PASSWORD).unwrap();
    refused(&stage, "certificate verify failed");

    // Corrected, it runs.
    write_secrets(&stage.secrets, &authority, PASSWORD).unwrap();
    stage.plan();
}
