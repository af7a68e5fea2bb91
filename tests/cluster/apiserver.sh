#!/usr/bin/env bash
# An API server and its etcd on 127.0.0.1, without nodes and controllers: what the API server in memory of the operator's
# tests is compared with.
#   apiserver.sh start DIR PORT   starts both in DIR (etcd on PORT+1 and PORT+2); prints the path of the kubeconfig
#   apiserver.sh stop DIR         ends them
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

start() {
  local dir=$1 port=$2 token
  [ -x "$CL_BIN/kube" ] || die "run tests/tools/cluster.sh ensure first"
  mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
  (umask 077; openssl genrsa -out "$dir/sa.key" 2048 2>/dev/null)
  token=$(openssl rand -hex 16)
  (umask 077; echo "$token,admin,admin,system:masters" >"$dir/tokens")
  setsid etcd --name e --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://127.0.0.1:$((port + 1))" --advertise-client-urls "http://127.0.0.1:$((port + 1))" \
    --listen-peer-urls "http://127.0.0.1:$((port + 2))" --initial-advertise-peer-urls "http://127.0.0.1:$((port + 2))" \
    --initial-cluster "e=http://127.0.0.1:$((port + 2))" >"$dir/etcd.log" 2>&1 </dev/null &
  echo $! >"$dir/etcd.pid"
  setsid kube-apiserver --etcd-servers "http://127.0.0.1:$((port + 1))" --secure-port "$port" \
    --bind-address 127.0.0.1 --cert-dir "$dir/certs" --token-auth-file "$dir/tokens" \
    --service-account-issuer https://127.0.0.1 --service-account-key-file "$dir/sa.key" \
    --service-account-signing-key-file "$dir/sa.key" --service-cluster-ip-range 10.96.0.0/16 \
    --authorization-mode RBAC --v=1 >"$dir/apiserver.log" 2>&1 </dev/null &
  echo $! >"$dir/apiserver.pid"
  (umask 077; cat >"$dir/kubeconfig" <<K
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:$port", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: $token}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
K
  )
  ready() { [ "$(curl -sk --max-time 1 -H "Authorization: Bearer $token" "https://127.0.0.1:$port/readyz")" = ok ]; }
  wait_until 90 "the API server is ready" ready || { tail -n 20 "$dir/apiserver.log" >&2; stop "$dir"; die "no API server"; }
  kubectl --kubeconfig "$dir/kubeconfig" apply -f "$ROOT/operator/tests/contract/thing.yaml" >&2
  kubectl --kubeconfig "$dir/kubeconfig" wait --for=condition=Established crd/things.test.streamjob.dev >&2
  echo "$dir/kubeconfig"
}

stop() {
  local dir; dir=$(cd "$1" && pwd)
  stop_pid_file "$dir/apiserver.pid" "$dir"
  stop_pid_file "$dir/etcd.pid" "$dir"
}

case ${1:-} in
  start) [ $# = 3 ] || die "usage: apiserver.sh start DIR PORT"; start "$2" "$3" ;;
  stop) stop "${2:?DIR}" ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
