#!/usr/bin/env bash
# images.sh TARGET_DIR REGISTRY TAG   makes the images of the worker and the operator from the binaries in
# TARGET_DIR/debug, pushes them to REGISTRY/streamjob-{worker,operator}:TAG and prints, per image, its
# reference by digest and its size as the registry stores it. No daemon, no root.
# Beside each binary it writes its bill of materials, NAME.cdx.json.
# images.sh TARGET_DIR   makes them, pushes nothing and prints the same sizes.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"
[ $# = 3 ] || [ $# = 1 ] || die "usage: images.sh TARGET_DIR [REGISTRY TAG]"
target=$1/debug registry=${2:-} tag=${3:-dev}
worker_bytes_max=40000000
if [ -n "$registry" ]; then
  crane=${CL_BIN:-$STREAMJOB_CACHE/cluster/bin}/crane
  [ -x "$crane" ] || crane=$(command -v crane) || die "crane is missing; run tests/tools/cluster.sh ensure"
fi
# a registry on this machine speaks plain HTTP
case $registry in 127.* | localhost* | 172.30.0.1:*) insecure=(--insecure) ;; *) insecure=() ;; esac
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
base=$("$ROOT/tests/images/base.sh")

# Every shared library that the program names must be in the base.
check_libraries() {
  local library
  for library in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    [ -n "$(find "$base" -name "$library" -print -quit)" ] || die "$1 needs $library: add it to base.sh"
  done
}

# push BINARY: prints its reference by digest and sets `bytes`.
push() {
  local reference=$registry/$1:$tag digest
  "$crane" push "${insecure[@]}" "$work/$1.tar" "$reference" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; die "pushing $reference failed"; }
  digest=$("$crane" digest "${insecure[@]}" "$reference")
  bytes=$("$crane" manifest "${insecure[@]}" "$reference" | jq '.config.size + ([.layers[].size] | add)')
  printf '%s@%s %s bytes\n' "${reference%:*}" "$digest" "$bytes"
}

# Sets `bytes` to what a registry stores of BINARY's image: the blobs of its archive.
measure() {
  mkdir "$work/$1.blobs"
  tar -xf "$work/$1.tar" -C "$work/$1.blobs"
  bytes=$(find "$work/$1.blobs" -type f ! -name manifest.json -printf '%s\n' |
    awk '{ sum += $1 } END { print sum }')
  printf '%s %s bytes\n' "$1" "$bytes"
}

image() {
  local binary=$1 root=$work/$1 bytes
  [ -x "$target/$binary" ] || die "$target/$binary is missing: cargo build --bin $binary"
  mkdir -p "$root/usr/bin"
  chmod 755 "$root" "$root/usr" "$root/usr/bin"
  strip -o "$root/usr/bin/$binary" "$target/$binary"
  chmod 755 "$root/usr/bin/$binary"
  check_libraries "$root/usr/bin/$binary"
  python3 "$ROOT/tests/images/mkimage.py" "$binary:$tag" "$work/$binary.tar" --root "$base" --root "$root" \
    --entrypoint "/usr/bin/$binary" --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    --label "org.opencontainers.image.title=$binary" --label "org.opencontainers.image.version=$tag"
  python3 "$ROOT/tests/images/sbom.py" "$binary" "$base" >"$target/$binary.cdx.json"
  if [ -n "$registry" ]; then push "$binary"; else measure "$binary"; fi
  [ "$binary" != streamjob-worker ] || [ "$bytes" -le $worker_bytes_max ] ||
    die "the worker image is larger than $worker_bytes_max bytes"
}

image streamjob-worker
image streamjob-operator
