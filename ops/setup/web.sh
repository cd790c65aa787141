#!/bin/sh
# Builds the dashboard from web/ into src/chimera/control/static, then touches the stamp file given as $1.
# Where Node or the npm registry cannot be had it says so and ends well, without the stamp: the product trades
# without a dashboard, its address then shows how to build one, and the next `make setup` tries again.
set -eu
cd "$(dirname "$0")/../.."
stamp=$1
. ops/setup/node.sh

later() {
  printf 'setup: %s. Going on without the dashboard; run "make setup" again to build it.\n' "$*" >&2
  exit 0
}

[ -f web/package-lock.json ] || later "web/ has no package-lock.json"
find_node || later "there is no Node 20.19 or newer, and PyPI did not give one"

repository=$PWD
cd web
if ! cmp -s package-lock.json node_modules/.installed-lock 2>/dev/null; then
  echo "setup: installing what web/package-lock.json names" >&2
  options="--prefer-offline --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=30000"
  # `npm ci` refuses a lock that names no copy of an optional package for some other platform, which is what npm
  # itself writes where the registry lacks one; `npm install --no-save` takes the same versions by the same hashes.
  # shellcheck disable=SC2086  # several words
  npm ci $options 2>../.venv/npm-ci.log >&2 || npm install --no-save $options >&2 || {
    head -n 12 ../.venv/npm-ci.log >&2
    later "npm could not install what web/package-lock.json names (see above)"
  }
  cp package-lock.json node_modules/.installed-lock
fi
echo "setup: building the dashboard" >&2
npm run --silent build >"$repository/.venv/web-build.log" 2>&1 || {
  cat "$repository/.venv/web-build.log" >&2
  echo "setup: the dashboard does not build" >&2
  exit 1
}
cd "$repository"
mkdir -p "$(dirname "$stamp")"
touch "$stamp"
