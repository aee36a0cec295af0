#!/usr/bin/env bash
# Resolve every *.in to a pinned, hashed *.txt that names no registry and no machine.
# Needs uv (python3 -m pip install uv). Usage: tools/lock.sh
set -euo pipefail
cd "$(dirname "$0")/../requirements"
command -v uv >/dev/null || {
  echo "error: uv is not installed; python3 -m pip install uv" >&2
  exit 1
}
for name in dev benchmark dose-peer; do
  # One version of each package for every Python, so that the gates judge alike everywhere (fewest forks).
  # The old lock goes aside, so that versions are chosen anew and a failure leaves it in place.
  new=$(mktemp "$name.XXXXXX")
  trap 'rm -f "$new"' EXIT
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --fork-strategy fewest \
    --override benchmark.override --no-emit-index-url --no-emit-find-links --no-header "$name.in" -o "$new"
  # uv may still note where a resolution came from; such a line would tie the lock to one machine.
  sed -i -E '/^(--(extra-)?index-url|--find-links|--trusted-host)/d' "$new"
  if grep -nE '://|file:|(^|[[:space:]])/' "$new"; then
    echo "error: $name.txt would name an address or a path (above)" >&2
    exit 1
  fi
  chmod 644 "$new"
  mv "$new" "$name.txt"
done
