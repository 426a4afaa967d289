# The README's two commands are `make demo` and `make test`; `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# More finish sooner, and make tests of outages wait for a machine that has too much to do.
TEST_PROCESSES ?= 2
PYTEST = $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/run.installed: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Quadrupel into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/dev.installed: requirements/dev.txt $(VENV)/run.installed
	@echo "installing the development tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/web.installed: clients/web/package-lock.json $(VENV)/dev.installed
	@echo "installing what checks and builds the web client into clients/web ..."
	@PATH="$(abspath $(BIN)):$$PATH" npm ci --loglevel=error --prefix clients/web >/dev/null
	@touch $@

.PHONY: install dev
install: $(VENV)/run.installed ## Install Quadrupel into its own virtual environment
dev: $(VENV)/dev.installed $(VENV)/web.installed ## ... and what tests and checks need

.PHONY: web
web: dev ## Build the web client again after a change of clients/web/src
	@PATH="$(abspath $(BIN)):$$PATH" npm run --silent --prefix clients/web build

.PHONY: demo
demo: install ## Watch the driving-licence story happen (ARGS=--once ends by itself)
	@$(BIN)/quadrupel demo $(ARGS)

.PHONY: kafka
kafka: install ## Run a real Apache Kafka broker on a free port until Ctrl-C
	@$(BIN)/python scripts/kafka.py $(ARGS)

.PHONY: test
test: dev ## Run every test (ARGS are pytest's; TEST_PROCESSES=0: one after the other)
	@$(PYTEST) $(ARGS)

$(VENV)/bench.installed: requirements/bench.txt $(VENV)/run.installed
	@echo "installing what benchmarks compare with into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

.PHONY: bench-rules
bench-rules: $(VENV)/bench.installed ## Read rules beside ZEN and CEL (ARGS="--profiles 20000")
	@$(BIN)/python benchmarks/bench_rules.py $(ARGS)

.PHONY: bench-ingest
bench-ingest: $(VENV)/bench.installed ## Events from Kafka into profiles (ARGS="--events 200000")
	@$(BIN)/python benchmarks/bench_ingest.py $(ARGS)

.PHONY: bench-night
bench-night: $(VENV)/bench.installed ## A full sweep of the users (ARGS="--sizes 100000")
	@$(BIN)/python benchmarks/bench_night.py $(ARGS)

.PHONY: bench-due
bench-due: $(VENV)/bench.installed ## A night of who is due, beside a full sweep (ARGS="--profiles 50000")
	@$(BIN)/python benchmarks/bench_due.py $(ARGS)

.PHONY: bench-fresh
bench-fresh: $(VENV)/bench.installed ## From an event to the banner on the page (ARGS="--seconds 15")
	@$(BIN)/python benchmarks/bench_fresh.py $(ARGS)

.PHONY: bench-api
bench-api: $(VENV)/bench.installed ## Reads of banners, beside a plain handler (ARGS="--users 50000 --seconds 5")
	@$(BIN)/python benchmarks/bench_api.py $(ARGS)

.PHONY: bench-send
bench-send: $(VENV)/bench.installed ## Recorded e-mails to a local SMTP server (ARGS="--messages 5000")
	@$(BIN)/python benchmarks/bench_send.py $(ARGS)

.PHONY: format check lock
format: dev ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

check: dev ## What CI runs: format, lint, types, imports, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) $(ARGS)

lock: dev ## Lock the dependencies again after a change of pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --extra bench -c requirements/run.txt pyproject.toml -o requirements/bench.txt
