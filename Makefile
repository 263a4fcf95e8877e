# Every target that needs the virtual environment makes it. `make` alone lists the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/ready-run
DEV    := $(VENV)/ready-dev
JOBS   ?= 2

# pip of the environment, or, where the system's venv comes without one (Debian), the system's pip pointed at it.
PIP = $$($(BIN)/python -m pip --version >/dev/null 2>&1 && echo $(BIN)/python -m pip || echo $(PYTHON) -m pip --python $(BIN)/python)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check test-faults test-browser tag bench lock format clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

setup: $(DEV) ## Make .venv with everything locked: what Footfall needs, and its tests and checks

demo: $(RUN) ## Send the bundled events in, close every day, write and verify all 22 reports, print a table
	$(BIN)/footfall demo $(DEMO)

test: $(DEV) ## Run all tests but the slow ones (about 9 minutes on 2 cores)
	$(BIN)/pytest -n $(JOBS) --dist loadscope -m "not slow and not browser" $(ARGS)

check: $(DEV) ## Lint, format check, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test-faults: $(DEV) ## Kill the server, cut the power, fill the disk, break every call to a bucket; and other slow tests (20 minutes)
	$(BIN)/pytest -n $(JOBS) --dist loadscope -m "slow and not browser" $(ARGS)

test-browser: $(DEV) ## Open pages with the tag in a real browser (3 minutes; needs Chromium, some of it npm)
	$(BIN)/pytest -m browser tests/browser $(ARGS)

tag: ## Build the browser tag from its source (needs npm)
	npm ci --prefix src/footfall/tag --no-audit --no-fund --ignore-scripts
	npm run --prefix src/footfall/tag build

bench: $(DEV) ## Measure accept, settle and reports; prints a table and keeps it in docs/bench.md (SCALE=0.01 for a quick look)
	$(BIN)/python -m bench

lock: $(DEV) ## Write requirements/*.lock anew from pyproject.toml (UPGRADE=1 takes newer versions)
	$(BIN)/uv pip compile $(LOCK_FLAGS) --group build pyproject.toml --output-file requirements/run.lock
	$(BIN)/uv pip compile $(LOCK_FLAGS) --group dev pyproject.toml --constraints requirements/run.lock --output-file requirements/dev.lock

format: $(DEV) ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove .venv, caches and what builds and demos left behind
	rm -rf $(VENV) build dist out footfall-demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK_FLAGS = --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
             $(if $(UPGRADE),--upgrade)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Footfall needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip $(VENV)

$(RUN): requirements/run.lock pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements/run.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.lock pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(RUN) $@
