#!/usr/bin/env bash
# Make .venv from the pinned, hashed requirements. Needs only python3 with its venv module.
# Usage: tools/set_up.sh      PYTHON=python3.12 tools/set_up.sh chooses another interpreter
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() {
  echo "error: $*" >&2
  exit 1
}

command -v "$python" >/dev/null ||
  fail "$python is not installed; install Python 3.11 or newer, or name one: make PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "isoguide needs Python 3.11 or newer, but $python is $("$python" -V 2>&1); name another: make PYTHON=python3.12"
# Debian ships venv without ensurepip, and then leaves half an environment behind.
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  fail "$python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"

if ! .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  rm -rf .venv
  "$python" -m venv .venv
fi
echo "Setting up .venv from requirements/dev.txt (a minute or two, once) ..."
install() {
  .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input "$@"
}
# The lock is complete: nothing is resolved anew, or a version published since could be taken for a pinned one.
install --no-deps --require-hashes -r requirements/dev.txt
install --no-deps --no-build-isolation -e .
.venv/bin/python -m pip --disable-pip-version-check check >/dev/null ||
  fail "the packages of requirements/dev.txt do not fit together (see: .venv/bin/python -m pip check); make lock"
