#!/usr/bin/env bash
# program.sh NAME [ARGUMENT…]   builds the project and runs one of its programs for developers (demo, bench).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
name=${1:?NAME}; shift
"$ROOT/tests/tools/install.sh" build
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$STREAMJOB_CACHE/target}
cd "$ROOT"
# The first build takes about 25 minutes on two cores; later ones take seconds.
[ -x "$CARGO_TARGET_DIR/debug/$name" ] || say "building; the first time takes a while"
cargo build --bin "$name" --bin streamjob-worker --bin streamjob-devbroker
exec "$CARGO_TARGET_DIR/debug/$name" "$@"
