#!/usr/bin/env bash
# Shows that the running cluster does what the tests of an operator need. One line a check.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$CL_DIR" || exit 1
passed=0 failed=0
work=$(mktemp -d)
server=
trap 'rm -rf "$work"; [ -z "$server" ] || kill "$server"' EXIT

# check NAME COMMAND…
check() {
  local name=$1 start=$EPOCHREALTIME verdict=PASS output; shift
  if output=$("$@" 2>&1); then passed=$((passed + 1)); else verdict=FAIL failed=$((failed + 1)); fi
  printf '%s %5s s  %s\n' $verdict "$(seconds "$(millis_since "$start")")" "$name"
  [ $verdict = PASS ] || printf '      %.600s\n' "$output"
}
k() { kubectl -n smoke "$@"; }
field() { k get "$1" "$2" -o "jsonpath=$3"; }
inside() { k exec "$1" -- sh -c "$2"; }
fetch_inside() { inside "$1" "timeout 3 wget -qO- $2" | grep "$3"; }
fetch() { curl -sf --max-time 3 "$1" | grep "$2"; }
refused() { ! "$@"; }
eventually() { local limit=$1; shift; wait_until "$limit" "$*" "$@"; }
lines() { k get "$@" -o name | wc -l; }

check "objects applied" kubectl apply -f manifests/smoke.yaml
check "Deployment of 2 available" k rollout status deploy/web --timeout=60s
check "StatefulSet of 3 (parallel, with volume claims) ready" k rollout status sts/db --timeout=60s
bound() { [ "$(k get pvc --no-headers | grep -c Bound)" = 3 ]; }
check "volume claims bound" bound

web=$(k get pod -l app=web -o jsonpath='{.items[0].metadata.name}')
check "a pod's DNS name resolves in another pod" \
  fetch_inside "$web" http://db-2.peers.smoke.svc.cluster.local:8080/index.html db-2
check "its short name too" fetch_inside "$web" http://db-1.peers:8080/index.html db-1
check "a ClusterIP from a pod, by name" fetch_inside db-0 http://web/index.html ^web-
check "a ClusterIP from the host" fetch "http://$(field svc web '{.spec.clusterIP}')/index.html" ^web-
check "a pod's address from the host" \
  fetch "http://$(field pod db-0 '{.status.podIP}'):8080/index.html" db-0
python3 host-server.py "$CL_HOST_IP" 18080 >/dev/null & server=$!
eventually 5 curl -sf --max-time 1 "http://$CL_HOST_IP:18080/"
check "the host from a pod" fetch_inside db-0 "http://$CL_HOST_IP:18080/" 'host sees'
check "the host from a pod, by name" fetch_inside db-0 http://kafka.cluster.test:18080/ 'host sees'
logs() { k logs "$web" | grep 'started web'; }
check "logs" logs
forward() {
  local pid result=0
  kubectl -n smoke port-forward pod/db-1 18081:8080 >/dev/null 2>&1 & pid=$!
  eventually 5 fetch http://127.0.0.1:18081/index.html db-1 || result=1
  kill "$pid"
  return $result
}
check "port-forward" forward

uid=$(field pod db-1 '{.metadata.uid}')
replaced() {
  local now
  now=$(field pod db-1 '{.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}')
  [ "${now% True}" != "$now" ] && [ "${now% True}" != "$uid" ]
}
force_delete() { k delete pod db-1 --grace-period=0 --force && eventually 20 replaced; }
check "a pod deleted by force comes back under its name" force_delete
check "… with its volume (two lines)" inside db-1 '[ $(grep -c db-1 /data/index.html) = 2 ]'
kill_container() {
  ./chaos.sh kill "$(field pod db-2 '{.spec.nodeName}')" \
    "$(field pod db-2 '{.status.containerStatuses[0].containerID}')" KILL
}
check "a container's process killed" kill_container
restarted() {
  [ "$(field pod db-2 '{.status.containerStatuses[0].restartCount}{.status.containerStatuses[0].ready}')" = 1true ]
}
check "… restarted and ready" eventually 20 restarted
scaled_up() { k scale sts/db --replicas 5 && k rollout status sts/db --timeout=60s; }
check "StatefulSet scaled from 3 to 5" scaled_up
two_left() { [ "$(lines pvc) $(lines pod -l app=db)" = '2 2' ]; }
scaled_down() { k scale sts/db --replicas 2 && eventually 30 two_left; }
check "scaled to 2, the other volume claims deleted" scaled_down
check "restricted pod security refuses a root pod" \
  refused k run bad --image=cluster.test/tools:1 --restart=Never

