#!/usr/bin/env bash
# Builds all programs and all tests. Always the whole workspace: a selection of packages would choose other
# features of shared dependencies and compile them a second time.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$STREAMJOB_CACHE/target}
export CARGO_NET_RETRY=${CARGO_NET_RETRY:-5}
cargo build --workspace --bins
"$ROOT/tests/tools/build-sabotaged.sh"
cargo test --workspace --no-run
