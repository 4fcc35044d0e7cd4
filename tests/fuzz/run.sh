#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one fuzz target for some seconds, from the committed corpus and what earlier runs have found worth keeping.
# usage: run.sh TARGET NAME SECONDS
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work="build/fuzz/work/$2" committed="tests/fuzz/corpus/$2" log="build/fuzz/work/$2.log"
declare -a corpus=("$work/corpus")
mkdir -p "$work/corpus" "$work/findings"
[[ ! -d $committed ]] || corpus+=("$committed")
if "$1" -max_total_time="$3" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix="$work/findings/" "${corpus[@]}" >"$log" 2>&1; then
  grep -E 'number_of_executed_units|average_exec_per_sec' "$log" || true
  exit 0
fi
tail -n 60 "$log" >&2
echo "replay: $1 FILE, with the file named above in $work/findings" >&2
exit 1
