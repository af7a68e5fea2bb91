# shellcheck shell=bash
# Sourced by every script of this folder. Knobs are CL_*; every path hangs off the cache folder, none off
# the checkout.
CL_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CL_DIR/../tools/lib.sh"
CL_BIN=${CL_BIN:-$STREAMJOB_CACHE/cluster/bin}   # built tools (build.sh)
CL_IMG=${CL_IMG:-$STREAMJOB_CACHE/cluster/img}   # image archives (images.sh)
CL_RUN=${CL_RUN:-$STREAMJOB_CACHE/cluster/run}   # state of the running cluster; down.sh removes it
CL_OWNER=${CL_OWNER:-$ROOT}                      # who started it; others may neither stop nor replace it
CL_NODES=${CL_NODES:-1}                          # real nodes, 1 to 3
CL_PROXY_MODE=${CL_PROXY_MODE:-nftables}         # or iptables
CL_WAIT=${CL_WAIT:-0}                            # seconds that up.sh waits for another owner's cluster to end
# There is one cluster at a time on a machine: links, addresses and cgroups have fixed names.
CL_BRIDGE=sj0
CL_HOST_IP=172.30.0.1                            # the host on the bridge: API server, registry, test servers
CL_SVC_CIDR=10.96.0.0/16
CL_POD_CIDR=10.244.0.0/16                        # node i: 172.30.0.(10+i), pods 10.244.i.0/24
CL_DNS_IP=10.96.0.10
CL_REGISTRY=$CL_HOST_IP:5000
export CL_BIN CL_IMG CL_RUN CL_OWNER CL_PROXY_MODE CL_NODES CL_SVC_CIDR CL_POD_CIDR CL_DNS_IP CL_REGISTRY
export KUBECONFIG=$CL_RUN/admin.kubeconfig
PATH=$CL_BIN:$PATH

node_ip() { echo "172.30.0.$((10 + $1))"; }

# node_pid NAME: the process that is PID 1 of the node.
node_pid() { cat "$CL_RUN/$1/init.pid"; }

# Lines on standard output with the seconds since the script started.
clock_start=$EPOCHREALTIME
step() { printf '%7s s  %s\n' "$(seconds "$(millis_since "$clock_start")")" "$*"; }

# The owner's name lies on the bridge itself, so that making the bridge is the claim.
cluster_owner() {
  ip -o link show "$CL_BRIDGE" 2>/dev/null | sed -n 's/.*alias \(.*\)$/\1/p'
}
