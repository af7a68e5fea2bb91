#!/usr/bin/env bash
# go-tool.sh ensure minio|toxiproxy   builds it once from the Go module proxy; prints the path of the server
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build() {
  local name=$1 target=$2 binary=$3 new; shift 3
  [ ! -x "$target" ] || return 0   # another process was quicker
  new=$(mktemp -d "$STREAMJOB_CACHE/go/.new.XXXXXX")
  CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOBIN=$new quietly "building $name" \
    "$STREAMJOB_CACHE/logs/$name.log" thrice go install -v -ldflags '-s -w' "$@" || { rm -rf "$new"; return 1; }
  mkdir -p "${target%/*}"
  mv "$new/$binary" "$target"
  rm -rf "$new"
}

[ "${1:-}" = ensure ] || die "usage: go-tool.sh ensure minio|toxiproxy"
case ${2:-} in
  minio) version=$MINIO_VERSION binary=minio packages=("github.com/minio/minio@$MINIO_VERSION") ;;
  toxiproxy) version=$TOXIPROXY_VERSION binary=server
    packages=("github.com/Shopify/toxiproxy/v2/cmd/server@$TOXIPROXY_VERSION") ;;
  *) die "unknown tool: ${2:-}" ;;
esac
target=$STREAMJOB_CACHE/go/$2/$version/$2
if [ ! -x "$target" ]; then
  command -v go >/dev/null || die "go is missing: install Go 1.21 or newer, https://go.dev/dl"
  mkdir -p "$STREAMJOB_CACHE/go"
  locked "$2" build "$2" "$target" "$binary" "${packages[@]}"
fi
echo "$target"
