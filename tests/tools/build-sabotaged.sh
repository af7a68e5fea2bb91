#!/usr/bin/env bash
# build-sabotaged.sh [ARGUMENT…]   builds the worker with deliberate faults (docs/decisions/0004) beside the one that
# ships. Over the whole workspace, so that every outside crate is the one that is built already.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$STREAMJOB_CACHE/target}
cargo build "$@" --workspace --bin streamjob-worker-sabotaged --features streamjob-worker/sabotage
