#!/usr/bin/env bash
# The images of the cluster itself, imported into each node's containerd: $CL_IMG/node/*.tar.
# Skipped when they were made from the same tools.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
image() { python3 "$ROOT/tests/images/mkimage.py" "$1" "$2" --gzip 0 "${@:3}"; }

stamp() { cat "$CL_BIN/.stamp" "$CL_DIR/images.sh" "$ROOT"/tests/images/{base.sh,mkimage.py} | sha256sum; }

make() {
  local base applet new=$CL_IMG/node.new
  [ "$(cat "$CL_IMG/.stamp" 2>/dev/null)" != "$(stamp)" ] || return 0
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  base=$("$ROOT/tests/images/base.sh")
  rm -rf "$new"; mkdir -p "$new" "$work"/{pause,coredns}
  cp "$CL_BIN/pause" "$work/pause/"
  cp "$CL_BIN/coredns" "$work/coredns/"
  image cluster.test/pause:1 "$new/pause.tar" --root "$work/pause" --entrypoint /pause
  image cluster.test/coredns:1 "$new/coredns.tar" --root "$work/coredns" --entrypoint /coredns
  # tools: the base and busybox, for probes inside the cluster. The dynamic busybox: the static one
  # crashes when it resolves names.
  download() { cd "$work" && apt-get download -q -o APT::Sandbox::User=root busybox; }
  (download) >"$work/log" 2>&1 || { cat "$work/log" >&2; die "apt-get download busybox failed"; }
  dpkg-deb -x "$work"/busybox_*.deb "$work/tools"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -sf busybox "$work/tools/bin/$applet"
  done
  image cluster.test/tools:1 "$new/tools.tar" --root "$base" --root "$work/tools" --entrypoint /bin/sh
  rm -rf "$CL_IMG/node"; mv "$new" "$CL_IMG/node"
  stamp >"$CL_IMG/.stamp"
  say "cluster images: $(du -sh "$CL_IMG/node" | cut -f1) in $CL_IMG/node"
}

mkdir -p "$CL_IMG"
locked cluster-images make
