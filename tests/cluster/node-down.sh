#!/usr/bin/env bash
# node-down.sh I [wipe]   power cut of node I: everything in its pid namespace dies at once. The disk
# stays, unless `wipe` is given.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
name=n$1 dir=$CL_RUN/n$1
for file in "$dir"/{init,unshare}.pid; do   # the end of either is the end of the node
  pid=$(cat "$file" 2>/dev/null)
  ! is_ours "$pid" node.sh || kill -9 "$pid" 2>/dev/null
  rm -f "$file"
done
ip link del "sj-$name" 2>/dev/null
ip route del "10.244.$1.0/24" 2>/dev/null
# cgroups are empty a moment after the kill; they are removed from the bottom up
removed() {
  local cgroup left=0
  for cgroup in /sys/fs/cgroup/*/sj-"$name" /sys/fs/cgroup/sj-"$name"; do
    [ -d "$cgroup" ] || continue
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
    [ ! -d "$cgroup" ] || left=1
  done
  return "$left"
}
wait_until 10 "the cgroups of $name are empty" removed
[ "${2:-}" != wipe ] || rm -rf "$dir"
exit 0
