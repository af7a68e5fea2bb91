#!/usr/bin/env bash
# install.sh [build|kafka|cluster|all]…   the Debian packages of a group (default: all). Quick when they
# are there. As root it installs what is missing; as another user it prints the command to run.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Compiling: RocksDB, librdkafka and their bindings.
build=(build-essential cmake clang libclang-dev pkg-config libssl-dev zlib1g-dev libcurl4-openssl-dev
  ca-certificates curl git jq python3 valgrind)
# Running Apache Kafka.
kafka=(openjdk-17-jdk-headless maven openssl)
# Running a Kubernetes node, and making images.
cluster=(containerd runc containernetworking-plugins iptables nftables conntrack ipset ethtool socat
  iproute2 jq procps kmod util-linux openssl curl ca-certificates python3 busybox dpkg)

wanted=()
for group in "${@:-all}"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    kafka) wanted+=("${kafka[@]}") ;;
    cluster) wanted+=("${cluster[@]}") ;;
    all) wanted+=("${build[@]}" "${kafka[@]}" "${cluster[@]}") ;;
    *) die "unknown group: $group (build, kafka, cluster or all)" ;;
  esac
done

# What a tool is needed for matters, not which package it comes from: another JDK or clang is welcome.
provided() {
  case $1 in
    openjdk-17-jdk-headless) java -version >/dev/null 2>&1 && command -v javac >/dev/null ;;
    maven) command -v mvn >/dev/null ;;
    busybox) command -v busybox >/dev/null ;;
    *) return 1 ;;
  esac
}
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null | awk '$2 == "installed" {print $1}')
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<<"$installed" || provided "$package" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  command="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  [ "$(id -u)" = 0 ] || die "packages are missing; as root run: $command"
  export DEBIAN_FRONTEND=noninteractive
  install() { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; }
  install_stubbornly() { thrice install; }
  locked apt quietly "installing ${#missing[@]} Debian packages" "$STREAMJOB_CACHE/logs/apt.log" install_stubbornly
fi

need() { command -v "$1" >/dev/null || die "$1 is missing: $2"; }
for group in "${@:-all}"; do
  case $group in
    build) need cargo "install Rust, https://rustup.rs (the version is in rust-toolchain.toml)" ;;
    kafka) ;;
    cluster) need go "install Go 1.21 or newer, https://go.dev/dl (it fetches the version it needs)" ;;
    all) need cargo "install Rust, https://rustup.rs"; need go "install Go, https://go.dev/dl" ;;
  esac
done
