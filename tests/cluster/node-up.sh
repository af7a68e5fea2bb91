#!/usr/bin/env bash
# node-up.sh I   starts node I (1 to 3), also again after a "power cut": its disk ($CL_RUN/nI) is kept.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
i=$1 name=n$i dir=$CL_RUN/n$1
mkdir -p "$dir" /var/lib/cni

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then   # cgroup v2
  echo "+cpu +cpuset +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
  mkdir -p "/sys/fs/cgroup/sj-$name"
else
  for hierarchy in /sys/fs/cgroup/*/; do
    case $hierarchy in */unified/) continue ;; esac   # systemd/ is needed: the kubelet checks it
    mkdir -p "$hierarchy/sj-$name"
  done
  for file in cpuset.cpus cpuset.mems; do             # v1: while empty, no task may enter
    cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/sj-$name/$file"
  done
fi

setsid unshare --net --mount --propagation private --pid --fork --mount-proc --kill-child \
  "$CL_DIR/node.sh" "$i" </dev/null >/dev/null 2>&1 &
outer=$!
echo "$outer" >"$dir/unshare.pid"
child() { cat "/proc/$outer/task/$outer/children" 2>/dev/null | tr -d ' '; }
is_born() { [ -n "$(child)" ]; }
wait_until 20 "node $name's first process" is_born
pid=$(child)
echo "$pid" >"$dir/init.pid"   # enter with: nsenter -t PID -n -m -p
ip link add "sj-$name" type veth peer name eth0 netns "$pid"
ip link set "sj-$name" master "$CL_BRIDGE" up
# the host reaches pods directly, and ClusterIPs through node 1's kube-proxy
ip route replace "10.244.$i.0/24" via "$(node_ip "$i")"
[ "$i" != 1 ] || ip route replace "$CL_SVC_CIDR" via "$(node_ip 1)"
