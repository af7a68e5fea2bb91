#!/usr/bin/env bash
# chart.sh check   the Helm chart: lint, values against the schema, what it renders to against tests/chart/golden,
#                  its README against its values, alert rules by promtool
# chart.sh write   writes the golden files and the README anew
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
helm=${CL_BIN:-$STREAMJOB_CACHE/cluster/bin}/helm
[ -x "$helm" ] || helm=$(command -v helm) || die "helm is missing; run tests/tools/cluster.sh ensure"
chart=charts/streamjob work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

render() { # render NAME: one file for each set of values, without what only the kinds are
  "$helm" template streamjob "$chart" --namespace streamjob-system -f "tests/chart/values/$1.yaml" >"$work/$1.yaml"
  # the kinds are files of their own
  python3 tests/tools/chart.py without-kinds "$work/$1.yaml"
}

same() { # same WANTED FOUND
  diff -u "$1" "$2" || { say "$1 is stale: run tests/tools/chart.sh write, and look at what changed"; return 1; }
}

case ${1:-} in
  check)
    status=0
    "$helm" lint --strict "$chart" || status=1
    for values in tests/chart/values/*.yaml; do
      name=$(basename "$values" .yaml)
      "$helm" lint --strict "$chart" -f "$values" >"$work/lint" || { cat "$work/lint"; status=1; }
      render "$name"
      same "tests/chart/golden/$name.yaml" "$work/$name.yaml" || status=1
    done
    python3 tests/tools/chart.py readme "$chart" >"$work/README.md"
    same "$chart/README.md" "$work/README.md" || status=1
    if "$helm" template streamjob "$chart" --set operator.replicas=many >/dev/null 2>&1; then
      say "the schema of the values accepts nonsense"; status=1
    fi
    promtool=$(tests/tools/promtool.sh ensure)
    "$promtool" check rules "$chart/files/alerts/alerts.yaml" || status=1
    "$promtool" test rules tests/chart/alerts.test.yaml || status=1
    exit $status ;;
  write)
    for values in tests/chart/values/*.yaml; do
      name=$(basename "$values" .yaml)
      render "$name"
      mv "$work/$name.yaml" "tests/chart/golden/$name.yaml"
    done
    python3 tests/tools/chart.py readme "$chart" >"$work/README.md"
    mv "$work/README.md" "$chart/README.md" ;;
  *) sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
