#!/usr/bin/env bash
# test.sh [PART…]   runs the tests, part by part, and prints what each took and found; the last line is
# "N passed, N failed". Fails when any part fails. Parts, in this order (default: all of them):
#   build   everything, tests too, in the one profile that there is
#   lint    formatting, clippy, scripts; warnings are errors when CI=true
#   unit    the tests of single crates that answer at once
#   crates  the other tests of single crates: with waits, with many cases, with a development broker
#   model   every order of steps and faults of ownership and commit, within bounds
#   sim     the slot loop in a simulated world, by fresh seeds
#   fuzz    what comes from outside, spoilt
#   it      against a real Kafka, a real object store and the development broker
#   chart   the Helm chart is well-formed and renders to what it should
#   e2e     in a real Kubernetes cluster (as root)
# The servers and the cluster's tools are fetched and built meanwhile, in the background.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT" || exit 1
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$STREAMJOB_CACHE/target} CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
# In memory where there is room: brokers and stores wait for the disk at the first row of every partition, and a disk that
# is busy with a build makes them wait for longer than their clients do.
room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1 || true)
if [ "${room:-0}" -gt 8000000 ]; then run_dir=/dev/shm; else run_dir=/tmp; fi
run_dir=$(mktemp -d "$run_dir/streamjob-test.XXXXXX")
export TMPDIR=$run_dir/tmp   # whatever a test starts has this name on its command line
mkdir "$TMPDIR"
start=$EPOCHREALTIME passed=0 failed=0 current='' background='' summary=() uses_cluster=0

cleanup() {
  local group pid
  trap '' INT TERM
  for group in $current $background; do kill -TERM -- "-$group" 2>/dev/null; done
  for pid in /proc/[0-9]*; do   # servers that a killed test left
    pid=${pid#/proc/}
    [ "$pid" = $$ ] || ! is_ours "$pid" "$TMPDIR" || kill -9 "$pid" 2>/dev/null
  done
  [ $uses_cluster = 0 ] || "$ROOT/tests/tools/cluster.sh" down
  rm -rf "$run_dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# count LOG: adds what cargo's test harness reported to `passed` and `failed`; prints the passed ones.
count() {
  local ok bad
  ok=$(sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$1" | paste -sd+ | bc_or_zero)
  bad=$(sed -n 's/^test result: .* \([0-9]*\) failed;.*/\1/p' "$1" | paste -sd+ | bc_or_zero)
  passed=$((passed + ok)) failed=$((failed + bad))
  part_failed=$bad part_passed=$ok
}
bc_or_zero() { local sum; read -r sum || true; echo $((${sum:-0})); }

# unfinished LOG: the tests that were told to run for long, and of which no end was told.
unfinished() {
  comm -23 <(sed -n 's/^test \(.*\) has been running for over .*/\1/p' "$1" | sort -u) \
    <(sed -n 's/^test \(.*\) \.\.\. .*/\1/p' "$1" | sort -u)
}

# part NAME LIMIT COMMAND…: runs it, at most LIMIT seconds, with its output shown.
part() {
  local name=$1 limit=$2 log=$run_dir/$1.log began=$EPOCHREALTIME status=0 word=ok; shift 2
  printf '\n=== %s\n' "$name"
  : >"$log"
  setsid timeout -k 30 "$limit" "$@" >>"$log" 2>&1 </dev/null & current=$!
  tail -n +1 -s 0.2 -f --pid="$current" "$log" & local shown=$!
  wait "$current" || status=$?
  wait "$shown"
  kill -TERM -- "-$current" 2>/dev/null   # what it left in its process group
  current=''
  count "$log"
  if [ $status != 0 ]; then
    word=FAILED
    if [ $status = 124 ]; then
      word="FAILED (not within $limit s)"
      say "not ended within $limit s: $(unfinished "$log" | paste -sd' ')"
    fi
    [ "$part_failed" -gt 0 ] || failed=$((failed + 1))
  elif [ "$part_passed" = 0 ]; then
    passed=$((passed + 1))   # a part without tests of its own is one check
  fi
  summary+=("$(printf '%-6s %7s s  %5d tests passed, %d failed  %s' "$name" \
    "$(seconds "$(millis_since "$began")")" "$part_passed" "$part_failed" "$word")")
  return $status
}

# What the wanted parts need, beside Rust. Prints to standard error only.
tools() {
  local wanted=" $* "
  case $wanted in
    *' it '* | *' e2e '*)
      "$ROOT/tests/tools/kafka.sh" ensure newest && "$ROOT/tests/tools/kafka.sh" ensure oldest &&
        "$ROOT/tests/tools/minio.sh" ensure && "$ROOT/tests/tools/go-tool.sh" ensure toxiproxy ||
        return 1 ;;
  esac
  case $wanted in *' chart '*) "$ROOT/tests/tools/promtool.sh" ensure || return 1 ;; esac
  case $wanted in *' e2e '* | *' chart '*) "$ROOT/tests/tools/cluster.sh" ensure ;; esac
}

