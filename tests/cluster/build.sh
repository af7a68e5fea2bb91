#!/usr/bin/env bash
# Builds every cluster tool from the Go module proxy into $CL_BIN, unless what lies there was built from
# the same sources. One module, one `go build`: shared packages compile once.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
tools=$CL_DIR/tools
components=(etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)
packages=(./kube ./coredns ./pause ./localpv k8s.io/kubernetes/cmd/kubectl go.etcd.io/etcd/etcdctl/v3
  helm.sh/helm/v4/cmd/helm github.com/google/go-containerregistry/cmd/crane)

pinned() { grep -qE "^[[:space:]]+$1 $2( |\$)" "$tools/go.mod" || die "go.mod and versions.env disagree on $1"; }
pinned k8s.io/kubernetes "$KUBERNETES_VERSION"
pinned go.etcd.io/etcd/server/v3 "$ETCD_VERSION"
pinned github.com/coredns/coredns "$COREDNS_VERSION"
pinned helm.sh/helm/v4 "$HELM_VERSION"
pinned github.com/google/go-containerregistry "$CRANE_VERSION"

stamp() { cat "$tools"/go.{mod,sum} "$tools"/*/*.go "$CL_DIR/build.sh" | sha256sum | cut -c1-32; }

fresh() {
  local file
  [ "$(cat "$CL_BIN/.stamp" 2>/dev/null)" = "$(stamp)" ] || return 1
  for file in kube coredns pause localpv kubectl etcdctl helm crane "${components[@]}"; do
    [ -x "$CL_BIN/$file" ] || return 1
  done
}

compile() {
  local version=$KUBERNETES_VERSION flags="-s -w" package minor
  minor=${version#v1.}; minor=${minor%%.*}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor"
    flags+=" -X $package.gitTreeState=clean"
  done
  cd "$tools"
  CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' \
    thrice go build -v -ldflags "$flags" -o "$CL_BIN/" "${packages[@]}"
}

build() {
  local component
  ! fresh || return 0   # another process was quicker
  mkdir -p "$CL_BIN"
  rm -f "$CL_BIN/.stamp"
  quietly "building the cluster's tools (5 to 10 minutes the first time)" \
    "$STREAMJOB_CACHE/logs/cluster-build.log" compile
  for component in "${components[@]}"; do ln -sf kube "$CL_BIN/$component"; done
  stamp >"$CL_BIN/.stamp"
}

fresh || locked cluster-build build
