//! Random steps of a client come to what the API server in memory makes of them, on which the operator is explored:
//! both are compared with one file.

use std::fs;

use tests::harness::tools::checkout;

use crate::rules::client;
use crate::steps;
use crate::world::World;

const GOLDEN: &str = "operator/tests/contract/golden.txt";
const KIND: &str = "operator/tests/contract/thing.yaml";

pub(crate) fn kept(world: &World) {
    let kind = checkout().join(KIND).display().to_string();
    world.tools.kubectl(&["apply", "-f", &kind]).unwrap();
    world.tools.kubectl(&["wait", "--for=condition=Established", "-f", &kind]).unwrap();
    let golden = fs::read_to_string(checkout().join(GOLDEN)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(async {
        let client = client(world).await.unwrap();
        steps::all(|| client.clone(), "default").await
    });
    world.tools.kubectl(&["delete", "-f", &kind]).unwrap();
    let difference = steps::difference(&golden, &found);
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}
