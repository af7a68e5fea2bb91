#!/usr/bin/env bash
# Removes everything that this project keeps in its cache folder: built programs, tools, servers, logs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$ROOT/tests/tools/cluster.sh" down
for folder in target kafka go cluster images logs locks; do
  rm -rf "${STREAMJOB_CACHE:?}/$folder"
done
rmdir "$STREAMJOB_CACHE" 2>/dev/null || say "left in $STREAMJOB_CACHE: what does not belong to this project"
