#!/usr/bin/env bash
# A real Apache Kafka: one node in KRaft mode, from Maven Central, without an installation.
#   kafka.sh ensure [VERSION]            fetches the jars once; prints their folder
#   kafka.sh command [VERSION]           prints the java command up to the class, one word a line
#   kafka.sh start DIR PORT [KEY=VALUE…] formats DIR when it is empty, starts, waits, prints the pid
#   kafka.sh stop DIR                    ends it (the data stay; `start` goes on with them)
#   kafka.sh tool CLASS [ARGUMENT…]      a tool, e.g. org.apache.kafka.tools.TopicCommand
# VERSION is a version, `newest` (default) or `oldest`. Environment: KAFKA_VERSION (start, tool),
# KAFKA_HOST (127.0.0.1), KAFKA_CONTROLLER_PORT (PORT + 1), KAFKA_HEAP (512m).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
here=$ROOT/tests/tools/kafka

resolve() {
  case ${1:-newest} in newest) echo "$KAFKA_NEWEST" ;; oldest) echo "$KAFKA_OLDEST" ;; *) echo "$1" ;; esac
}

fetch() {
  local version=$1 lib=$2 new
  [ ! -e "$lib/.complete" ] || return 0   # another process was quicker
  new=$(mktemp -d "${lib%/*}.XXXXXX")
  quietly "fetching Kafka $version" "$STREAMJOB_CACHE/logs/kafka-$version.log" \
    mvn -q -B -f "$here/pom.xml" -P "kafka${version%%.*}" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$new/lib" -Dkafka.version="$version" \
    -Dlog4j2.version="$LOG4J2_VERSION" -Dreload4j.version="$RELOAD4J_VERSION" \
    -Dslf4j1.version="$SLF4J1_VERSION" || { rm -rf "$new"; return 1; }
  touch "$new/lib/.complete"
  chmod 755 "$new"
  rm -rf "${lib%/*}"
  mv "$new" "${lib%/*}"
}

ensure() {
  local version lib
  version=$(resolve "${1:-}")
  lib=$STREAMJOB_CACHE/kafka/$version/lib
  if [ ! -e "$lib/.complete" ]; then
    "$ROOT/tests/tools/install.sh" kafka
    mkdir -p "$STREAMJOB_CACHE/kafka"
    locked "kafka-$version" fetch "$version" "$lib"
  fi
  echo "$lib"
}

java_command() {
  local lib heap=${KAFKA_HEAP:-512m}
  lib=$(ensure "${1:-}")
  # the quick compiler only and the serial collector: less CPU in runs of seconds to minutes
  printf '%s\n' java -Xms64m "-Xmx$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
    "-Dlog4j2.configurationFile=$here/log4j2.properties" \
    "-Dlog4j.configuration=file:$here/log4j.properties" -cp "$lib/*"
}

start() {
  local dir=$1 port=$2 host=${KAFKA_HOST:-127.0.0.1} controller java; shift 2
  controller=${KAFKA_CONTROLLER_PORT:-$((port + 1))}
  mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
  ! is_ours "$(cat "$dir/kafka.pid" 2>/dev/null)" "$dir/server.properties" || die "already runs: $dir"
  sed -e "s|@HOST@|$host|g; s|@PORT@|$port|g; s|@CONTROLLER_PORT@|$controller|g; s|@DATA@|$dir/data|g" \
    "$here/server.properties.in" >"$dir/server.properties"
  [ $# = 0 ] || printf '%s\n' "$@" >>"$dir/server.properties"
  java=$(java_command "${KAFKA_VERSION:-}"); mapfile -t java <<<"$java"
  [ -e "$dir/data/meta.properties" ] || "${java[@]}" kafka.tools.StorageTool format \
    -t c3RyZWFtam9idGVzdHMxMQ -c "$dir/server.properties" >"$dir/format.log" 2>&1 ||
    { cat "$dir/format.log" >&2; die "formatting $dir failed"; }
  : >"$dir/kafka.log"
  setsid "${java[@]}" kafka.Kafka "$dir/server.properties" >"$dir/kafka.log" 2>&1 </dev/null &
  echo $! >"$dir/kafka.pid"
  wait_until 60 "Kafka started" started_or_dead "$dir" || true
  is_started "$dir" || { tail -n 30 "$dir/kafka.log" >&2; stop "$dir"; die "Kafka did not start: $dir"; }
  cat "$dir/kafka.pid"
}

is_started() { grep -q 'Kafka Server started' "$1/kafka.log"; }

started_or_dead() { is_started "$1" || ! kill -0 "$(cat "$1/kafka.pid")" 2>/dev/null; }

stop() {
  local dir; dir=$(cd "$1" && pwd)
  stop_pid_file "$dir/kafka.pid" "$dir/server.properties"
}

tool() {
  local java
  java=$(java_command "${KAFKA_VERSION:-}"); mapfile -t java <<<"$java"
  "${java[@]}" "$@"
}

case ${1:-} in
  ensure) ensure "${2:-}" ;;
  command) java_command "${2:-}" ;;
  start) [ $# -ge 3 ] || die "usage: kafka.sh start DIR PORT [KEY=VALUE…]"; start "${@:2}" ;;
  stop) stop "${2:?DIR}" ;;
  tool) tool "${@:2}" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
