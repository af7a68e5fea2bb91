# shellcheck shell=bash
# Sourced by the scripts of tests/: where things are, and a few verbs. Standard output belongs to the
# caller (scripts print paths on it), so everything said here goes to standard error.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
STREAMJOB_CACHE=${STREAMJOB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamjob}
export STREAMJOB_CACHE
# where the installers of Rust and Go put them, for shells that nobody told
PATH=$PATH:$HOME/.cargo/bin:/usr/local/go/bin
. "$ROOT/tests/tools/versions.env"

say() { printf '%s\n' "$*" >&2; }

die() { say "error: $*"; exit 1; }

# Milliseconds since T, a value of $EPOCHREALTIME.
millis_since() { echo $(((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}) / 1000)); }

# seconds MILLIS: as a decimal number with one digit.
seconds() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# locked NAME COMMAND…: one at a time for all users of this cache folder.
locked() {
  local name=$1 status=0; shift
  mkdir -p "$STREAMJOB_CACHE/locks"
  exec {lock_fd}>"$STREAMJOB_CACHE/locks/$name"
  flock -n "$lock_fd" || { say "waiting for another process to finish: $name"; flock -w 3600 "$lock_fd"; } ||
    die "another process has held $STREAMJOB_CACHE/locks/$name for an hour: end it and try again"
  "$@" || status=$?
  exec {lock_fd}>&-
  return $status
}

# quietly LABEL LOG COMMAND…: runs it with its output in LOG, says every 20 seconds that it still runs,
# and shows the end of LOG when it fails.
quietly() {
  local label=$1 log=$2 start=$EPOCHREALTIME status=0 ticker; shift 2
  mkdir -p "$(dirname "$log")"
  say "$label …"
  (trap 'kill $! 2>/dev/null; exit 0' TERM
    while sleep 20 & wait $!; do
      say "$label: $(($(millis_since "$start") / 1000)) s, $(tail -n 1 "$log" | cut -c1-70)"
    done) &
  ticker=$!
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$ticker" 2>/dev/null; wait "$ticker" 2>/dev/null || true
  [ $status = 0 ] || { tail -n 40 "$log" >&2; say "$label: failed ($status), whole log: $log"; return $status; }
  say "$label: done in $(seconds "$(millis_since "$start")") s"
}

# thrice COMMAND…: for what may fail because of the network. Each try goes on where the last one stopped.
thrice() {
  "$@" && return 0
  echo "again: $*"; sleep 5
  "$@" && return 0
  echo "again: $*"; sleep 20
  "$@"
}

# is_ours PID TEXT: the process runs and its command line holds TEXT.
is_ours() {
  [ -n "$1" ] && [ -r "/proc/$1/cmdline" ] &&
    [[ $(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null) == *"$2"* ]]
}

# stop_pid_file FILE TEXT: ends the process whose id is in FILE if its command line still holds TEXT.
# Asks first, and after 10 seconds does not ask. Returns when it is gone.
stop_pid_file() {
  local pid i
  [ -s "$1" ] || return 0
  pid=$(cat "$1")
  if is_ours "$pid" "$2"; then
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do is_ours "$pid" "$2" || break; sleep 0.1; done
    while is_ours "$pid" "$2"; do kill -9 "$pid" 2>/dev/null || true; sleep 0.1; done
  fi
  rm -f "$1"
}

# wait_until SECONDS WHAT COMMAND…: polls; when time is up says what was awaited and fails.
wait_until() {
  local limit=$1 what=$2 start=$EPOCHREALTIME; shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$(millis_since "$start")" -lt $((limit * 1000)) ] || { say "not within $limit s: $what"; return 1; }
    sleep 0.05
  done
}
