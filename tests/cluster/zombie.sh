#!/usr/bin/env bash
# Shows how a zombie is made (CL_NODES=2 ./up.sh): a StatefulSet's pod whose node loses only the API server
# runs on beside its own replacement, and both reach the host. Prints times; fails when it does not happen.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
calls=$CL_RUN/logs/zombie.log
python3 -u "$CL_DIR/host-server.py" "$CL_HOST_IP" 18080 >"$calls" & server=$!
trap 'kill $server; kubectl delete ns z --wait=false >/dev/null 2>&1 || true' EXIT
field() { kubectl -n z get pod w-0 -o "jsonpath=$1" 2>/dev/null; }

kubectl create ns z >/dev/null
kubectl apply -f - >/dev/null <<'P'
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: w, namespace: z}
spec:
  serviceName: w
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: w}}
  template:
    metadata: {labels: {app: w}}
    spec:
      terminationGracePeriodSeconds: 1
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            preference: {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [n2]}]}
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 2}
      containers:
      - name: c
        image: cluster.test/tools:1
        imagePullPolicy: Never
        env: [{name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]
        command:
        - sh
        - -c
        - 'while :; do timeout 1 wget -qO- http://kafka.cluster.test:18080/$POD_UID; sleep 0.3; done'
P
on_n2() { [ "$(field '{.spec.nodeName} {.status.phase}')" = 'n2 Running' ]; }
wait_until 30 "w-0 runs on n2" on_n2; step "w-0 runs on n2"
old=$(field '{.metadata.uid}')

# Who called within the next second: zombie (the first pod), replacement, both.
callers() {
  local from
  from=$(wc -l <"$calls"); sleep 1
  tail -n +$((from + 1)) "$calls" |
    awk -v old="/$old" '{seen[$2 == old ? "zombie" : "replacement"]} END {for (who in seen) print who}' |
    sort | tr '\n' ' '
}
"$CL_DIR/chaos.sh" api-cut n2; step "--- n2 cut off from the API server only"
marked() { [ -n "$(field '{.metadata.deletionTimestamp}')" ]; }
wait_until 60 "w-0 is marked for deletion" marked
step "w-0 marked for deletion; calling the host: $(callers)"
sleep 3
[ "$(field '{.metadata.uid}')" = "$old" ] || die "replaced without any proof that the old pod ended"
step "not replaced by itself: at most one pod of a name"
kubectl taint node n2 node.kubernetes.io/out-of-service=x:NoExecute >/dev/null
step "--- taint out-of-service, as an administrator or a healer of nodes sets it"
replaced() { local now; now=$(field '{.metadata.uid} {.status.phase}'); [[ $now == *Running && $now != "$old"* ]]; }
wait_until 60 "a new w-0 runs" replaced
both() { [ "$(callers)" = 'replacement zombie ' ]; }
wait_until 10 "both call the host" both; step "a new w-0 runs; both call the host"
"$CL_DIR/chaos.sh" heal n2
kubectl taint node n2 node.kubernetes.io/out-of-service- >/dev/null; step "--- healed"
alone() { [ "$(callers)" = 'replacement ' ]; }
wait_until 60 "the zombie ends" alone; step "the zombie was ended by its kubelet"
