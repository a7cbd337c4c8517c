# The commands of a working copy. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
CLUSTER ?= local

.DEFAULT_GOAL := help
.PHONY: help setup up down status rotate demo unit test cover test-slow test-faults lint format bench site slurm-up slurm-down lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Make the environment .venv from the lock file

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11 \
	with venv (Debian, Ubuntu: apt install python3.11-venv) or name it: make setup PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "error: $(PYTHON) \
	cannot make an environment; Debian, Ubuntu: apt install python3.11-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

up: $(STAMP)  ## Start Airflow and MLflow in the background
	@$(BIN)/python -m include.platform up

down: $(STAMP)  ## Stop Airflow, MLflow and local training jobs
	@$(BIN)/python -m include.platform down

demo: $(STAMP)  ## Regenerate a small benchmark, from the form to the answer (CLUSTER=local)
	@$(BIN)/python -m include.platform demo --cluster $(CLUSTER)

status: $(STAMP)  ## Show each service, its process, port and health
	@$(BIN)/python -m include.platform status

rotate: $(STAMP)  ## Set large logs aside and delete old ones; for a daily cron
	@$(BIN)/python -m include.platform rotate

unit: $(STAMP)  ## Run the tests of single parts, in 2 minutes (ARGS="-k word" to choose)
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/integration --ignore=tests/faults -m "not whole" $(ARGS)

# Integration and faults come last, in lanes: each has servers and clusters of its own, and mostly waits.
test: $(STAMP)  ## Run the tests; those of SLURM where it is installed (ARGS="-k word" to choose)
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/integration --ignore=tests/faults $(ARGS) || test $$? = 5
	$(BIN)/python -m pytest -n 4 --dist loadscope --no-loadscope-reorder tests/faults tests/integration -m "fast or not faults" $(ARGS) || test $$? = 5

cover: $(STAMP)  ## Measure how much of nepsbench the tests of single parts run
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/integration --ignore=tests/faults \
	--cov=nepsbench --cov-report=term:skip-covered $(ARGS)

test-slow: $(STAMP)  ## Count and hash whole spaces; disturb every space by every recipe; an hour and a half
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow $(ARGS)

test-faults: $(STAMP)  ## Break SLURM, SSH and Airflow for real, 45 minutes, into docs/reliability.md (root)
	NEPSBENCH_REQUIRE_SLURM=1 NEPSBENCH_RELIABILITY=docs/reliability.md \
	$(BIN)/python -m pytest -n 3 --dist loadscope tests/faults $(ARGS)

lint: $(STAMP)  ## Check format, style, types and who imports whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=plugins $(BIN)/lint-imports

format: $(STAMP)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# CUDA's libraries stay out: torch's own wheel names those it needs, the CPU wheel none.
bench: $(STAMP)  ## Measure speed and size into benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

slurm-up: $(STAMP)  ## Start a one-machine SLURM and sshd on loopback (root)
	@include/slurm/slurm-up.sh

slurm-down:  ## Stop them
	@include/slurm/slurm-down.sh

site: $(STAMP)  ## Make the documentation's site in docs/site, without a network
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/site

lock:  ## Resolve requirements.lock within requirements.in; what is in it stays (needs uv; ARGS=--upgrade)
	cp requirements.lock requirements.lock.part
	uv pip compile pyproject.toml --quiet --extra platform --extra dev --python-version 3.11 \
	--constraints requirements.in --no-emit-index-url --no-header --no-annotate \
	--output-file requirements.lock.part $(ARGS)
	{ echo "# Made by make lock from pyproject.toml and requirements.in. Python 3.11."; \
	grep -vE '^(nvidia-|cuda-|triton=)' requirements.lock.part; } > requirements.lock.new
	rm requirements.lock.part && mv requirements.lock.new requirements.lock

clean: down  ## Stop the services and delete their state; the warehouse stays
	rm -rf .platform .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
