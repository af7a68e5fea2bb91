#!/usr/bin/env bash
# Prints the folder of the base of all images: the Debian packages that a Rust program with C and C++
# parts needs at run time, unpacked; no shell, no package manager. Made once, then reused.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"
packages=(libc6 libgcc-s1 libstdc++6 zlib1g libssl3 ca-certificates)
base=$STREAMJOB_CACHE/images/base
stamp=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-32)

make() {
  local deb
  [ "$(cat "$base/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  work=$(mktemp -d "$STREAMJOB_CACHE/images/.new.XXXXXX"); trap 'rm -rf "$work"' EXIT
  mkdir "$work/debs" "$work/root"
  chmod 755 "$work" "$work/root"
  download() { cd "$work/debs" && apt-get download -q -o APT::Sandbox::User=root "${packages[@]}"; }
  # the index may be missing or old: as root it can be fetched
  refresh() { [ "$(id -u)" = 0 ] && apt-get update && (download); }
  { (download) || thrice refresh; } >"$work/log" 2>&1 || { cat "$work/log" >&2; die "apt-get download failed"; }
  mkdir -p "$work/root/usr/share/streamjob"
  for deb in "$work"/debs/*.deb; do
    dpkg-deb -x "$deb" "$work/root"
    dpkg-deb -W --showformat '${Package} ${Version}\n' "$deb" >>"$work/root/usr/share/streamjob/packages"
  done
  prune "$work/root"
  rm -rf "$base"
  mkdir -p "$base"
  mv "$work/root" "$base/root"
  echo "$stamp" >"$base/.stamp"
}

prune() {
  local root=$1 libraries=$1/usr/lib/x86_64-linux-gnu
  mkdir -p "$root"/etc/ssl/certs "$root/tmp"
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  # documentation, character set converters, locales, and what only scripts of the packages use
  rm -rf "$root"/usr/share/{doc,man,locale,lintian,info,ca-certificates,gcc,gdb,bug} "$root"/usr/sbin \
    "$root"/etc/{ld.so.conf.d,ca-certificates,ca-certificates.conf} "$root"/usr/lib/locale \
    "$root"/lib/x86_64-linux-gnu/gconv "$libraries"/{gconv,audit,engines-3,ossl-modules/legacy.so}
  chmod 1777 "$root/tmp"
  printf 'root:x:0:0::/:/none\nnonroot:x:65532:65532::/:/none\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
  printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
}

mkdir -p "$STREAMJOB_CACHE/images"
[ "$(cat "$base/.stamp" 2>/dev/null)" = "$stamp" ] || locked images-base make
echo "$base/root"
