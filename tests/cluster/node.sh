#!/usr/bin/env bash
# PID 1 of one node. Started by node-up.sh in fresh net, mount and pid namespaces, so that killing it is a power cut:
# every shim, container, mount, netns and netfilter rule of the node goes with it.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
i=$1 name=n$1 N=$CL_RUN/n$1
ip=$(node_ip "$i")
exec >>"$N/init.log" 2>&1
mount --make-rshared /                      # the kubelet's volume mounts must reach containerd and containers
mount -t tmpfs tmpfs /run                   # hides the host's /run; holds the node's own containerd socket, /run/netns, ...
mount -t tmpfs tmpfs /var/log               # /var/log/pods, /var/log/containers
mkdir -p /run/netns /run/containerd "$N"/{kubelet,containerd,cni,cni.d,sysctl}
mount --bind "$N/cni" /var/lib/cni
# The kubelet wants these kernel-wide values and writes them if they differ: it reads what it wants, and
# the host keeps its own.
while read -r k v; do
  echo "$v" >"$N/sysctl/${k//\//.}"
  mount --bind "$N/sysctl/${k//\//.}" "/proc/sys/$k"
done <<S
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
S
until [ -e /proc/sys/net/ipv4/conf/eth0 ]; do sleep 0.02; done   # node-up.sh moves the veth in
ip link set lo up
ip addr add "$ip/24" dev eth0
ip link set eth0 up
ip route add default via "$CL_HOST_IP"
for j in 1 2 3; do
  [ "$j" = "$i" ] || ip route add "10.244.$j.0/24" via "$(node_ip "$j")"
done
echo 1 >/proc/sys/net/ipv4/ip_forward       # per network namespace
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
cat >"$N/cni.d/10-sj.conflist" <<C
{"cniVersion":"1.0.0","name":"sj","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"isDefaultGateway":true,"ipMasq":true,
  "hairpinMode":true,"promiscMode":false,
  "ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.$i.0/24"}]],"dataDir":"/run/cni-ipam"}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
C
# overlayfs cannot lie on another overlayfs, as in a container: then layers are copied
[ "$(stat -f -c %T "$N")" = overlayfs ] && snapshotter=native || snapshotter=overlayfs
cat >"$N/containerd.toml" <<C
version = 2
root = "$N/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "cluster.test/pause:1"
  # without CAP_SYS_RESOURCE runc may not lower oom_score_adj ("can't get final child's PID from pipe: EOF")
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$N/cni.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$snapshotter"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$CL_RUN/certs.d"
C
cat >"$N/kubelet.yaml" <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
cgroupRoot: /sj-$name
failCgroupV1: false            # on a cgroup v1 host 1.35 refuses to start without this
failSwapOn: false
oomScoreAdj: 0                 # lowering it needs CAP_SYS_RESOURCE
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [$CL_DNS_IP]
clusterDomain: cluster.local
resolvConf: $CL_RUN/resolv.conf
tlsCertFile: $CL_RUN/pki/$name.crt
tlsPrivateKeyFile: $CL_RUN/pki/$name.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $CL_RUN/pki/ca.crt}
authorization: {mode: Webhook}
evictionHard:
  memory.available: 100Mi
  nodefs.available: 1Gi
  imagefs.available: 1Gi
  nodefs.inodesFree: "1%"
imageGCHighThresholdPercent: 100
maxPods: 110
nodeStatusUpdateFrequency: 4s
nodeLeaseDurationSeconds: 12
syncFrequency: 10s
kubeAPIQPS: 200
kubeAPIBurst: 400
registerWithTaints: []
enforceNodeAllocatable: [pods]
shutdownGracePeriod: 0s
serializeImagePulls: false
C
cat >"$N/kube-proxy.yaml" <<C
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: $CL_PROXY_MODE
hostnameOverride: $name
clusterCIDR: $CL_POD_CIDR
oomScoreAdj: 0
clientConnection: {kubeconfig: $CL_RUN/kube-proxy.kubeconfig}
# 0: leave the kernel-wide values alone
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nodePortAddresses: [primary]
C
keep() {   # restarts for ever
  local log=$1; shift
  while :; do "$@" >>"$N/$log.log" 2>&1; echo "exit $?: $1"; sleep 1; done &
}
keep containerd containerd --config "$N/containerd.toml"
until ctr -a /run/containerd/containerd.sock version >/dev/null 2>&1; do sleep 0.05; done
imports=()
for tar in "$CL_IMG"/node/*.tar; do
  ctr -n k8s.io images import "$tar" >/dev/null &
  imports+=($!)
done
wait "${imports[@]}"
keep kubelet kubelet --config "$N/kubelet.yaml" --kubeconfig "$CL_RUN/$name.kubeconfig" \
  --root-dir "$N/kubelet" --hostname-override "$name" --node-ip "$ip" --v=2
keep kube-proxy kube-proxy --config "$N/kube-proxy.yaml"
while :; do wait; sleep 1; done             # as PID 1 it also reaps the orphans of the shims
