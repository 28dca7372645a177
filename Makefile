# Every target sets up what it needs in .venv, once: a stamp remembers it until pyproject.toml changes.
#
#   make demo         a real/fake pair of known truth, compared; prints where report.html is
#   make test         formatting, lint, types, whole test suite       (PYTEST_ARGS="-k glcm" passes on to pytest)
#   make test-newest  readers, one of each metric, report, commands, demo: with the newest packages on the newest
#                     Python of this machine                          (PYTHON=python3.13 chooses another)
#   make test-lowest  the same with the lowest versions that pyproject.toml allows, on Python 3.11
#   make docs         HTML documentation in docs/_build/html
#   make benchmark    time and memory of metrics and peers           (BENCHMARK_ARGS="berea.tif")
#   make models       models of three real volumes, with their reports (hours)  (MODELS_ARGS="--minutes 5")
#   make fuzz         damaged files, models, results and options      (FUZZ_ARGS="--cases 50000")
#   make dist         sdist and wheel in dist/, checked; the wheel is installed and tried
#   make lint         formatting, lint, docstrings, types only
#   make clean        remove what the targets above wrote, environments excepted

PYTHON ?= python3
PYTEST_ARGS ?=
BENCHMARK_ARGS ?=
MODELS_ARGS ?=
FUZZ_ARGS ?= --cases 5000
# Of this version a build for CPUs is served. TORCH=torch installs whatever is served, with gigabytes of CUDA libraries.
TORCH ?= torch==2.13.0

VENV := .venv
BIN := $(VENV)/bin
QUIET := --quiet --disable-pip-version-check
PIP := $(BIN)/python -m pip install $(QUIET)

# What may depend on the versions of Python and of the packages.
SMOKE := tests/io tests/core tests/kernels tests/report tests/metrics/test_contract.py \
	tests/cli/test_report.py tests/cli/test_measure.py tests/cli/test_stopping.py tests/packaging/test_demo.py tests/packaging/test_import.py

.PHONY: demo test test-newest test-lowest docs benchmark models fuzz dist lint clean

demo: $(VENV)/.core
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

# The stubs of other Pythons and packages differ: types are checked against those that fit.
lint: $(VENV)/.test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python .ci/docstrings.py
	@if $(BIN)/python -c 'import sys, torch; sys.exit(sys.version_info[:2] != (3, 11))' 2> /dev/null; \
	then echo $(BIN)/mypy; $(BIN)/mypy; \
	else echo "mypy is left out: it needs Python 3.11 and torch"; fi

# Both environments are made anew, to hold the newest of today and nothing above the lowest. pip knows no lowest, uv does.
test-newest: ENV := .venv-newest
test-newest:
	rm -rf $(ENV)
	$(if $(filter file,$(origin PYTHON)),$$($(PYTHON) .ci/interpreter.py),$(PYTHON)) -m venv $(ENV)
	$(ENV)/bin/python -m pip install $(QUIET) uv
	$(ENV)/bin/uv pip install --quiet --python $(ENV)/bin/python -e ".[test]"
	NUMBA_CACHE_DIR=$(CURDIR)/$(ENV)/kernels $(ENV)/bin/python -m pytest -n 2 $(SMOKE) $(PYTEST_ARGS)

# Old versions need not know that they are deprecated.
test-lowest: ENV := .venv-lowest
test-lowest:
	rm -rf $(ENV)
	$$($(PYTHON) .ci/interpreter.py 3.11) -m venv $(ENV)
	$(ENV)/bin/python -m pip install $(QUIET) uv
	$(ENV)/bin/uv pip install --quiet --python $(ENV)/bin/python --resolution lowest-direct -e ".[test]"
	NUMBA_CACHE_DIR=$(CURDIR)/$(ENV)/kernels $(ENV)/bin/python -m pytest -n 2 \
		-W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning $(SMOKE) $(PYTEST_ARGS)

docs: $(VENV)/.docs
	rm -rf docs/library/api  # pages of names that are gone
	$(BIN)/python -c 'import torch' 2> /dev/null || echo "torch is not installed: the gallery's training is shown, not run"
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python .ci/links.py docs/_build/html
	@echo docs/_build/html/index.html

benchmark: $(VENV)/.test
	$(BIN)/python benchmarks/metrics.py $(BENCHMARK_ARGS)

models: $(VENV)/.test
	$(BIN)/python benchmarks/generators.py berea ketton nmc --samples 64 --report --work models $(MODELS_ARGS)

fuzz: $(VENV)/.test
	$(BIN)/python benchmarks/fuzz.py $(FUZZ_ARGS)

# packaging/RELEASE.md has the steps around it.
dist: $(VENV)/.dist
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python packaging/check_dist.py dist

clean:
	rm -rf demo-out docs/_build docs/library/api docs/gallery docs/metrics/generated dist build
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find src tests benchmarks examples docs -name __pycache__ -type d -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

# The peers need torch: first, or pip picks another build.
$(VENV)/.test: pyproject.toml | $(BIN)/python
	if plan=$$($(BIN)/python -m pip install --dry-run --disable-pip-version-check "$(TORCH)") && \
		{ [ $(origin TORCH) != file ] || ! echo "$$plan" | grep -q nvidia-; }; \
	then $(PIP) "$(TORCH)" && $(PIP) -e ".[test,peers]"; \
	else $(PIP) -e ".[test]" && echo "$(TORCH) has no build for CPUs here: torch and the peers are left out"; fi
	@touch $@

$(VENV)/.dist: | $(BIN)/python
	$(PIP) build twine
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(PIP) -e ".[docs]"
	@touch $@
