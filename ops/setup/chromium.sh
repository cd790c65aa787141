#!/bin/sh
# Sees that the browser tests have a Chromium: one that is there, else through apt where we may.
# Never fails: without one, those tests are skipped by name.
set -u

for name in chromium chromium-browser google-chrome; do
  # Ubuntu's chromium-browser can be a stub that only advertises a snap; so it has to say its version.
  if command -v "$name" >/dev/null 2>&1 && "$name" --version >/dev/null 2>&1; then
    exit 0
  fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "setup: installing Chromium for the browser tests" >&2
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } \
    >/dev/null 2>&1 && exit 0
fi
echo "setup: no Chromium and no way to install one; the browser tests will be skipped by name" >&2
exit 0
