# Every target sets up what it needs: a Python venv in .venv, and a control plane in the user's cache folder.
# The venv has exactly the packages of requirements/, which `make pins` compiles from the ranges of pyproject.toml.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
NEWEST := .venv-newest
FOR ?=
# Which pins `make pins` renews: all of them, or with PINS=--upgrade-package=NAME one, or with PINS= none that still fits.
PINS ?= --upgrade
# One more than there are processors, as some tests wait rather than compute.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
# Processes of cluster tests; each starts a separate API server. Cluster tests wait more than they compute.
CLUSTER_WORKERS ?= 2
KUBERNETES ?= 1.36
export KUBERNETES

# In CI, where machines are shared, a test that fails runs once more, and is listed as RERUN; but not if an audit found
# something (tests/unclean.py).
AGAIN := $(if $(CI),-raR --reruns 1 --rerun-except Unclean)

.DEFAULT_GOAL := help
.PHONY: help setup pins run test lint types contracts servers unit at-length cluster-test chaos simulate test-newest test-node test-kind \
	bench crds manifests clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 16

setup: $(READY) ## Make the venv in .venv

# pip first: the pip that a new venv comes with depends on the Python.
$(READY): pyproject.toml requirements/build.txt requirements/dev.txt
	@echo "── Python packages, into .venv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=…")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/build.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

pins: $(READY) ## Update the pinned requirements (PINS=--upgrade-package=NAME: of a single package)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh requirements/compile.sh $(PINS)

run: $(READY) ## Run a private API server, the operator and the examples, until Ctrl-C (or FOR=60s)
	@PYTHONPATH=operator $(BIN)/python -m devcluster.run_examples $(if $(FOR),--for $(FOR))

test: lint types contracts unit at-length cluster-test ## All checks and tests

lint: $(READY) ## Lint rules and format: ruff
	@echo "── lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Type checks: mypy --strict
	@echo "── types"
	@$(BIN)/mypy

contracts: $(READY) ## Layers of the packages: import-linter
	@echo "── contracts"
	@$(BIN)/lint-imports --no-cache

servers: $(READY) ## Install the servers that tests of job stores need, in the cache folder
	@echo "── servers of the tests of job stores"
	@PYTHONPATH=operator:tests $(BIN)/python -m servers

unit: $(READY) ## Tests in fake time, without a cluster
	@echo "── unit tests"
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow" $(AGAIN) --ignore=tests/cluster --ignore=tests/node

# Not part of `make test`: what it finds may come from a release of today, not from a change here.
test-newest: ## The quick tests on the newest packages that pyproject.toml allows, in a separate venv
	@echo "── unit tests on the newest packages, in $(NEWEST)"
	@test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	@$(NEWEST)/bin/python -m pip install --quiet --upgrade pip
	@$(NEWEST)/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[operator]' --group dev
	@$(NEWEST)/bin/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow" --ignore=tests/cluster --ignore=tests/node

at-length: $(READY) ## The slow tests: every time zone, thousands of random searches, hundreds of simulations
	@echo "── unit tests at length"
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m slow $(AGAIN) --ignore=tests/cluster --ignore=tests/node

cluster-test: $(READY) ## Tests on a real API server
	@echo "── cluster tests (Kubernetes $(KUBERNETES))"
	@$(BIN)/python -m pytest -q -n $(CLUSTER_WORKERS) --dist loadfile $(AGAIN) tests/cluster

chaos: $(READY) ## All faults listed in tests/cluster/README.md, and thousands of simulations: takes hours
	@echo "── chaos (Kubernetes $(KUBERNETES))"
	@KALENDS_CHAOS=1 $(BIN)/python -m pytest -q -s -p no:cacheprovider tests/cluster/test_faults_*.py \
		$(wildcard tests/cluster/test_replicas*.py tests/simulation) tests/sharing

simulate: $(READY) ## Simulations by seed, SEEDS=1-1000; or the log of a single seed, SEED=7
	@cd tests && ../$(BIN)/python -m simulation $(if $(SEED),--seed $(SEED) --logs,--seeds $(or $(SEEDS),1-1000) --jobs 2)

test-node: $(READY) ## Tests of the installed operator on a real node, as root on Debian (packages: CONTRIBUTING.md)
	@echo "── tests on a real node (Kubernetes $(KUBERNETES))"
	@$(BIN)/python -m pytest -q $(AGAIN) tests/node

test-kind: $(READY) ## The same tests in kind, with a Docker engine
	@echo "── tests in kind"
	@KALENDS_NODE=kind $(BIN)/python -m pytest -q tests/node

bench: $(READY) ## Benchmarks: ratios of two sides measured in the same run
	@for one in tests/benchmarks/bench_*.py; do PYTHONPATH=operator:tests $(BIN)/python $$one || exit 1; done

crds: $(READY) ## Write the CRD from the model
	@$(BIN)/kalends crds > crds/kalends.dev_scheduledjobs.yaml
	@mkdir -p charts/kalends/files/crds && cp crds/kalends.dev_scheduledjobs.yaml charts/kalends/files/crds/

manifests: $(READY) ## Write dist/crds.yaml and dist/install.yaml from the chart, for kubectl apply --server-side
	@$(BIN)/python charts/manifests.py dist

clean: ## Remove generated files; the control plane in the cache folder stays
	@rm -rf .venv $(NEWEST) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
