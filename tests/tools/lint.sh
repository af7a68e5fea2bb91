#!/usr/bin/env bash
# Formatting, clippy, the syntax of scripts. Warnings are errors when CI=true.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT" || exit 1
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$STREAMJOB_CACHE/target}
status=0
lint() { say "--- $*"; "$@" || status=1; }

lint cargo fmt --all --check
strict=()
[ "${CI:-}" != true ] || strict=(-- -D warnings)
lint cargo clippy --quiet --workspace --all-targets "${strict[@]}"

# the worker with deliberate faults, which the workspace passes over
lint cargo clippy --quiet --workspace --bin streamjob-worker-sabotaged \
  --features streamjob-worker/sabotage "${strict[@]}"

parse_python() { python3 -c 'import ast, sys; [ast.parse(open(p).read(), p) for p in sys.argv[1:]]' "$@"; }
mapfile -t shell < <(find tests -name '*.sh')
lint bash -n "${shell[@]}"
if command -v shellcheck >/dev/null; then lint shellcheck -x -S warning -P tests/tools "${shell[@]}"; fi
mapfile -t python < <(find tests -name '*.py')
lint parse_python "${python[@]}"
lint tests/bench/peer.sh check
exit $status
