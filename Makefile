# Every target sets up what it needs in .venv, once: a stamp remembers it until pyproject.toml changes.
#
#   make demo        a real/fake pair of known truth, compared; prints where report.html is
#   make test        formatting, lint, types, whole test suite       (PYTEST_ARGS="-k glcm" passes on to pytest)
#   make docs        HTML documentation in docs/_build/html
#   make benchmark   time and memory of each metric                  (BENCHMARK_ARGS="berea.tif")
#   make lint        formatting, lint, types only
#   make clean       remove what the targets above wrote, .venv excepted

PYTHON ?= python3
PYTEST_ARGS ?=
BENCHMARK_ARGS ?=
TORCH ?= torch==2.13.0

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test docs benchmark lint clean

demo: $(VENV)/.core
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

docs: $(VENV)/.docs
	rm -rf docs/api  # pages of names that are gone
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

benchmark: $(VENV)/.test
	$(BIN)/python benchmarks/metrics.py $(BENCHMARK_ARGS)

clean:
	rm -rf demo-out docs/_build docs/api docs/metrics/generated dist build
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find src tests benchmarks examples docs -name __pycache__ -type d -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

# The peers need torch; pinned and first, or pip picks the newest, with gigabytes of CUDA libraries.
$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(PIP) $(TORCH)
	$(PIP) -e ".[test,peers]"
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(PIP) -e ".[docs]"
	@touch $@
