//! The API server in memory against a real one: random steps of a client come to the same. What a real one answers is
//! in `tests/contract/golden.txt`; the end-to-end tests hold that it still does. `STREAMJOB_APISERVER`, a kubeconfig,
//! writes the file anew from what its server answers in the namespace `default`.

use std::fs;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::api::{self, Shared};
use crate::steps;

const GOLDEN: &str = "tests/contract/golden.txt";

async fn real(kubeconfig: &str) -> Client {
    let file = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(file, &options).await;
    Client::try_from(config.expect("a usable kubeconfig")).expect("a client")
}

#[tokio::test]
async fn random_steps_come_to_what_a_real_api_server_makes_of_them() {
    if let Ok(kubeconfig) = std::env::var("STREAMJOB_APISERVER") {
        let client = real(&kubeconfig).await;
        let found = steps::all(|| client.clone(), "default").await;
        fs::write(GOLDEN, found).expect("the file is written");
    }
    let golden = fs::read_to_string(GOLDEN).expect("what a real server answers");
    let found = steps::all(|| api::client(&Shared::default()), "default").await;
    if let Some(difference) = steps::difference(&golden, &found) {
        panic!("{difference}");
    }
}
