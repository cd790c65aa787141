#!/bin/sh
# Holds every open position against the chain, by the running desk. For cron, daily at 04:00 UTC:
#   0 4 * * *  CHIMERA_API_KEY_FILE=/etc/chimera/cron.key /opt/chimera/ops/reconcile.sh
# The desk does the same by itself at that hour; this one tells cron, which tells a person, when it could not, or
# when something is left to look at. The key needs the role operator: `chimera keys create cron --role operator`.
# Exit codes: 0 nothing to look at · 1 something is, or the desk does not answer · 2 wrong usage.
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
[ "$status" -eq 0 ] || echo "reconcile: exit code $status; see docs/http.md and chimera reconcile --help" >&2
exit "$status"
