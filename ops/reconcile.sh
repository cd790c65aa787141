#!/bin/sh
# Holds every open position against the chain, by the running desk; where none answers, by its books alone.
# For cron, daily at 04:00 UTC:
#   0 4 * * *  CHIMERA_API_KEY_FILE=/etc/chimera/cron.key /opt/chimera/ops/reconcile.sh
# The desk does the same by itself at that hour; this one tells cron, which tells a person, when it could not, or
# when something is left to look at. The key needs the role operator: `chimera keys create cron --role operator`.
# Without a desk the books are found by config.yaml, CHIMERA_DATA_DIR or --config / --data-dir, and a node is asked.
# Exit codes: 0 nothing to look at · 1 something is, or the chain does not answer · 2 wrong usage, or a desk that
# runs and does not answer.
set -eu
cd "$(dirname "$0")/.."

if [ -z "${CHIMERA_API_KEY:-}" ] && [ -n "${CHIMERA_API_KEY_FILE:-}" ]; then
  [ -r "$CHIMERA_API_KEY_FILE" ] || {
    echo "reconcile: cannot read the file named in CHIMERA_API_KEY_FILE" >&2
    exit 2
  }
  CHIMERA_API_KEY=$(tr -d '\n\r' <"$CHIMERA_API_KEY_FILE")
  export CHIMERA_API_KEY
fi

[ -x .venv/bin/chimera ] || {
  echo "reconcile: there is no .venv/bin/chimera; run make setup" >&2
  exit 2
}
status=0
.venv/bin/chimera reconcile --because "cron" "$@" || status=$?
if [ "$status" -eq 4 ]; then
  status=0
  .venv/bin/chimera reconcile --because "cron, no desk" --offline "$@" || status=$?
fi
[ "$status" -eq 0 ] || echo "reconcile: exit code $status; see docs/http.md and chimera reconcile --help" >&2
exit "$status"
