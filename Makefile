# One environment in .venv, made from a pinned and hashed lock; made again only when the lock changes.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PEERS := .venv/.peers
DOSE_PEER := .venv-dose-peer/.installed
DEMO_DIR ?= demo
PAGE := src/isoguide/service/page/build.json
PAGE_SOURCES := $(shell find console/src console/public -type f) $(wildcard console/*.json console/*.ts console/*.html)

# Without Python's bytecode every worker rewrites all tests, and every command that they start compiles the package.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo console test check format page benchmark lock clean

help:
	@echo "make demo       set up, treat a virtual patient beside the truth (files in $(DEMO_DIR)/), open the console"
	@echo "make console    open the console of that demonstration again"
	@echo "make test       set up, then run all tests"
	@echo "make check      set up, then run every gate: format, lint, types, layers, budgets, docs, tests, coverage, console"
	@echo "make format     set up, then lay out the code and mend what the linter can mend"
	@echo "make page       set up, then build the console's page from console/ (needs Node)"
	@echo "make benchmark  set up the peers, then compare with them side by side"
	@echo "make lock       resolve the pinned, hashed requirements anew (needs uv)"
	@echo "make clean      remove the environment and everything that was made"

$(STAMP): requirements/dev.txt pyproject.toml tools/set_up.sh
	@PYTHON=$(PYTHON) tools/set_up.sh
	@touch $@

$(PEERS): requirements/benchmark.txt $(STAMP)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --no-deps --require-hashes -r requirements/benchmark.txt
	@touch $@

# pyRadPlan wants an older NumPy than ours, and ompMC is under the GPL: they have an environment of their own.
$(DOSE_PEER): requirements/dose-peer.txt
	@$(PYTHON) -m venv .venv-dose-peer
	@.venv-dose-peer/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --no-deps --require-hashes -r requirements/dose-peer.txt
	@touch $@

# Where nobody sits at a terminal the console is not opened: it goes on until somebody ends it.
demo: $(STAMP) $(PAGE)
	@$(BIN)/isoguide demo --out $(DEMO_DIR) --force
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/isoguide serve --demo $(DEMO_DIR); fi

console: $(STAMP) $(PAGE)
	@$(BIN)/isoguide serve --demo $(DEMO_DIR)

test: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)
	@$(BIN)/python tools/check.py

format: $(STAMP)
	@$(BIN)/python -m ruff format .
	@$(BIN)/python -m ruff check --fix .

page: $(STAMP)
	@$(BIN)/python tools/console.py build

# The page is committed as it was built, so Node is needed only by those who change it.
$(PAGE): $(PAGE_SOURCES) | $(STAMP)
	@if command -v npm >/dev/null; then \
	  $(BIN)/python tools/console.py build || echo "the page was not built anew: the committed one is served"; fi
	@touch $@

benchmark: $(PEERS) $(DOSE_PEER)
	@$(BIN)/python benchmarks/rigid.py
	@$(BIN)/python benchmarks/projector.py
	@$(BIN)/python benchmarks/radiographs.py
	@$(BIN)/python benchmarks/wrist.py
	@$(BIN)/python benchmarks/reconstruction.py
	@$(BIN)/python benchmarks/closed_loop.py
	@$(BIN)/python benchmarks/markers.py
	@$(BIN)/python benchmarks/motion.py
	@$(BIN)/python benchmarks/ultrasound.py
	@$(BIN)/python benchmarks/deformable.py
	@$(BIN)/python benchmarks/deformable_density.py
	@$(BIN)/python benchmarks/dose.py --peer .venv-dose-peer/bin/python
	@$(BIN)/python benchmarks/records.py
	@$(BIN)/python benchmarks/review.py
	@$(BIN)/python benchmarks/treatment_console.py

lock:
	@tools/lock.sh

clean:
	rm -rf .venv .venv-dose-peer demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage build dist console/node_modules
