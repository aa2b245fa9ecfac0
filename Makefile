# `make` lists the targets. Each works on a clean checkout: what is missing is installed first.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PORT ?= 8000
DATA ?= data
BIND ?= 127.0.0.1
PYTEST ?=

RUN := .venv/bin/

.PHONY: help play test setup setup-tests lint format unit bench-play clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1mmake %-13s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make play PORT=8001 DATA=./data2 BIND=0.0.0.0   another port, another folder, open to your network"

play: setup ## Play: start everything on this machine and print the address
	@ORCHESTRATOR_DATA="$(DATA)" exec $(RUN)orchestrator up --host "$(BIND)" --port "$(PORT)"

test: setup-tests ## Check the code and run every test (PYTEST="-k name" picks some)
	@$(MAKE) --no-print-directory lint
	$(RUN)pytest $(PYTEST)

setup: ## Install what playing needs, and nothing that is there
	@deploy/setup play

setup-tests: ## Install what the tests need as well
	@deploy/setup test

lint: setup ## Style, types and who may import whom
	$(RUN)ruff check
	$(RUN)ruff format --check
	$(RUN)basedpyright
	$(RUN)lint-imports

format: setup ## Put the code in the house's form
	$(RUN)ruff check --fix
	$(RUN)ruff format

unit: setup ## The fast tests alone: no engine, no browser
	$(RUN)pytest tests/unit $(PYTEST)

bench-play: setup-tests ## Measure Play to first picture and click to photon; writes bench/results/play.json
	$(RUN)python -m bench.play

clean: ## Remove what was made here, but not DATA
	rm -rf .venv .tools .pytest_cache .ruff_cache .hypothesis .import_linter_cache test-artifacts
	find . -name __pycache__ -not -path './data*' -prune -exec rm -rf {} +
