# Every target sets up what it needs: a virtual environment in .venv with the exact versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# make leaderboard LIMIT=2000 WORKERS=4 PROXIES=all
LIMIT ?= 1000
PROXIES ?= standard
WORKERS ?= $(shell $(PYTHON) -c "import os; print(os.cpu_count() or 1)")
# test processes; each takes about half a GB
TESTERS ?= $(shell $(PYTHON) -c "import os; print(min(os.cpu_count() or 1, 8))")
LOWEST := .venv-lowest
LOWEST_TESTS ?= tests/cli tests/metrics tests/predictors/test_contract.py tests/proxies/test_contract.py tests/runs tests/spaces
PYTEST = $(BIN)/python -m pytest -n $(TESTERS) --dist worksteal

.PHONY: leaderboard test test-all test-processors test-installed test-lowest lint format docs clean

leaderboard: $(READY) ## score the embedded benchmark and show the leaderboard
	$(BIN)/zcbench run digits-201 --limit $(LIMIT) --proxies "$(PROXIES)" --workers $(WORKERS) > /dev/null
	$(BIN)/zcbench leaderboard digits-201 --seed 0 --out leaderboards

test: $(READY) ## the tests, without the slow ones
	$(PYTEST) -m "not slow"

test-all: $(READY) ## all tests
	$(PYTEST)

test-processors: $(READY) ## the contracts and the proxies with the kernels of older x86 processors
	ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 \
		$(PYTEST) -m "not slow" tests/testing tests/proxies --ignore tests/testing/test_searchers.py
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
		$(PYTEST) -m "not slow" tests/proxies/test_contract.py

test-installed: $(READY) ## the main commands from the wheel, in a fresh environment without extras
	$(BIN)/python tools/check_installed.py

test-lowest: ## the lowest versions that pyproject.toml allows, with Python 3.11; slow: gigabytes where torch has no CPU build
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(LOWEST)/bin/python tools/lowest_versions.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/constraints.txt --editable ".[all]" --group test
	$(LOWEST)/bin/python -m pytest -n $(TESTERS) --dist worksteal -m "not slow" -W default $(LOWEST_TESTS)

lint: $(READY) ## style, types, direction of dependencies
	$(BIN)/ruff format --check zcbench tests tools benchmarks
	$(BIN)/ruff check zcbench tests tools benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format zcbench tests tools benchmarks
	$(BIN)/ruff check --fix zcbench tests tools benchmarks

docs: $(VENV)/.docs-ready ## the documentation site, in site/; needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "open site/index.html"

$(VENV)/.docs-ready: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group docs
	touch $(VENV)/.docs-ready

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'zcbench needs Python 3.11 or newer: make PYTHON=python3.12 …')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,timm]" --group test --group lint
	touch $(READY)

clean: ## remove the virtual environment and what was computed
	rm -rf $(VENV) $(LOWEST) runs leaderboards site
