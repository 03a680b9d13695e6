# Everything a developer does, and what CI does. Needs only python3 (3.11 or later, with venv) and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := $(BIN)/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --all-extras --custom-compile-command "make lock" $(UPGRADE)
NEEDS := needs python 3.11 or later with its venv module; on Debian: apt-get install python3 python3-venv

# The tests start some hundred processes, which need not compile the same modules again each.
export PYTHONDONTWRITEBYTECODE :=

PARALLEL := --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo test test-once test-servers test-thorough load-test simulate crash-points chaos attack proof kubernetes mutants check check-all style format wire docs servers lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s%s\n", $$1, $$2 }' Makefile

install: $(READY)  ## Install the service and its tools into .venv, every package checked against its hash

demo: $(READY)  ## Show the service at work on this machine
	$(BIN)/travio-inventory demo

test: $(READY)  ## Run the tests, except those on real database servers and the long ones of test-once
	$(BIN)/pytest -q -n 4 $(PARALLEL) -m "not (server or once or thorough)"

test-once: $(READY)  ## Run the long tests that say the same on every Python: simulated days, kills, load
	$(BIN)/pytest -q -n 3 $(PARALLEL) -m "once and not (server or thorough)"

test-servers: $(READY)  ## Run the tests on real servers and brokers and in a real browser (see servers)
	$(BIN)/pytest -q -n 2 $(PARALLEL) --durations=25 -m "server and not thorough"

test-thorough: $(READY)  ## Run what only a release needs: every server's long tests, rolling upgrades, restores
	$(BIN)/pytest -q -n 2 $(PARALLEL) --durations=25 -m thorough

load-test: $(READY)  ## Many users want one seat under Locust, then the store is checked (load_test/README.md)
	$(BIN)/python -m load_test hot-seat

simulate: $(READY)  ## Run simulated bad days on all cores: SEEDS=100000 FROM=0
	$(BIN)/python -m verification.simulation --seeds $(or $(SEEDS),1000) --from $(or $(FROM),0)

crash-points: $(READY)  ## Kill the service before and after every call it makes (SQLite; ON=cql: Cassandra and Redis)
	$(BIN)/python -m verification.crash_points --on $(or $(ON),sqlite)

chaos: $(READY)  ## Real processes on a bad day: kills, partitions, clocks, floods; then a verdict (needs servers)
	$(BIN)/python -m verification.chaos --seconds $(or $(SECONDS),60)

attack: $(READY)  ## Attack a service while well-behaved callers go on: what each attack gets, what it costs the others
	$(BIN)/python -m verification.attack

proof: $(READY)  ## Try to break every promise, for an hour, and write docs/proof.md: SEEDS=20000 SECONDS=700 ONLY=crowds
	$(BIN)/python -m verification.proof --seeds $(or $(SEEDS),2000) --crowd-seconds $(or $(SECONDS),90) --only "$(ONLY)"

kubernetes: $(READY)  ## Try deploy/kubernetes on a real control plane, which is built at the first run (needs Go)
	$(BIN)/python -m verification.kubernetes

mutants: $(READY)  ## Change the code in every small way: does a test fail? ONLY=travio_inventory/kernel SINCE=judged (docs/mutants.md)
	nice $(BIN)/python -m verification.mutants $(ONLY) --seconds $(or $(SECONDS),20) $(if $(SINCE),--since $(SINCE))

check: $(READY)  ## Everything that CI runs: style, then all tests
	$(MAKE) style crash-points test-servers test-once test

check-all: $(READY)  ## Everything to check before a release, for three hours: CI, then every proof (docs/proof.md)
	$(MAKE) check test-thorough && TRAVIO_TEST_REDIS=valkey $(BIN)/pytest -q tests/edge -m redis --ignore tests/edge/test_redis_protected.py && $(MAKE) proof

style: $(READY)  ## Check style, types and layers
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: $(READY)  ## Format the code
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

wire: $(READY)  ## Generate the wire package from proto/
	$(BIN)/python proto/generate.py travio_inventory/wire

docs: $(READY)  ## Generate docs/settings.md, schema.cql, dashboards, and the lists and figures in docs/*.md
	$(BIN)/python -m verification.pages.architecture && $(BIN)/python -m verification.pages.invariants && $(BIN)/python -m verification.pages.settings_page && $(BIN)/python -m verification.pages.data_model && $(BIN)/python -m verification.pages.metrics_page && $(BIN)/python -m verification.pages.asyncapi && $(BIN)/python -m verification.dashboards && $(BIN)/python -m verification.pages.performance && $(BIN)/python -m verification.capacity

servers: $(READY)  ## Fetch what some tests need: databases, brokers, a browser
	$(BIN)/python -m verification.servers fetch

lock: $(READY)  ## Pin the dependencies (UPGRADE=--upgrade moves to the newest versions)
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml requirements/dev.in -c requirements/runtime.txt -o requirements/dev.txt
	$(subst --all-extras,,$(LOCK)) requirements/build.in -c requirements/dev.txt -o requirements/build.txt

clean:  ## Remove everything generated, .venv too; data/ stays
	rm -rf .venv .venv-newest build dist *.egg-info .hypothesis .*_cache && find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' || { echo '$(PYTHON): $(NEEDS)' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
