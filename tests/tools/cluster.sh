#!/usr/bin/env bash
# A real Kubernetes cluster on this machine; tests/cluster/ holds its parts and its README.
#   cluster.sh ensure   packages, tools and images, each once; prints the folder of the tools
#   cluster.sh up       ensure, then start it and wait until it is ready; prints times, then KUBECONFIG=…
#   cluster.sh down     stop it and remove every trace
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cluster/env.sh"

ensure() {
  "$ROOT/tests/tools/install.sh" cluster
  "$CL_DIR/build.sh"
  "$CL_DIR/images.sh"
}

case ${1:-} in
  ensure) ensure; echo "$CL_BIN" ;;
  up) ensure; "$CL_DIR/up.sh"; echo "KUBECONFIG=$KUBECONFIG" ;;
  down) "$CL_DIR/down.sh" ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
