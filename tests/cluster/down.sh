#!/usr/bin/env bash
# down.sh [--force]   stops everything that up.sh started, by pid, and removes every trace: processes,
# links, routes, cgroups, files. Leaves a cluster of another checkout alone, unless forced.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
owner=$(cluster_owner)
if [ -n "$owner" ] && [ "$owner" != "$CL_OWNER $CL_RUN" ]; then
  [ "${1:-}" = --force ] || { say "left alone: the cluster belongs to ${owner% *}"; exit 0; }
  CL_RUN=${owner#* }; export CL_RUN
fi
for dir in "$CL_RUN"/n[0-9]*/; do
  [ ! -d "$dir" ] || "$CL_DIR/node-down.sh" "$(basename "$dir" | tr -d n)"
done
# throwaway data: no need for a graceful end, which takes the API server seconds
if [ -e "$CL_RUN/pids" ]; then
  while read -r pid _; do
    if is_ours "$pid" "$CL_RUN" || is_ours "$pid" "$CL_REGISTRY"; then kill -9 "$pid"; fi
  done <"$CL_RUN/pids"
fi
ip route del "$CL_SVC_CIDR" 2>/dev/null
rm -rf "$CL_RUN"
rmdir /var/lib/cni 2>/dev/null
# last: from here on others may start one
ip link del "$CL_BRIDGE" 2>/dev/null
exit 0
