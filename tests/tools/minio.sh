#!/usr/bin/env bash
# A real S3-compatible object store: MinIO on one folder.
#   minio.sh ensure           builds it once; prints the path of the binary
#   minio.sh start DIR PORT   starts, waits until it answers, prints the pid
#   minio.sh stop DIR         ends it (the data stay)
# Environment: MINIO_HOST (127.0.0.1), MINIO_ROOT_USER and MINIO_ROOT_PASSWORD (both minioadmin).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ensure() { "$ROOT/tests/tools/go-tool.sh" ensure minio; }

start() {
  local dir=$1 port=$2 host=${MINIO_HOST:-127.0.0.1} binary
  binary=$(ensure)
  mkdir -p "$dir/data"; dir=$(cd "$dir" && pwd)
  ! is_ours "$(cat "$dir/minio.pid" 2>/dev/null)" "$dir/data" || die "already runs: $dir"
  export MINIO_ROOT_USER=${MINIO_ROOT_USER:-minioadmin} MINIO_ROOT_PASSWORD=${MINIO_ROOT_PASSWORD:-minioadmin}
  export MINIO_BROWSER=off MINIO_UPDATE=off MINIO_CALLHOME_ENABLE=off
  setsid "$binary" server --quiet --address "$host:$port" "$dir/data" >"$dir/minio.log" 2>&1 </dev/null &
  echo $! >"$dir/minio.pid"
  wait_until 30 "MinIO ready" curl -sf --max-time 2 "http://$host:$port/minio/health/ready" ||
    { tail -n 20 "$dir/minio.log" >&2; stop "$dir"; die "MinIO did not start: $dir"; }
  cat "$dir/minio.pid"
}

stop() { local dir; dir=$(cd "$1" && pwd); stop_pid_file "$dir/minio.pid" "$dir/data"; }

case ${1:-} in
  ensure) ensure ;;
  start) [ $# = 3 ] || die "usage: minio.sh start DIR PORT"; start "$2" "$3" ;;
  stop) stop "${2:?DIR}" ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
