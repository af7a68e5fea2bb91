#!/usr/bin/env bash
# mutants.sh [K/N]   changes the crate `protocol` in every small way that cargo-mutants knows, one at a time, and requires
# that its unit tests or the model of the protocol (tests/model) notice. Prints "n of m caught". What survives must stand
# in tests/tools/mutants.txt with the reason why no test can notice it, and what stands there must survive. K/N takes the
# K-th of N parts. The crate and the model are built in a workspace of their own: nothing else depends on the change.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
part=${1:-}
known=$ROOT/tests/tools/mutants.txt
home=$STREAMJOB_CACHE/mutants
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CARGO_TARGET_DIR CARGO_MANIFEST_DIR
export TMPDIR=$work CARGO_TERM_COLOR=never

install_mutants() {
  [ ! -x "$home/$CARGO_MUTANTS_VERSION/bin/cargo-mutants" ] || return 0 # another process was quicker
  quietly "installing cargo-mutants $CARGO_MUTANTS_VERSION" "$STREAMJOB_CACHE/logs/cargo-mutants.log" \
    thrice cargo install --locked --root "$home/$CARGO_MUTANTS_VERSION" "cargo-mutants@$CARGO_MUTANTS_VERSION"
}
locked cargo-mutants install_mutants

# The workspace: the crate, and the model as a test of a package that needs nothing else. Optimised a little, for the model.
mkdir -p "$work/tree/model/src"
cp -r "$ROOT/worker/protocol" "$work/tree/protocol"
cp -r "$ROOT/tests/model" "$work/tree/model/tests"
cp "$ROOT/rust-toolchain.toml" "$ROOT/Cargo.lock" "$work/tree"
awk '/^\[/ { wanted = /^\[workspace\.(package|lints|dependencies)/ } wanted' "$ROOT/Cargo.toml" |
  sed 's|path = "worker/protocol"|path = "protocol"|' >"$work/tree/Cargo.toml"
cat >>"$work/tree/Cargo.toml" <<'TOML'
[workspace]
resolver = "3"
members = ["protocol", "model"]
[profile.dev]
opt-level = 1
debug = false
TOML
cat >"$work/tree/model/Cargo.toml" <<'TOML'
[package]
name = "model"
version.workspace = true
edition.workspace = true
publish = false
[dependencies]
protocol.workspace = true
[[test]]
name = "model"
path = "tests/main.rs"
TOML
: >"$work/tree/model/src/lib.rs"

# mutate LOG ARGUMENT…: 2 is "some survived", 3 "some ran into the time limit", which counts as noticed.
mutate() {
  local log=$1 status=0; shift
  "$home/$CARGO_MUTANTS_VERSION/bin/cargo-mutants" mutants --dir "$work/tree" --output "$work" \
    --package streamjob-protocol --no-shuffle --jobs 2 --minimum-test-timeout 60 --colors never "$@" \
    >"$work/$log" 2>&1 || status=$?
  case $status in 0 | 2 | 3) ;; *) tail -n 40 "$work/$log" >&2; die "cargo-mutants failed ($status)" ;; esac
}

began=$EPOCHREALTIME
say "mutants: against the unit tests ..."
mutate unit.log --test-package streamjob-protocol ${part:+--shard "$part"}
all=$(cat "$work"/mutants.out/{caught,missed,timeout}.txt | wc -l)
first=$(wc -l <"$work/mutants.out/missed.txt")
if [ "$first" -gt 0 ]; then
  say "mutants: $first of $all left after $(seconds "$(millis_since "$began")") s, against the model ..."
  mutate model.log --iterate --test-workspace true ${part:+--shard "$part"}
fi

# Places move with every edit of a file: a survivor is known by its file and its change.
plain() { sed -E 's|^.*protocol/src/([^:]+):[0-9]+:[0-9]+: |\1: |' "$1" | sort; }
listed() { grep -v '^#' "$known" | sed -n 's/^\([^|]*[^ |]\) *|.*/\1/p' | sort; }
plain "$work/mutants.out/missed.txt" >"$work/survived"
listed >"$work/listed"
survived=$(wc -l <"$work/survived")
echo "$((all - survived)) of $all caught, in $(seconds "$(millis_since "$began")") s"
status=0
if comm -23 "$work/survived" "$work/listed" | grep .; then
  say "These survived: write a test that notices, or the reason into ${known#"$ROOT/"}."
  status=1
fi
if [ -z "$part" ] && comm -13 "$work/survived" "$work/listed" | grep .; then
  say "These are noticed, or are no more: take them out of ${known#"$ROOT/"}."
  status=1
fi
exit $status
