#!/usr/bin/env bash
# Lists what the cluster left behind, and fails if there is anything.
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
parts='etcd|kube-[a-z-]+|kubelet|containerd|/usr/bin/containerd-shim[^ ]*|crane|localpv|/coredns|[^ ]*node\.sh'
found=$(
  ip -brief link | grep -E "^($CL_BRIDGE|sj-n[0-9]|cni0|veth)"
  ip route | grep -E '^10\.(96|244)\.'
  mount | grep -E "$CL_RUN|kubelet|containerd|/run/netns"
  find /sys/fs/cgroup -maxdepth 2 -name 'sj-n*'
  ps -eo pid,stat,args | awk '$2 !~ /^Z/' | grep -E " ($parts) |unshare --net" | grep -v grep
  iptables-save 2>/dev/null | grep -E 'KUBE|CNI'
  nft list tables 2>/dev/null | grep kube
  ls -d "$CL_RUN" /var/lib/cni /run/netns/* 2>/dev/null
)
[ -z "$found" ] || { printf '%s\n' "$found"; exit 1; }
