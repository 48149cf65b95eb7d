# Every target makes what it needs first: a bare python3 (3.11 to 3.14) is enough.
# A target is documented by the text behind its "##"; `make help` prints it.

PYTHON ?= python3
ARGS ?=
CHOSEN := $(if $(filter command environment,$(origin PYTHON)),--this-python)
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
# an exercise is derived byte for byte, with its starter on a line of its own, and a solution holds markers: no formatter
FORMAT := $(BIN)/ruff format
# only a run of everything can promise coverage, so a part (ARGS) is not measured
WHOLE := -n 2 --dist loadscope --cov --cov-branch --cov-report=term:skip-covered --cov-fail-under=90

.DEFAULT_GOAL := help
.PHONY: help setup start test check fix lint lock bench clean develop

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the course into .venv, nothing else (PYTHON=python3.12 chooses a Python)
	@$(PYTHON) bootstrap.py setup $(CHOSEN)

start: ## install what is missing, then open JupyterLab on the next lesson (ARGS="3 --no-browser")
	@$(PYTHON) bootstrap.py start $(CHOSEN) $(ARGS)

develop: # the environment with the tools, for the targets below
	@$(PYTHON) bootstrap.py setup --dev $(CHOSEN)

test: develop ## run all tests and notebooks (ARGS="tests/test_doctor.py" runs a part)
	@$(PYTHON) bootstrap.py nbgrader
	$(BIN)/pytest $(if $(strip $(ARGS)),$(ARGS),$(WHOLE))

lint: develop ## check form and types: ruff, ruff format, mypy --strict
	$(BIN)/ruff check $(ARGS)
	$(FORMAT) --check $(ARGS)
	$(BIN)/mypy

check: ## run everything that CI runs (the script .ci/run)
	@.ci/run

fix: develop ## repair what a machine can: lint, format, notebooks, exercises, the guide's page
	$(BIN)/ruff check --fix $(ARGS)
	$(FORMAT) $(ARGS)
	$(BIN)/course normalise
	$(BIN)/course derive
	$(BIN)/course guide

lock: develop ## pin every package again with its hashes (ARGS=--upgrade takes the newest)
	$(COMPILE) $(ARGS) --group bootstrap -o requirements-bootstrap.lock
	$(COMPILE) $(ARGS) --group nbgrader -o requirements-nbgrader.lock
	$(COMPILE) $(ARGS) pyproject.toml --group build --extra cert --extra landscape -o requirements.lock
	$(COMPILE) $(ARGS) pyproject.toml --group build --all-extras -c requirements.lock -o requirements-dev.lock

bench: develop ## measure: benchmarks/*.py, one after the other (ARGS goes to each)
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; done

clean: ## remove what set-up and tools made; your work/ and your progress stay
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache htmlcov .coverage .coverage.* dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
