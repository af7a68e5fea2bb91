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
    thrice mvn -q -B -f "$here/pom.xml" -P "kafka${version%%.*}" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$new/lib" -Dkafka.version="$version" \
    -Dlog4j2.version="$LOG4J2_VERSION" -Dreload4j.version="$RELOAD4J_VERSION" \
    -Dslf4j1.version="$SLF4J1_VERSION" || { rm -rf "$new"; return 1; }
  touch "$new/lib/.complete"
  chmod 755 "$new"
  rm -rf "${lib%/*}"
  mv "$new" "${lib%/*}"
}

# Two things of a version that are the same for every broker are made once: a formatted data folder, and an
# archive of the classes that a broker loads. They halve the time until a broker is ready.
prepare() {
  local home=$1 dir=$1/first port=$((20000 + RANDOM % 10000)) java
  [ ! -e "$home/.prepared" ] || return 0   # another process was quicker
  rm -rf "$dir" "$home/formatted" "$home/classes.jsa"
  mkdir "$dir"
  properties "$dir" 127.0.0.1 "$port" $((port + 1))
  java=$(java_command "$home"); mapfile -t java <<<"$java"
  "${java[@]}" kafka.tools.StorageTool format -t c3RyZWFtam9idGVzdHMxMQ -c "$dir/server.properties" \
    >"$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; die "formatting failed"; }
  cp -r "$dir/data" "$home/formatted"
  # The archive is an extra: without it (a port in use, another Java) brokers start, only slower.
  "${java[@]}" -XX:ArchiveClassesAtExit="$home/classes.jsa" kafka.Kafka "$dir/server.properties" \
    >"$dir/kafka.log" 2>&1 </dev/null {lock_fd}>&- &
  echo $! >"$dir/kafka.pid"
  wait_until 60 "Kafka started" started_or_dead "$dir" || true
  stop_pid_file "$dir/kafka.pid" "$dir/server.properties"
  rm -rf "$dir"
  touch "$home/.prepared"
}

# ensure_home VERSION: fetches and prepares it; prints its folder.
ensure_home() {
  local version home
  version=$(resolve "${1:-}")
  home=$STREAMJOB_CACHE/kafka/$version
  if [ ! -e "$home/.prepared" ]; then
    "$ROOT/tests/tools/install.sh" kafka
    mkdir -p "$STREAMJOB_CACHE/kafka"
    locked "kafka-$version" fetch "$version" "$home/lib"
    locked "kafka-$version" prepare "$home"
  fi
  echo "$home"
}

ensure() { local home; home=$(ensure_home "${1:-}"); echo "$home/lib"; }

# java_command HOME: one word a line, up to the class. Only the quick compiler, and the serial collector:
# less CPU in runs of seconds to minutes.
java_command() {
  printf '%s\n' java -Xms64m "-Xmx${KAFKA_HEAP:-512m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1
  [ ! -e "$1/classes.jsa" ] || printf '%s\n' -Xshare:auto "-XX:SharedArchiveFile=$1/classes.jsa"
  printf '%s\n' "-Dlog4j2.configurationFile=$here/log4j2.properties" \
    "-Dlog4j.configuration=file:$here/log4j.properties" -cp "$1/lib/*"
}

# properties DIR HOST PORT CONTROLLER_PORT [KEY=VALUE…]
properties() {
  sed -e "s|@HOST@|$2|g; s|@PORT@|$3|g; s|@CONTROLLER_PORT@|$4|g; s|@DATA@|$1/data|g" \
    "$here/server.properties.in" >"$1/server.properties"
  [ $# = 4 ] || printf '%s\n' "${@:5}" >>"$1/server.properties"
}

# format HOME DIR: the data folder of the node that DIR/server.properties describes. Only its ids differ.
format() {
  local node
  node=$(sed -n 's/^node\.id=//p' "$2/server.properties" | tail -n 1)
  cp -r "$1/formatted" "$2/data"
  sed -i "s/^node\.id=.*/node.id=$node/; s/^directory\.id=.*/directory.id=$(head -c 16 /dev/urandom |
    base64 | tr '+/' 'Aa' | cut -c 1-22)/" "$2/data/meta.properties"
}

start() {
  local dir=$1 port=$2 home java; shift 2
  mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
  ! is_ours "$(cat "$dir/kafka.pid" 2>/dev/null)" "$dir/server.properties" || die "already runs: $dir"
  home=$(ensure_home "${KAFKA_VERSION:-}")
  properties "$dir" "${KAFKA_HOST:-127.0.0.1}" "$port" "${KAFKA_CONTROLLER_PORT:-$((port + 1))}" "$@"
  [ -e "$dir/data" ] || format "$home" "$dir"
  java=$(java_command "$home"); mapfile -t java <<<"$java"
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
  local home java
  home=$(ensure_home "${KAFKA_VERSION:-}")
  java=$(java_command "$home"); mapfile -t java <<<"$java"
  "${java[@]}" "$@"
}

command_line() { local home; home=$(ensure_home "${1:-}"); java_command "$home"; }

case ${1:-} in
  ensure) ensure "${2:-}" ;;
  command) command_line "${2:-}" ;;
  start) [ $# -ge 3 ] || die "usage: kafka.sh start DIR PORT [KEY=VALUE…]"; start "${@:2}" ;;
  stop) stop "${2:?DIR}" ;;
  tool) tool "${@:2}" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
