#!/bin/sh
# Runs the dashboard's unit tests and leaves vitest's JSON report at $1. Exit code 3: they could not be run.
set -eu
cd "$(dirname "$0")/../.."
report=$(realpath "$1")
. ops/setup/node.sh
[ -d web/node_modules ] || exit 3
find_node || exit 3
cd web
npm exec --offline -- vitest run --reporter=default --reporter=json --outputFile.json="$report"
