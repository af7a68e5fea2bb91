#!/usr/bin/env bash
# The systems that the benchmark compares with: from Maven Central, without an installation.
#   peer.sh ensure flink|kafka-streams    fetches the jars and compiles the program once; prints its folder
#   peer.sh command flink|kafka-streams   prints the java command up to the main class, one word a line
#   peer.sh check                         the projects are well-formed; fetches nothing
# Environment: PEER_PROCESSORS (what the JVM believes to have; default: all), PEER_HEAP (2g).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"
here=$ROOT/tests/bench

main_class() {
  case $1 in
    flink) echo dev.streamjob.bench.FlinkSql ;;
    kafka-streams) echo dev.streamjob.bench.Streams ;;
    *) die "unknown peer: $1 (flink or kafka-streams)" ;;
  esac
}

# versions PEER: the properties that its project leaves open.
versions() {
  echo "-Dlog4j2.version=$LOG4J2_VERSION"
  case $1 in
    flink) printf '%s\n' "-Dflink.version=$FLINK_VERSION" "-Dconnector.version=$FLINK_CONNECTOR_VERSION" ;;
    kafka-streams) printf '%s\n' "-Dkafka.version=$KAFKA_NEWEST" "-Djackson.version=$JACKSON_VERSION" ;;
  esac
}

digest() { cat "$@" | sha256sum | cut -c 1-12; }

# Jars change with the project and its versions, the program with its sources; each has a folder of its own.
jars_folder() { echo "$STREAMJOB_CACHE/peers/$1-jars-$( (cat "$here/$1/pom.xml"; versions "$1") | digest -)"; }

classes_folder() {
  local sources
  mapfile -t sources < <(find "$here/$1/src" -name '*.java' | sort)
  echo "$STREAMJOB_CACHE/peers/$1-classes-$(digest "${sources[@]}" "$here/$1/pom.xml")"
}

# atomically FOLDER COMMAND…: COMMAND fills the folder whose name is its last argument.
atomically() {
  local folder=$1 new; shift
  [ ! -e "$folder" ] || return 0
  new=$(mktemp -d "$folder.XXXXXX")
  "$@" "$new" || { rm -rf "$new"; return 1; }
  chmod 755 "$new"
  mv -T "$new" "$folder" 2>/dev/null || rm -rf "$new"
}

fetch() {
  local peer=$1 folder=$2 properties
  mapfile -t properties < <(versions "$peer")
  quietly "fetching $peer" "$STREAMJOB_CACHE/logs/peer-$peer.log" \
    thrice mvn -q -B -f "$here/$peer/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$folder" "${properties[@]}"
}

compile() {
  local peer=$1 jars=$2 folder=$3
  find "$here/$peer/src" -name '*.java' -exec javac --release 17 -d "$folder" -cp "$jars/*" {} +
}

ensure() {
  local peer=$1 jars classes
  main_class "$peer" >/dev/null
  jars=$(jars_folder "$peer") classes=$(classes_folder "$peer")
  if [ ! -e "$jars" ] || [ ! -e "$classes" ]; then
    "$ROOT/tests/tools/install.sh" kafka
    mkdir -p "$STREAMJOB_CACHE/peers"
    locked "peer-$peer" atomically "$jars" fetch "$peer"
    locked "peer-$peer" atomically "$classes" compile "$peer" "$jars"
  fi
  printf '%s\n' "$classes" "$jars"
}

# One heap for all peers, claimed at once, and the collector that costs least processor time in all.
command_line() {
  local peer=$1 main folders heap=${PEER_HEAP:-2g}
  main=$(main_class "$peer") folders=$(ensure "$peer")
  mapfile -t folders <<<"$folders"
  printf '%s\n' java "-Xms$heap" "-Xmx$heap" -XX:+UseParallelGC
  [ -z "${PEER_PROCESSORS:-}" ] || echo "-XX:ActiveProcessorCount=$PEER_PROCESSORS"
  [ "$peer" != flink ] || opened
  printf '%s\n' "-Dlog4j2.configurationFile=$here/log4j2.properties" -cp "${folders[0]}:${folders[1]}/*" "$main"
}

# What Flink looks into by reflection.
opened() {
  local package
  for package in java.lang java.lang.reflect java.io java.net java.nio java.text java.time java.util \
    java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks sun.net.util sun.nio.ch; do
    echo "--add-opens=java.base/$package=ALL-UNNAMED"
  done
}

check() {
  python3 - "$here"/*/pom.xml <<'PYTHON'
import sys, xml.etree.ElementTree as xml
for path in sys.argv[1:]:
    project = xml.parse(path).getroot()
    space = project.tag.partition("}")[0] + "}"
    dependencies = project.findall(f"{space}dependencies/{space}dependency")
    assert dependencies, f"{path}: no dependencies"
    for dependency in dependencies:
        version = dependency.findtext(f"{space}version") or ""
        assert version.startswith("${"), f"{path}: a version that versions.env does not give: {version}"
PYTHON
  local peer
  for peer in flink kafka-streams; do
    main_class "$peer" | tr . / | while read -r path; do
      [ -e "$here/$peer/src/main/java/$path.java" ] || die "$peer: $path.java is missing"
    done
  done
}

case ${1:-} in
  ensure) ensure "${2:?PEER}" ;;
  command) command_line "${2:?PEER}" ;;
  check) check ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