widget() {
  printf 'apiVersion: cluster.test/v1\nkind: Widget\nmetadata: {name: w, namespace: smoke}\n%s\n' \
    "spec: {parallelism: $1, partitions: $2}" | kubectl apply -f -
}
kubectl wait --for=condition=Established crd/widgets.cluster.test --timeout=10s >/dev/null
check "custom object created" widget 2 4
check "CEL: parallelism > partitions refused" refused widget 5 4
check "CEL transition rule: partitions cannot change" refused widget 2 8
scale_widget() {
  k scale widget/w --replicas 4 && [ "$(field widget w '{.spec.parallelism}')" = 4 ]
}
check "scale subresource" scale_widget
check "scaling past CEL refused" refused k scale widget/w --replicas 9
check "leader election leases" kubectl -n kube-system get lease kube-controller-manager kube-scheduler
no_rights() { [ "$(k auth can-i list pods --as system:serviceaccount:smoke:default)" = no ]; }
check "a service account without rights is refused" no_rights
pod_token() {
  local token
  token=$(inside "$web" 'cat /var/run/secrets/kubernetes.io/serviceaccount/token')
  curl -sf --cacert "$CL_RUN/pki/ca.crt" -H "Authorization: Bearer $token" \
    "https://${CL_SVC_CIDR%.*}.1/version" | grep v1.35
}
check "a pod's token works at the API's ClusterIP" pod_token

mkdir -p "$work/chart/templates"
printf 'apiVersion: v2\nname: tiny\nversion: 0.1.0\n' >"$work/chart/Chart.yaml"
echo 'msg: hi' >"$work/chart/values.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n%s\n' \
  'data: {m: {{ .Values.msg | quote }}}' >"$work/chart/templates/cm.yaml"
check "helm install" helm install tiny "$work/chart" -n smoke --set msg=one
helm_cycle() {
  helm upgrade tiny "$work/chart" -n smoke --set msg=two && [ "$(field cm tiny '{.data.m}')" = two ] &&
    helm rollback tiny 1 -n smoke && [ "$(field cm tiny '{.data.m}')" = one ] &&
    helm uninstall tiny -n smoke
}
check "helm upgrade, rollback, uninstall" helm_cycle

# an image made without a daemon, pushed to the local registry, pulled by the kubelet
mkdir -p "$work/root/bin"
cp "$(command -v busybox)" "$work/root/bin/sh"
own_pod() {
  cat <<P
apiVersion: v1
kind: Pod
metadata: {name: own, namespace: smoke}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: own
    image: $CL_REGISTRY/own:1
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
P
}
own_image() {
  python3 "$ROOT/tests/images/mkimage.py" own:1 "$work/own.tar" --root "$work/root" \
    --entrypoint '["/bin/sh","-c","echo own image; sleep 3600"]' &&
    crane push --insecure "$work/own.tar" "$CL_REGISTRY/own:1" >/dev/null &&
    own_pod | kubectl apply -f - && k wait --for=condition=Ready pod/own --timeout=30s
}
if ldd "$work/root/bin/sh" >/dev/null 2>&1; then
  cp -rL "$("$ROOT/tests/images/base.sh")/." "$work/root/"   # a dynamic busybox needs its libraries
fi
check "own image: made, pushed, pulled, run" own_image

k delete pod own --grace-period=1 --wait=false >/dev/null 2>&1
check "namespace deleted with all in it" kubectl delete ns smoke --timeout=60s
volumes_gone() { [ -z "$(find "$CL_RUN/pv" -mindepth 2)" ]; }
check "the volumes' folders are gone" eventually 10 volumes_gone
kubectl delete crd widgets.cluster.test >/dev/null
echo "$passed passed, $failed failed"
[ $failed = 0 ]
