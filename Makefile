# The way in for a clone: `make demo` to see it work, `make check test` before a change is sent.
# Packages come from wherever pip is told to look: PIP_INDEX_URL and PIP_EXTRA_INDEX_URL are honoured.

PYTHON ?= python3
VENV   ?= .venv

BIN     = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
DEMO    = $(VENV)/.installed-demo
DEV     = $(VENV)/.installed-dev
# Two test processes with one thread each; more threads only wait for each other.
CAPS    = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all check bench clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO) ## transfer the example problem to its target languages, without a network
	$(BIN)/isogloss transfer examples/helpdesk --out runs/helpdesk --force

test: $(DEV) ## the tests that a change must pass
	$(CAPS) $(BIN)/python -m pytest -n 2 -m "not slow"

test-all: $(DEV) ## every test, the slow ones too
	$(CAPS) $(BIN)/python -m pytest -n 2

check: $(DEV) ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(DEMO) ## measure the quality of the recipes on real data (ISOGLOSS_DATA)
	for problem in sib200 masakhanews xnli ner pos; do $(BIN)/python benchmarks/quality/run.py $$problem || exit 1; done

clean: ## remove caches, builds and the demo's run; keep the environment
	rm -rf build dist runs/helpdesk .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "isogloss needs Python 3.11 or newer, and '$(PYTHON)' is not; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[detect]'
	@touch $@

# The larger set holds the smaller one.
$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev,detect]'
	@touch $(DEMO) $@
