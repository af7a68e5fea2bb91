#!/usr/bin/env bash
# Shows what faults do to a cluster of two nodes (CL_NODES=2 ./up.sh): partition, power cut, frozen pod.
# Prints times; fails when something awaited does not happen.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
k() { kubectl -n mn "$@"; }
field() { k get pod "$1" -o "jsonpath=$2"; }
trap 'kubectl delete ns mn --wait=false >/dev/null 2>&1 || true' EXIT

pod() {
  cat <<P
apiVersion: v1
kind: Pod
metadata: {name: p$1, namespace: mn, labels: {app: p}}
spec:
  nodeName: n$1
  hostname: p$1
  subdomain: peers
  terminationGracePeriodSeconds: 1
  tolerations:
  - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 5}
  containers:
  - name: c
    image: cluster.test/tools:1
    imagePullPolicy: Never
    command: [sh, -c, 'hostname >/tmp/index.html; exec busybox httpd -f -p 8080 -h /tmp']
---
P
}
kubectl create ns mn >/dev/null
{ pod 1; pod 2; } | kubectl apply -f - >/dev/null
k create service clusterip peers --clusterip=None >/dev/null
k patch svc peers --type=merge -p '{"spec":{"selector":{"app":"p"}}}' >/dev/null
k wait --for=condition=Ready pod/p1 pod/p2 --timeout=30s >/dev/null; step "a pod on each node Ready"

inside() { k exec "$1" -- timeout 3 sh -c "$2" 2>&1; }
reads() { [ "$(inside "$1" "wget -qO- http://$2:8080/index.html")" = "$3" ]; }
wait_until 20 "p1 reaches p2" reads p1 p2.peers.mn p2; step "p1 reads from p2 by name"
wait_until 20 "p2 reaches p1" reads p2 p1.peers.mn p1; step "p2 reads from p1 by name"
ip2=$(field p2 '{.status.podIP}')

step "--- partition: n2's cable out"; "$CL_DIR/chaos.sh" node-cut n2
! reads p1 "$ip2" p2 || die "p1 still reaches p2"; step "p1 does not reach p2"
unknown() {
  [ "$(kubectl get node n2 -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')" = Unknown ]
}
wait_until 60 "n2 is not Ready" unknown; step "n2 not Ready"
marked() { [ -n "$(field "$1" '{.metadata.deletionTimestamp}')" ]; }
wait_until 60 "p2 is marked for deletion" marked p2
answer=$(nsenter -t "$(node_pid n2)" -n curl -s --max-time 2 "http://$ip2:8080/index.html")
[ "$answer" = p2 ] || die "p2 should still run on its node"; step "p2 marked for deletion, still runs on n2"
"$CL_DIR/chaos.sh" node-heal n2; step "--- cable in"
kubectl wait --for=condition=Ready node/n2 --timeout=60s >/dev/null; step "n2 Ready"
k wait --for=delete pod/p2 --timeout=60s >/dev/null; step "p2 gone"

step "--- power cut of n1, which holds DNS"; "$CL_DIR/node-down.sh" 1
"$CL_DIR/node-up.sh" 1; step "n1 switched on again"
back() {
  field p1 '{.status.containerStatuses[0].restartCount}{.status.containerStatuses[0].ready}' |
    grep -q '[1-9]true'
}
wait_until 60 "p1 runs again" back; step "p1 runs again, the same pod object"
dns() { kubectl -n kube-system rollout status deploy/coredns --timeout=2s; }
wait_until 60 "DNS is ready" dns; step "DNS Ready again"

uid=$(field p1 '{.metadata.uid}') ip1=$(field p1 '{.status.podIP}')
answers() { [ "$(nsenter -t "$(node_pid n1)" -n curl -s --max-time 1 "http://$ip1:8080/index.html")" = p1 ]; }
wait_until 20 "p1 answers" answers
"$CL_DIR/chaos.sh" freeze n1 "$uid"
! answers || die "a frozen pod answers"; step "--- p1 frozen: no answer"
"$CL_DIR/chaos.sh" thaw n1 "$uid"
wait_until 10 "p1 answers again" answers; step "thawed: it answers"
