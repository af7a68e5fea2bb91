#!/usr/bin/env bash
# run-tests.sh unit|crates|model|sim|fuzz|it|e2e [ARGUMENT…]   builds and runs the tests of one part; ARGUMENTs go to each
# test program. `model`, `sim`, `fuzz`, `it` and `e2e` are the targets of that name of the crate streamjob-tests. `unit` is what
# answers at once: the tests inside the sources of all crates, and the test programs of those that neither wait nor try
# out many cases. `crates` is the other test programs of single crates.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$STREAMJOB_CACHE/target}
part=${1:?unit, crates, model, sim, fuzz, it or e2e}; shift
case $part in
  unit | crates | model | sim | fuzz) ;;
  *) cargo build --quiet --workspace --bins && tests/tools/build-sabotaged.sh --quiet ;;
esac

# folder of the package, program
programs=$(cargo test --workspace --no-run --message-format=json | jq -r --arg part "$part" --arg root "$ROOT/" '
  select(.reason == "compiler-artifact" and .profile.test and .executable)
  | (.manifest_path | ltrimstr($root) | rtrimstr("/Cargo.toml")) as $folder
  | (if $folder == "tests" and .target.kind == ["test"] then .target.name
     elif .target.kind != ["test"] or ($folder | IN("crds", "worker/sql", "worker/formats")) then "unit"
     else "crates" end) as $of
  | select($of == $part) | [$root + $folder, .executable] | @tsv')
[ -n "$programs" ] || die "there are no tests: $part"
status=0
while IFS=$'\t' read -r folder program; do
  name=${program##*/} began=$EPOCHREALTIME
  say "--- ${folder#"$ROOT/"}: ${name%-*}"
  (cd "$folder" && CARGO_MANIFEST_DIR=$folder "$program" "$@") </dev/null || status=1
  say "--- ${folder#"$ROOT/"}: ${name%-*}: $(seconds "$(millis_since "$began")") s"
done <<<"$programs"
exit $status
