#!/usr/bin/env bash
# Faults on command, against the running cluster.
#   chaos.sh cut NODE POD_IP [PEER_IP [TCP_PORT]]  drop a pod's traffic: all, to and from PEER, or to a port
#   chaos.sh api-cut NODE           the node (kubelet and pods) loses the API server and nothing else: its
#                                   pods become zombies that still reach Kafka and the object store
#   chaos.sh heal NODE              undo every cut of the node
#   chaos.sh node-cut NODE          pull the node's network cable
#   chaos.sh node-heal NODE         plug it in again
#   chaos.sh slow NODE RATE         limit what the node sends, e.g. 1mbit
#   chaos.sh unslow NODE
#   chaos.sh freeze NODE POD_UID    stop a pod's processes without a signal, as a long pause does
#   chaos.sh thaw NODE POD_UID
#   chaos.sh kill NODE CONTAINER_ID [SIGNAL]       signal a container's first process from outside
# A node's power cut is node-down.sh, its return node-up.sh.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
usage() { sed -n '2,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ $# -ge 2 ] || usage
what=$1 node=$2
in_node() { nsenter -t "$(node_pid "$node")" "$@"; }

cut_pod() {   # bridged pod-to-pod traffic passes the hook too: bridge-nf-call-iptables is 1
  local chain='inet chaos pre' ip=$1 peer=${2:-} port=${3:-}
  in_node -n nft "add table inet chaos; add chain $chain { type filter hook prerouting priority -310; }"
  if [ -n "$port" ]; then
    in_node -n nft "add rule $chain ip saddr $ip ip daddr $peer tcp dport $port drop"
  elif [ -n "$peer" ]; then
    in_node -n nft "add rule $chain ip saddr $ip ip daddr $peer drop"
    in_node -n nft "add rule $chain ip saddr $peer ip daddr $ip drop"
  else
    in_node -n nft "add rule $chain ip saddr $ip drop; add rule $chain ip daddr $ip drop"
  fi
}

cut_api() {
  local chain='inet chaos post'
  in_node -n nft "add table inet chaos; add chain $chain { type filter hook postrouting priority 200; }"
  in_node -n nft "add rule $chain ip daddr $CL_HOST_IP tcp dport 6443 drop"
}

# set_frozen POD_UID 0|1
set_frozen() {
  local pod found=0 container
  for pod in /sys/fs/cgroup/{freezer/,}"sj-$node/kubepods"/{,*/}"pod$1"; do
    [ -d "$pod" ] || continue
    for container in "$pod"/*/; do
      if [ -e "$container/cgroup.freeze" ]; then echo "$2" >"$container/cgroup.freeze"
      elif [ "$2" = 1 ]; then echo FROZEN >"$container/freezer.state"
      else echo THAWED >"$container/freezer.state"; fi
      found=1
    done
  done
  [ $found = 1 ] || die "no running pod with uid $1 on $node"
}

case $what in
  cut) cut_pod "${@:3}" ;;
  api-cut) cut_api ;;
  heal) in_node -n nft delete table inet chaos ;;
  node-cut) ip link set "sj-$node" down ;;
  node-heal) ip link set "sj-$node" up ;;
  slow) in_node -n tc qdisc replace dev eth0 root tbf rate "${3:?RATE}" burst 32k latency 200ms ;;
  unslow) in_node -n tc qdisc del dev eth0 root ;;
  freeze) set_frozen "${3:?POD_UID}" 1 ;;
  thaw) set_frozen "${3:?POD_UID}" 0 ;;
  kill) in_node -m -p -n ctr -a /run/containerd/containerd.sock -n k8s.io task kill -s "${4:-KILL}" \
    "${3#containerd://}" ;;
  *) usage ;;
esac
