#!/usr/bin/env bash
# promtool.sh ensure   the checker of Prometheus rules: the installed one, else that of Debian's package, unpacked into
#                      the cache and not installed; prints its path
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ "${1:-}" = ensure ] || { sed -n '2,3s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
target=$STREAMJOB_CACHE/promtool/promtool

fetch() {
  local work
  [ ! -x "$target" ] || return 0   # another process was quicker
  work=$(mktemp -d "$STREAMJOB_CACHE/.promtool.XXXXXX")
  # the download is given up to another user where there is one; the folder is nobody's secret
  chmod 755 "$work"
  download() { (cd "$work" && { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; }); }
  quietly "fetching promtool" "$STREAMJOB_CACHE/logs/promtool.log" thrice download || { rm -rf "$work"; return 1; }
  dpkg -x "$work"/prometheus_*.deb "$work/unpacked"
  mkdir -p "${target%/*}"
  mv "$work/unpacked/usr/bin/promtool" "$target"
  rm -rf "$work"
}

if command -v promtool >/dev/null; then command -v promtool; exit; fi
[ -x "$target" ] || { mkdir -p "$STREAMJOB_CACHE"; locked promtool fetch; }
echo "$target"
