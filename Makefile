# `make demo` and `make test` are all a newcomer needs; each does its own set-up and repeats none of it.
.DEFAULT_GOAL := help
.PHONY: help setup demo run test lint format types fidelity supabase bench chaos long pins clean ready-to-run ready-to-test

BIN := .venv/bin

help: ## these lines
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ready-to-test ## system packages (root or sudo), .venv, node_modules: everything but tests/fidelity's

demo: ready-to-run ## service and simulator together; ARGS=--once does it and ends
	$(BIN)/wahook demo $(ARGS)

run: ready-to-run ## the service: wahook serve
	$(BIN)/wahook serve $(ARGS)

test: ready-to-test lint types ## all checks and tests, with coverage; ARGS goes to pytest
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term $(ARGS)

lint: ready-to-test ## style, format, import direction, shell, Dockerfile
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/shellcheck config/install/system config/install/python config/install/node .ci/run
	test ! -x $(BIN)/hadolint || $(BIN)/hadolint Dockerfile

types: ready-to-test ## mypy --strict
	$(BIN)/mypy
	$(BIN)/mypy config/install/pins.py config/healthcheck.py

format: ready-to-test ## format, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fidelity: ready-to-test ## third-party npm clients, unchanged, on the simulator
	@config/install/node tests/fidelity/node
	@PATH="$(CURDIR)/tests/fidelity/node/node_modules/.bin:$$PATH" config/install/node tests/fidelity
	$(BIN)/pytest -m fidelity tests/fidelity $(ARGS)

supabase: ready-to-test ## the Supabase mirror before a server that speaks its protocols, on PostgreSQL
	@config/install/node tests/supabase/server
	$(BIN)/pytest -m supabase tests/supabase $(ARGS)

bench: ready-to-test ## the benchmarks, one after the other
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python -m "bench.$$(basename "$$file" .py)" || exit; done

chaos: ready-to-test ## ten minutes of harm under traffic, then the ledger judges; ARGS="--seed N --minutes M"
	$(BIN)/python -m tests.chaos $(ARGS)

long: ready-to-test ## the tests that are too long for every day: growth over thousands of messages, a kill at each step of a send
	$(BIN)/pytest -m long $(ARGS)

pins: ready-to-test ## config/requirements*.txt from pyproject.toml; ARGS=--upgrade renews all
	$(BIN)/python config/install/pins.py $(ARGS)

clean: ## remove what setup, tests and tools made; never ./data
	rm -rf .venv node_modules tests/fidelity/node_modules tests/fidelity/node/node_modules tests/supabase/server/node_modules build *.egg-info .coverage htmlcov
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

ready-to-run:
	@config/install/system runtime build
	@config/install/python run
	@config/install/node

ready-to-test:
	@config/install/system runtime build test
	@config/install/python dev
	@config/install/node
