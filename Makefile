# Two commands: `make run` and `make test`. Both make the environment first; nothing but python3 and make is needed.
# Another Python: make test PYTHON=python3.13. Another folder for the environment: make test VENV=somewhere.

PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN = $(VENV)/Scripts
else
BIN = $(VENV)/bin
endif

.PHONY: help run test slow bench lock clean environment environment-dev
.DEFAULT_GOAL := help

help:
	@echo "make run     environment, then the scenario weekend-gap and its report"
	@echo "make test    environment, then lint, types, import rules, tests"
	@echo "make slow    the long statistical tests, which make test leaves out"
	@echo "make bench   the speed table, written to bench.json too"
	@echo "make lock    pin the requirements anew (needs uv)"
	@echo "make clean   remove the environment and everything built"
	@echo "Another Python: make test PYTHON=python3.13"

environment:
	@$(PYTHON) .ci/environment.py requirements.txt $(VENV)

environment-dev:
	@$(PYTHON) .ci/environment.py requirements-dev.txt $(VENV)

run: environment
	$(BIN)/offhours run weekend-gap

test: environment-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2

slow: environment-dev
	$(BIN)/python -m pytest -q -n 2 -m slow

bench: environment-dev
	$(BIN)/python tests/benchmarks/run.py

# The core lock is held to the versions of the other, so that one environment can serve both.
lock:
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet -o requirements-dev.txt
	uv pip compile pyproject.toml --group build --constraint requirements-dev.txt --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet -o requirements.txt

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('$(VENV)', 'build', 'offhours.egg-info', '.mypy_cache', '.pytest_cache', '.ruff_cache', '.import_linter_cache', '.hypothesis')]"
