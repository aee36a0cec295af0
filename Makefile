# One environment in .venv, made from a pinned and hashed lock; rebuilt only when the lock changes.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEMO_DIR ?= demo

.PHONY: demo test check format lock benchmark clean help

help:
	@echo "make demo       set up, then align a built-in example with known truth"
	@echo "make test       set up, then run all tests"
	@echo "make check      set up, then run every gate: format, lint, types, layers, budgets, coverage"
	@echo "make benchmark  set up the peers, then run the side-by-side comparison"
	@echo "make lock       resolve the pinned, hashed requirements anew"

$(STAMP): requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv from requirements/dev.txt (about a minute, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/isoguide demo --out $(DEMO_DIR) --force

test: $(STAMP)
	@$(BIN)/python -m pytest -n 2

check: $(STAMP)
	@$(BIN)/python tools/check.py

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

benchmark: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/benchmark.txt
	@$(BIN)/python benchmarks/rigid.py

lock: $(STAMP)
	@tools/lock.sh

clean:
	rm -rf .venv demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
