#!/usr/bin/env bash
# Resolve every *.in to a pinned, hashed *.txt that names no registry. Needs uv (pip install uv).
set -euo pipefail
cd "$(dirname "$0")/../requirements"
for name in dev benchmark; do
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
    --no-emit-index-url --no-emit-find-links --no-header "$name.in" -o "$name.txt"
done