all=(build lint unit crates model sim fuzz it chart e2e)
wanted=("${@:-}")
[ -n "${wanted[0]}" ] || wanted=("${all[@]}")
for name in "${wanted[@]}"; do
  [[ " ${all[*]} " == *" $name "* ]] || die "unknown part: $name (${all[*]})"
done
is_wanted() { [[ " ${wanted[*]} " == *" $1 "* ]]; }

groups=(build)
! is_wanted it || groups+=(kafka)
if is_wanted e2e || is_wanted chart; then groups+=(kafka cluster); fi
"$ROOT/tests/tools/install.sh" "${groups[@]}" || exit 1
export -f tools; export ROOT
tools_start=$EPOCHREALTIME
setsid nice -n 15 bash -c 'tools "$@"; status=$?; echo "$EPOCHREALTIME" >"$0"; exit $status' \
  "$run_dir/tools.end" "${wanted[@]}" >"$run_dir/tools.log" 2>&1 </dev/null &
background=$!
# wait_for_tools: they are a part of their own, most of it hidden behind the compiler
wait_for_tools() {
  local status=0 end
  [ -n "$background" ] || return "$tools_status"
  wait "$background" || status=$?
  background='' tools_status=$status
  cat "$run_dir/tools.log"
  end=$(cat "$run_dir/tools.end" 2>/dev/null || echo "$EPOCHREALTIME")
  if [ $status = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  summary+=("$(printf '%-6s %7s s  beside the others  %s' tools \
    "$(seconds $(((${end/[.,]/} - ${tools_start/[.,]/}) / 1000)))" \
    "$([ $status = 0 ] && echo ok || echo FAILED)")")
  return $status
}
tools_status=0
skipped() {
  failed=$((failed + 1))
  summary+=("$(printf '%-6s      not run: %s' "$1" "$2")")
}

# `unit` by itself builds no more than its tests, so that it answers at once when they are built.
needs_build() { is_wanted build || is_wanted crates || is_wanted model || is_wanted sim || is_wanted fuzz || is_wanted it || is_wanted e2e; }
built=1 unit_limit=5400
if needs_build; then
  unit_limit=300
  part build 5400 "$ROOT/tests/tools/cargo-build.sh" || built=0
fi
for name in unit crates model sim fuzz; do
  is_wanted "$name" || continue
  [ $built = 1 ] || { skipped "$name" "the build failed"; continue; }
  limit=900
  [ "$name" != unit ] || limit=$unit_limit
  part "$name" "$limit" "$ROOT/tests/tools/run-tests.sh" "$name"
done
! is_wanted lint || part lint 2400 "$ROOT/tests/tools/lint.sh"
for name in it chart e2e; do
  is_wanted "$name" || continue
  if [ "$name" = chart ]; then
    wait_for_tools || { skipped chart "its tools failed"; continue; }
    part chart 60 "$ROOT/tests/tools/chart.sh" check
    continue
  fi
  [ $built = 1 ] || { skipped "$name" "the build failed"; continue; }
  wait_for_tools || { skipped "$name" "its tools failed"; continue; }
  [ "$name" != e2e ] || uses_cluster=1
  skip=()
  [ "$name" != it ] || skip=(--skip soak::)   # waits for half a minute each: `make soak`
  part "$name" 1500 "$ROOT/tests/tools/run-tests.sh" "$name" "${skip[@]}"
done
wait_for_tools

printf '\n=== summary\n'
printf '%s\n' "${summary[@]}"
printf '%-6s %7s s\n' all "$(seconds "$(millis_since "$start")")"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
