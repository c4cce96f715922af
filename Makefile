# Everything runs in .venv, which the first target that needs it makes (PYTHON=python3.12 make … to
# choose the interpreter). A stamp per set of dependencies makes the second call quick.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo compiled test check bench quality docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      run backproof on the flower program, with the core dependencies only"
	@echo "make test      every test"
	@echo "make check     format, lint, types and the fast tests"
	@echo "make bench     what backproof costs, beside its peers      -> benchmarks/results/overhead.json"
	@echo "               how fast the network trains, likewise       -> benchmarks/results/nn.json"
	@echo "make quality   the whole corpus, right programs and wrong  -> benchmarks/results/quality.json"
	@echo "make docs      write the generated parts of the documentation again"
	@echo "make clean     remove what was built; the environment stays"

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "backproof needs Python 3.11 or newer; set PYTHON")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp-core: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.stamp-test: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[test]'
	@touch $@ $(VENV)/.stamp-core

$(VENV)/.stamp-dev: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.stamp-test $(VENV)/.stamp-core

$(VENV)/.stamp-bench: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[bench]'
	@touch $@ $(VENV)/.stamp-test $(VENV)/.stamp-core

# `backproof run` ends with 1 when it finds an error, and here there is one to find.
demo: $(VENV)/.stamp-core
	$(BIN)/backproof run examples/flower.py || test $$? -eq 1

# Tests start interpreters by the thousand, and where PYTHONDONTWRITEBYTECODE is set each of them
# would compile the package anew: half of its time.
compiled: $(VENV)/.stamp-test
	$(BIN)/python -m compileall -q src

test: compiled
	$(BIN)/python -m pytest --numprocesses 2

check: $(VENV)/.stamp-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m compileall -q src
	$(BIN)/python -m pytest -q -m "not quality and not slow"

bench: $(VENV)/.stamp-bench
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.nn
	$(BIN)/python -m benchmarks.nn --growth
	$(BIN)/python docs/refresh_performance.py

quality: compiled
	$(BIN)/python -m benchmarks.quality

docs: $(VENV)/.stamp-test
	$(BIN)/python docs/refresh_readme.py
	$(BIN)/python docs/refresh_codes.py

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
