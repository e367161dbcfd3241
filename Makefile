# Everything a user or contributor does, each target with its own set-up. Needs python3 (3.11 or newer) with venv, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-benchmark
AUDIT := .venv-audit
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: audit sbom help demo test lint ui clean lock drill-kill drill-daemon drill-concurrency heavy suite-cj mock-profile check-rules benchmark benchmark-metrics benchmark-workflow benchmark-storage benchmark-scaling benchmark-selection benchmark-calibration benchmark-spelling

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/runtime  ## Judge the example batch with the local emulator and show its ranking
	@$(BIN)/huleedu demo

ui: $(VENV)/runtime  ## Open the Dagster UI with its daemon on http://127.0.0.1:3000
	@$(BIN)/huleedu ui

test: lint  ## Lint, check types, run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/dev  ## Ruff, mypy and the floors of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

drill-kill: $(VENV)/dev  ## Kill a real run at every point where money is at stake, and compare both books (minutes)
	@$(BIN)/python -m tests.drills.kill

drill-daemon: $(VENV)/dev  ## Kill Dagster's daemon, run workers and the judge while batches are judged (about ten minutes)
	@$(BIN)/python -m tests.drills.daemon

drill-concurrency: $(VENV)/dev  ## Let eight processes judge 64 batches on one ledger, and kill a third of them (about half an hour)
	@$(BIN)/python -m tests.drills.concurrency

# The heavy suites: whole runs with emulator, Dagster daemon and metrics server (docs/operations/heavy-suites.md).
SCENARIOS := regular small-net resampling batch-api
PROFILES := cj-generic cj-generic-batch-api eng5-anchor eng5-anchor-batch-api eng5-lower5 eng5-lower5-batch-api
# How many suites run side by side: each has an installation and ports of its own.
SIDE_BY_SIDE := 2

heavy: $(VENV)/dev  ## Run all heavy suites, and promtool on the rules where it is there (about ten minutes on two idle cores)
	@if command -v promtool >/dev/null; then $(MAKE) --no-print-directory check-rules; else echo "promtool (Debian's package prometheus) is not installed: the rules are not checked"; fi
	@$(BIN)/python -m pytest -m heavy tests/heavy -n $(SIDE_BY_SIDE) --dist loadgroup

suite-cj: $(VENV)/dev  ## Judge whole batches through daemon and emulator: SCENARIO=regular, small-net, resampling or batch-api (minutes)
	@: $(if $(filter $(SCENARIOS),$(SCENARIO)),,$(error SCENARIO is one of: $(SCENARIOS); for example: make suite-cj SCENARIO=batch-api))
	@$(BIN)/python -m pytest -m heavy tests/heavy/test_cj_scenarios.py -k "[$(SCENARIO)]"

mock-profile: $(VENV)/dev  ## Judge with a mock profile of the emulator: PROFILE=cj-generic, eng5-anchor, eng5-lower5, or with -batch-api (minutes)
	@: $(if $(filter $(PROFILES),$(PROFILE)),,$(error PROFILE is one of: $(PROFILES); for example: make mock-profile PROFILE=eng5-anchor-batch-api))
	@$(BIN)/python -m pytest -m heavy tests/heavy/test_mock_profiles.py -k "[$(PROFILE)]"

check-rules:  ## Check the alerting rules and run their unit tests (needs promtool, Debian's package prometheus)
	promtool check config deploy/observability/prometheus.yaml
	promtool check rules deploy/observability/rules.yaml
	promtool test rules deploy/observability/rules_test.yaml

benchmark-metrics: $(VENV)/dev  ## Time a scrape of a ledger of a million requests beside a full recount (about ten minutes)
	@$(BIN)/python benchmarks/metrics.py

benchmark: $(VENV)/dev  ## Time request files and result files beside the plain ways of making and reading them
	@$(BIN)/python benchmarks/providers.py

benchmark-workflow: $(VENV)/dev  ## Time whole batches through Dagster, from folders to the warehouse (about 20 minutes)
	@$(BIN)/python benchmarks/workflow.py

benchmark-storage: $(VENV)/dev  ## Time publishing and opening both warehouses beside plain files and tables (a few minutes)
	@$(BIN)/python -m benchmarks.storage

benchmark-scaling: $(PEERS)/ready  ## Time the scaling beside its peers on the same data (installs them; about 20 minutes)
	@$(PEERS)/bin/python benchmarks/scaling.py

benchmark-selection: $(VENV)/dev  ## Count the comparisons that each way of choosing pairs needs, and time it (about ten minutes)
	@$(BIN)/python benchmarks/selection.py

benchmark-calibration: $(VENV)/dev  ## Hold intervals, reliability, misfit and grade probabilities against simulated truth (about ten minutes)
	@$(BIN)/python benchmarks/calibration.py
	@$(BIN)/python benchmarks/calibration_grades.py

benchmark-spelling: $(PEERS)/ready  ## Score the spell check on its gold sets, and time it beside pyspellchecker (installs it; some minutes)
	@$(PEERS)/bin/python benchmarks/spelling.py

audit: $(AUDIT)/ready  ## Look the pinned packages up in the advisories (needs the network; fails when a package can not be looked up)
	@$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.lock
	@$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements-dev.lock

sbom: $(AUDIT)/ready  ## Write the software bill of materials, sbom.cdx.json (CycloneDX 1.6)
	@$(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml --sv 1.6 --output-reproducible -o sbom.cdx.json requirements.lock
	@echo "wrote sbom.cdx.json"

clean:  ## Remove the virtual environment and everything mutable (.huleedu: ledger, lake, results)
	rm -rf $(VENV) $(PEERS) $(AUDIT) sbom.cdx.json .huleedu .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

lock:  ## Resolve the dependencies anew (needs uv)
	uv pip compile $(LOCK_OPTIONS) --group build pyproject.toml -o requirements.lock
	uv pip compile $(LOCK_OPTIONS) --group build --extra dev --extra notebooks --extra postgres --extra tracing -c requirements.lock pyproject.toml -o requirements-dev.lock
	uv pip compile $(LOCK_OPTIONS) --group build --extra benchmark pyproject.toml -o requirements-benchmark.lock
	uv pip compile $(LOCK_OPTIONS) --group audit -o requirements-audit.lock

# One universal lock for all supported Pythons, with hashes and without the address of any registry.
LOCK_OPTIONS := --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-header --no-annotate

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is " + sys.version.split()[0] + " (choose one: make PYTHON=python3.12)")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime: requirements.lock pyproject.toml | $(VENV)/python
	@echo "Installing what the pipeline runs on (about a minute, once) ..."
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(PEERS)/ready: requirements-benchmark.lock pyproject.toml | $(VENV)/python
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-benchmark.lock
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(AUDIT)/ready: requirements-audit.lock | $(VENV)/python
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.lock
	@touch $@

$(VENV)/dev: requirements-dev.lock pyproject.toml | $(VENV)/python
	@echo "Installing what the tests need (a few minutes, once) ..."
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/runtime
