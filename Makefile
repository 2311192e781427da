# One job per target; `make` alone lists them.
PYTHON ?= python3
UPGRADE ?=
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/pip install -q --disable-pip-version-check --no-input --timeout 60 --retries 3
LIMIT := $(shell timeout --foreground 1 true 2>/dev/null && echo timeout --foreground)
bounded = $(if $(LIMIT),$(LIMIT) $(1))
COMPILE := uv pip compile pyproject.toml --generate-hashes --universal --no-strip-extras --no-emit-index-url -q \
	--python-version 3.11 --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help demo test test-long cover install lint bench chaos fuzz pictures axe lock

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1 \2/p' $(firstword $(MAKEFILE_LIST)) \
		| while read -r make target words; do printf '%s %-9s %s\n' "$$make" "$$target" "$$words"; done

demo: .venv/.runtime-stamp ## bring recordings into threads, against stand-ins on this machine
	@$(BIN)/python -m bot demo

# Tests wait now and then, so five processes keep two cores busy; each one more costs seven seconds
# of a core, in which it loads and collects the suite. Beyond five cores, one for each.
CORES := $(shell nproc 2>/dev/null)
WORKERS ?= $(if $(filter-out 1 2 3 4,$(CORES)),$(CORES),5)

# These processes, and the bots they start, would else compile everything anew, each for itself.
test test-long cover: export PYTHONDONTWRITEBYTECODE =

test: .venv/.dev-stamp ## run the suite; ARGS=… goes to pytest
	@$(call bounded,1800) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long" -q $(ARGS)

test-long: .venv/.dev-stamp ## run what is long by nature: many slots, commands and examples, chaos
	@$(call bounded,3600) $(BIN)/python -m pytest -n 2 --dist worksteal -m "long or hypothesis" --hypothesis-profile=long -q $(ARGS)

cover: .venv/.dev-stamp ## the same with branch coverage, which takes half as long again
	@$(call bounded,1800) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long" --cov=bot --cov-branch --cov-report=term -q

install: .venv/.runtime-stamp ## put callaudio and what it needs into .venv

lint: .venv/.dev-stamp ## check style, types and the direction of imports
	@$(call bounded,600) $(BIN)/ruff check --quiet .
	@$(call bounded,600) $(BIN)/ruff format --check --quiet .
	@$(call bounded,600) $(BIN)/mypy
	@$(call bounded,600) $(BIN)/lint-imports

bench: .venv/.dev-stamp ## measure it beside an afternoon's bot, about 40 minutes; ARGS=… picks rows
	@$(call bounded,3600) $(BIN)/python -m tests.bench $(ARGS)

chaos: .venv/.dev-stamp ## kill, cut and overload it for minutes; SEED=… SECONDS=… ARGS="--webs 2 --workers 2"
	@$(call bounded,3600) $(BIN)/python -W ignore -m tests.chaos $(if $(SEED),--seed $(SEED)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

pictures: .venv/.dev-stamp ## take the documents' pictures anew; CHROMIUM=… names the browser
	@$(call bounded,600) $(BIN)/python -m tests.pictures $(ARGS)

# Coverage guides the fuzzer, which finds more than chance; it has wheels for Linux alone.
fuzz: .venv/.dev-stamp ## feed the parsers of foreign bytes; ARGS="--runs 1000000 reference" picks
	@$(PIP) --require-hashes -r requirements-fuzz.txt
	@$(call bounded,36000) $(BIN)/python -m tests.fuzz $(ARGS)

AXE := .cache/axe/node_modules/axe-core/axe.min.js

axe: $(AXE) ## fetch with npm what checks the demo's page for accessibility; tests skip it without

$(AXE):
	@$(call bounded,120) npm install --prefix .cache/axe --no-save --no-audit --no-fund --silent axe-core@4.14.1

lock: ## pin the dependencies anew with uv; UPGRADE=1 takes the newest versions
	@$(COMPILE) --group build -o requirements.txt
	@$(COMPILE) --group build --group dev --extra otel -o requirements-dev.txt
	@uv pip compile --group fuzz --generate-hashes --universal --no-emit-index-url -q --python-version 3.11 \
		--custom-compile-command "make lock" -o requirements-fuzz.txt

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'callaudio needs Python 3.11 or newer: name one with make PYTHON=python3.12 …' >&2; exit 1; }
	@$(PYTHON) -m venv .venv

# A stamp is the newest file of a finished installation; a broken one leaves none behind.
.venv/.runtime-stamp: requirements.txt pyproject.toml | .venv/bin/python
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev-stamp: requirements-dev.txt pyproject.toml | .venv/bin/python
	@$(PIP) --require-hashes -r requirements-dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@
