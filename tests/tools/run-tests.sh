#!/usr/bin/env bash
# run-tests.sh unit|it|e2e [ARGUMENT…]   builds and runs the tests of one part; ARGUMENTs go to each test
# program. `it` and `e2e` are the targets of that name of the crate streamjob-tests, `unit` is all others.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$STREAMJOB_CACHE/target}
part=${1:?unit, it or e2e}; shift
[ "$part" = unit ] || cargo build --quiet --workspace --bins

# folder of the package, program
programs=$(cargo test --quiet --workspace --no-run --message-format=json | jq -r --arg part "$part" \
  --arg tests "$ROOT/tests/Cargo.toml" '
  select(.reason == "compiler-artifact" and .profile.test and .executable)
  | (.manifest_path == $tests and .target.kind == ["test"]) as $own
  | select(if $part == "unit" then $own | not else $own and .target.name == $part end)
  | [(.manifest_path | rtrimstr("/Cargo.toml")), .executable] | @tsv')
[ -n "$programs" ] || die "there are no tests: $part"
status=0
while IFS=$'\t' read -r folder program; do
  name=${program##*/}
  say "--- ${folder#"$ROOT/"}: ${name%-*}"
  (cd "$folder" && CARGO_MANIFEST_DIR=$folder "$program" "$@") </dev/null || status=1
done <<<"$programs"
exit $status
