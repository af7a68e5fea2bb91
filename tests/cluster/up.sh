#!/usr/bin/env bash
# Starts the cluster and waits until every node is Ready and DNS answers. Prints the times.
# Fails at once, and leaves nothing behind, when a part does not come up.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
[ "$(id -u)" = 0 ] || die "the cluster needs root: it makes network namespaces and mounts"
[ -x "$CL_BIN/kube" ] && [ -d "$CL_IMG/node" ] || die "run tests/tools/cluster.sh ensure first"

# Alive: it is being started, or its first process runs.
alive() {
  local run pids
  run=$(cluster_owner); run=${run#* }
  [ -n "$run" ] && mapfile -t pids < <(cut -d' ' -f1 "$run/pids" 2>/dev/null)
  is_ours "${pids[0]:-}" up.sh || is_ours "${pids[1]:-}" "$run"
}

# The bridge is the claim, and carries the name of its owner.
claim() {
  local owner
  exec {claim_fd}>/run/lock/streamjob-cluster
  flock "$claim_fd"
  if ! ip link add "$CL_BRIDGE" type bridge 2>/dev/null; then
    owner=$(cluster_owner)
    if alive; then exec {claim_fd}>&-; return 1; fi
    say "cleaning up after a cluster that died: $owner"
    "$CL_DIR/down.sh" --force
    ip link add "$CL_BRIDGE" type bridge
  fi
  ip link set "$CL_BRIDGE" alias "$CL_OWNER $CL_RUN"
  rm -rf "$CL_RUN"   # a machine that was switched off may have left files
  mkdir -p "$CL_RUN"/{logs,etcd,registry} "$CL_RUN/certs.d/$CL_REGISTRY"
  echo "$$ up.sh" >"$CL_RUN/pids"
  exec {claim_fd}>&-
}

case "$CL_OWNER$CL_RUN" in *[[:space:]]*) die "no spaces in the paths: $CL_OWNER, $CL_RUN" ;; esac
if alive && [ "$(cluster_owner)" = "$CL_OWNER $CL_RUN" ]; then die "already up; run down.sh first"; fi
wait_until "$CL_WAIT" "end of the cluster of $(cluster_owner)" claim || die "another cluster is running"
failed() {
  local status=$?
  [ $status = 0 ] || { tail -n 3 "$CL_RUN"/{logs,n*}/*.log | cut -c1-200 >&2; "$CL_DIR/down.sh"; }
  exit $status
}
trap failed EXIT
trap 'exit 130' INT TERM

modprobe -qa bridge br_netfilter overlay veth nf_tables nf_conntrack 2>/dev/null || true
"$CL_DIR/pki.sh"; step "certificates"
# a pod's fallback resolver; nothing answers there: the cluster is cut off from the outside
echo "nameserver $CL_HOST_IP" >"$CL_RUN/resolv.conf"
cat >"$CL_RUN/certs.d/$CL_REGISTRY/hosts.toml" <<T
server = "http://$CL_REGISTRY"
[host."http://$CL_REGISTRY"]
  capabilities = ["pull", "resolve"]
T
ip addr add "$CL_HOST_IP/24" dev "$CL_BRIDGE"
ip link set "$CL_BRIDGE" up

run() {
  local log=$1; shift
  setsid "$@" >>"$CL_RUN/logs/$log.log" 2>&1 </dev/null &
  echo "$! $log" >>"$CL_RUN/pids"
  disown
}
pki=$CL_RUN/pki
# etcd without fsync: this cluster need not survive a power cut of the machine
run etcd etcd --name e --data-dir "$CL_RUN/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
  --listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 \
  --initial-cluster e=http://127.0.0.1:12380 --quota-backend-bytes 1073741824
audit=()
[ -z "${CL_AUDIT:-}" ] || audit=(--audit-policy-file "$CL_DIR/audit.yaml"
  --audit-log-path "$CL_RUN/logs/audit.log" --audit-log-maxsize 4000)
run apiserver kube-apiserver "${audit[@]}" --etcd-servers http://127.0.0.1:12379 --v=1 \
  --bind-address 0.0.0.0 --advertise-address "$CL_HOST_IP" --secure-port 6443 \
  --service-cluster-ip-range "$CL_SVC_CIDR" --allow-privileged --anonymous-auth=true \
  --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
  --client-ca-file "$pki/ca.crt" \
  --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
  --kubelet-client-certificate "$pki/apiserver-kubelet-client.crt" \
  --kubelet-client-key "$pki/apiserver-kubelet-client.key" \
  --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
  --service-account-issuer https://kubernetes.default.svc.cluster.local \
  --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
  --requestheader-client-ca-file "$pki/front-proxy-ca.crt" \
  --requestheader-allowed-names front-proxy-client --requestheader-username-headers X-Remote-User \
  --requestheader-group-headers X-Remote-Group --requestheader-extra-headers-prefix X-Remote-Extra- \
  --proxy-client-cert-file "$pki/front-proxy-client.crt" \
  --proxy-client-key-file "$pki/front-proxy-client.key"
run registry crane registry serve --address "$CL_REGISTRY" --disk "$CL_RUN/registry"
api_ready() { [ "$(curl -sk --max-time 1 https://127.0.0.1:6443/readyz)" = ok ]; }
wait_until 90 "the API server is ready" api_ready; step "API server ready"
# a grace of 16 s instead of 50 makes the loss of a node quick to test; the kubelets' leases are
# shorter too (node.sh). Without the raised limits the controllers need seconds more to start. There is one of
# each: a lease could only be lost, when the machine is busy, and with it the scheduler.
as() { echo --kubeconfig "$1" --authentication-kubeconfig "$1" --authorization-kubeconfig "$1"; }
limits=(--bind-address 127.0.0.1 --kube-api-qps 300 --kube-api-burst 600 --v=1
  --leader-elect=false)
# shellcheck disable=SC2046
run kcm kube-controller-manager $(as "$CL_RUN/kcm.kubeconfig") "${limits[@]}" \
  --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt" \
  --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
  --use-service-account-credentials --controllers '*' --allocate-node-cidrs=false \
  --node-monitor-grace-period 16s --node-monitor-period 2s
# shellcheck disable=SC2046
run scheduler kube-scheduler $(as "$CL_RUN/scheduler.kubeconfig") "${limits[@]}"
run localpv localpv "$KUBECONFIG" "$CL_RUN/pv"
for i in $(seq 1 "$CL_NODES"); do "$CL_DIR/node-up.sh" "$i"; done
kubectl apply -f "$CL_DIR/manifests/base.yaml" >/dev/null; step "base objects applied"
for i in $(seq 1 "$CL_NODES"); do
  wait_until 60 "node n$i has registered" kubectl get node "n$i"
  kubectl wait --for=condition=Ready "node/n$i" --timeout=120s >/dev/null; step "node n$i Ready"
done
kubectl -n kube-system rollout status deploy/coredns --timeout=120s >/dev/null; step "DNS ready"
