#!/usr/bin/env bash
# soak.sh [PART…]   runs for long what `make test` draws a part of, and prints one table of what was survived. Parts, in
# this order (default: all of them, some hours on two cores; each can run by itself, the table keeps what ran before
# at the same sources):
#   fuzz    what comes from outside, spoilt: a minute for each reader
#   model   every order of steps and faults of ownership and commit, within the large bounds
#   faults  a kill at every step of the protocol, and every other fault of a real job, for long
#   kills   200 random kills over 50,000,000 rows
#   sim     20,000 seeds of the simulated slots
#   mutants only when asked for: every small change of the protocol's decisions, which its tests or the model must notice
#   table   no run, only the table
# STREAMJOB_SIM_SEEDS, STREAMJOB_KILLS, STREAMJOB_RECORDS, STREAMJOB_FUZZ_SECONDS and STREAMJOB_STORE_OUTAGE make it shorter
# or longer. The figures are kept as lines of JSON in target/soak/.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT" || exit 1
all=(fuzz model faults kills sim)
wanted=("${@:-}")
[ -n "${wanted[0]}" ] || wanted=("${all[@]}")
for name in "${wanted[@]}"; do
  [[ " ${all[*]} mutants " == *" $name "* ]] || [ "${wanted[*]}" = table ] || die "unknown part: $name (${all[*]} mutants, or table alone)"
done
# Figures of other sources are not these: a commit, and what was changed since.
sources=$(git rev-parse --short HEAD 2>/dev/null || echo none)$(git diff HEAD 2>/dev/null | sha256sum | cut -c1-8)
folder=$ROOT/target/soak/$sources
mkdir -p "$folder"

# histories SCENARIO LOG PATTERN: a line of figures with the number that the pattern finds.
histories() {
  jq --null-input --compact-output --arg scenario "$1" --arg histories "$(sed -n "$3" "$2" | tail -n 1)" '
    {$scenario, faults: 0, kills: 0, histories: ($histories | tonumber), records: 0, lost: 0, doubled: 0,
     recoveries_ms: []}' >>"$STREAMJOB_FIGURES"
}

part() {
  case $1 in
    fuzz) STREAMJOB_FUZZ_SECONDS=${STREAMJOB_FUZZ_SECONDS:-60} tests/tools/run-tests.sh fuzz --nocapture ;;
    model) # the model and the mutants know nothing of the other tests: their figures are what they print
      STREAMJOB_MODEL=full tests/tools/run-tests.sh model 2>&1 | tee "$folder/model.log" &&
        histories "states of the model" "$folder/model.log" 's/^model: \([0-9]*\) states.*/\1/p' ;;
    mutants)
      tests/tools/mutants.sh | tee "$folder/mutants.log" &&
        histories "changes of the protocol, noticed" "$folder/mutants.log" 's/^\([0-9]*\) of [0-9]* caught.*/\1/p' ;;
    faults)
      STREAMJOB_CELLS=1000 STREAMJOB_KILLS=${STREAMJOB_KILLS:-60} STREAMJOB_RECORDS=${STREAMJOB_RECORDS:-5000000} \
        STREAMJOB_STORE_OUTAGE=${STREAMJOB_STORE_OUTAGE:-180} \
        tests/tools/run-tests.sh it faults:: soak:: --skip claimed_windows_survive_kills --test-threads=2 ;;
    kills)
      STREAMJOB_KILLS=${STREAMJOB_KILLS:-200} STREAMJOB_RECORDS=${STREAMJOB_RECORDS:-50000000} \
        tests/tools/run-tests.sh it claimed_windows_survive_kills --nocapture ;;
    sim) STREAMJOB_SIM_SEEDS=${STREAMJOB_SIM_SEEDS:-20000} tests/tools/run-tests.sh sim --nocapture ;;
  esac
}

# What was survived, a line for each scenario, and all of it.
table() {
  cat "$folder"/*.jsonl 2>/dev/null | jq --slurp --raw-output '
    def percentile(p): sort | if length == 0 then "" else .[((length - 1) * p | round)] end;
    def total(name): {scenario: name, faults: (map(.faults) | add), kills: (map(.kills) | add),
      histories: (map(.histories) | add), records: (map(.records) | add), lost: (map(.lost) | add),
      doubled: (map(.doubled) | add), recoveries_ms: (map(.recoveries_ms) | add)};
    if length == 0 then "nothing ran yet" else
    (["scenario", "faults", "kills", "histories", "rows", "lost", "doubled", "recovery p50 ms", "p99 ms"],
     ((sort_by(.scenario) | group_by(.scenario) | map(.[0].scenario as $name | total($name))) as $rows |
      ($rows + [$rows | total("all")])[] |
      [.scenario, .faults, .kills, .histories, .records, .lost, .doubled,
       (.recoveries_ms | percentile(0.5)), (.recoveries_ms | percentile(0.99))])) | @tsv end' |
    awk -F '\t' '{printf "%-44s %8s %6s %12s %12s %5s %8s %16s %8s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9}'
}

[ "${wanted[*]}" != table ] || { table; exit; }
"$ROOT/tests/tools/install.sh" build kafka >&2 || exit 1
failed=0 began=$EPOCHREALTIME
for name in "${wanted[@]}"; do
  since=$EPOCHREALTIME
  say "=== $name"
  rm -f "$folder/$name.jsonl"
  case $name in faults | kills) tests/tools/kafka.sh ensure newest >/dev/null && tests/tools/minio.sh ensure >/dev/null ;; esac
  if STREAMJOB_FIGURES=$folder/$name.jsonl part "$name"; then word=held; else word=FAILED failed=1; fi
  say "=== $name: $word, $(seconds "$(millis_since "$since")") s"
done
echo
table
echo
[ $failed = 0 ] && echo "held; $(seconds "$(millis_since "$began")") s in this run" || echo "FAILED: see above"
exit $failed
