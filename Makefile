# `make` lists the targets. Each works on a clean checkout: what is missing is installed first.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PORT ?= 8000
DATA ?= data
BIND ?= 127.0.0.1
PYTEST ?=
ARGS ?=
JOBS ?= 2
MINUTES ?= 60
GAMES_PLAY_S ?= 60
HOST ?=
SETTINGS ?=
GAMES ?= ltris openttd pingus neverball subway-runner

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
RUN := .venv/bin/
PYTEST_WHOLE := --durations=25 --durations-min=1
RUNS := .pytest_cache/jobs
SERVICES := tests/api tests/compatibility tests/integration/orchestrator
ON_A_STREAM := input_scripts pages_controls pages_firefox pages_on_a_seat pages_phone pages_play pages_running pages_watch
FLEETS := tests/chaos tests/crash $(addprefix tests/integration/,deploy embedded fleet guides replicas)
STREAMS := tests/integration/streaming $(ON_A_STREAM:%=tests/browser/pages/test_%.py)
PAGES := $(filter-out $(STREAMS),$(wildcard tests/browser/pages/test_*.py))
BESIDE := test-services test-fleets test-hosts test-pages
APART := test-streams test-house

.PHONY: help play games test test-services test-hosts test-fleets test-pages test-streams test-house setup setup-code setup-tests setup-bench lint format unit coverage chaos chaos-fleet soak input-scripts walk-pictures test-games test-deploy bench-play bench-streaming bench-hour bench-chaos bench-soak bench-fleet bench-uploads bench-catalogue bench-api bench-arena simulate strength deploy-orchestrator deploy-agent images deb docs drawings fuzz audit clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1mmake %-19s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make play PORT=8001 DATA=./data2 BIND=0.0.0.0   another port, another folder, open to your network"

play: setup ## Play: start everything on this machine and print the address
	@ORCHESTRATOR_DATA="$(DATA)" exec $(RUN)orchestrator up --host "$(BIND)" --port "$(PORT)"

games: setup ## Make more games and add them to what `make play` runs (GAMES="openttd ltris" picks some)
	@for game in $(GAMES); do ORCHESTRATOR_DATA="$(DATA)" $(RUN)orchestrator games add "$$game" || exit 1; done

test: setup-tests ## Check the code and run every test (PYTEST="-k name" picks some)
ifeq ($(PYTEST),)
	@rm -rf $(RUNS)
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target LATER=yes lint coverage $(BESIDE)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target LATER=yes $(APART)
	@$(RUN)python -m tests.again $(BESIDE) $(APART)
else
	@$(MAKE) --no-print-directory lint
	$(RUN)pytest $(PYTEST)
endif

test-services: setup-tests
	$(call job,$(SERVICES))

test-fleets: setup-tests  # whole houses of processes; these wait more than they work
	$(call job,$(FLEETS))

test-hosts: setup-tests  # and whatever nobody else runs
	$(call job,tests $(patsubst %,--ignore=%,tests/unit tests/browser $(SERVICES) $(FLEETS) $(STREAMS)))

test-pages: setup-tests
	$(call job,$(PAGES))

test-streams: setup-tests  # after the others: these look at the clock
	$(call job,$(STREAMS))

test-house: setup-tests
	$(call job,tests/browser/house)

# How it ended and what failed is kept for tests/again.py, which judges it later (LATER=yes) and runs only that once more
# (AGAIN=yes). Jobs share no folder for temporary files: pytest clears it at the end, and one pytest trips over another.
define job
	@$(if $(AGAIN),,rm -rf $(RUNS)/$@;) mkdir -p $(RUNS)/$@; rm -f $(RUNS)/$@/code
	@folder=$$(mktemp -d $${TMPDIR:-/tmp}/tests-XXXXXX); set -x; \
		$(RUN)pytest $(PYTEST_WHOLE) --basetemp=$$folder/t -o cache_dir=$(RUNS)/$@ \
		$(if $(AGAIN),--last-failed --last-failed-no-failures none) $(1); \
		{ code=$$?; set +x; } 2>/dev/null; echo $$code >$(RUNS)/$@/code; [ $$code != 0 ] || rm -rf $$folder; $(if $(LATER),,exit $$code)
endef

setup: ## Install what playing needs, and nothing that is there
	@deploy/setup play

setup-code: ## Install what working on the code needs as well: its checks and the fast tests
	@deploy/setup code

setup-tests: ## Install what the tests need as well
	@deploy/setup test

setup-bench: ## Install what the tests need, and the peers that are measured beside us
	@deploy/setup bench

lint: setup-code ## Style, types and who may import whom
	$(RUN)ruff check
	$(RUN)ruff format --check
	$(RUN)basedpyright
	$(RUN)lint-imports

format: setup-code ## Put the code in the house's form
	$(RUN)ruff check --fix
	$(RUN)ruff format

unit: setup-code ## The fast tests alone: no engine, no browser
	$(RUN)pytest tests/unit $(PYTEST)

coverage: setup-code ## Every branch of what decides is tested: the fast tests, measured
	@mkdir -p .coverage
	$(RUN)coverage run -m pytest tests/unit
	$(RUN)coverage report

chaos: setup-tests ## Play through a hundred evenings of faults; goes on where it was left (JOBS=2)
	$(RUN)python -m tests.chaos --jobs $(JOBS)

input-scripts: setup-tests ## Play a hundred random scripts of held keys and faults; goes on where it was left; writes bench/results/input-scripts.json
	INPUT_SCRIPTS=100 $(RUN)pytest tests/browser/pages/test_input_scripts.py --timeout=300 -q
	$(RUN)python -m bench.input_scripts

walk-pictures: setup-tests ## Walk through the house as a player and as a publisher; takes the pictures in docs/images/walks and docs/images/arena anew
	WALK_PICTURES=1 $(RUN)pytest tests/browser/house/test_walks.py tests/browser/pages/test_pages_arena.py

test-games: setup-tests ## Play each of the four games of `make games` for a minute through the stream (GAMES_PLAY_S=60); keeps pictures in test-artifacts/games
	GAMES_PLAY_S=$(GAMES_PLAY_S) $(RUN)pytest tests/browser/house/test_real_games.py

test-deploy: setup-tests ## Boot a Debian with systemd, deploy to it by package and by images, and play there while agents start anew; then type the front page on one that has nothing (needs root and the network)
	$(RUN)python -m tests.booted
	$(RUN)python -m tests.booted.clean

soak: MINUTES = 30
soak: setup-tests ## A day in half an hour: fifty people on two hosts, with faults, and nothing may grow; writes bench/results/soak.json (MINUTES=30)
	$(RUN)python -m bench.soak --minutes $(MINUTES) $(ARGS)

chaos-fleet: setup-tests ## Two hundred schedules of faults in a fleet of three engines; goes on where it was left
	$(RUN)python -m tests.chaos.fleet $(ARGS)

bench-chaos: chaos ## The same as chaos; writes bench/results/chaos.json

bench-soak: soak ## The same as soak

bench-play: setup-tests ## Measure Play to first picture and click to photon; writes bench/results/play.json
	$(RUN)python -m bench.play

bench-streaming: setup-bench ## Measure the stream beside Selkies and GStreamer; writes bench/results/streaming.json (ARGS="--only latency --quick")
	$(RUN)python -m bench.streaming $(ARGS)

bench-fleet: setup-bench ## Measure decisions, places taken, a thousand agents, launches beside JupyterHub and in the browser; writes bench/results/fleet.json (ARGS="--only launch")
	$(RUN)python -m bench.fleet $(ARGS)

bench-uploads: setup-tests ## Upload 4 GiB and watch the replica's memory; writes bench/results/uploads.json (ARGS="--mib 512")
	$(RUN)python -m bench.uploads $(ARGS)

bench-catalogue: setup-tests ## Measure lists of ten thousand games at 100 requests a second; writes bench/results/catalogue.json
	$(RUN)python -m bench.catalogue $(ARGS)

bench-api: setup-bench ## Measure what one replica answers a second, with wrk beside Litestar alone; writes bench/results/api.json (ARGS="--only sqlite --ask status")
	$(RUN)python -m bench.api $(ARGS)

bench-arena: setup-bench ## Play 2,000 matches at once on one replica, then on two, with a kill -9 in the middle; writes bench/results/arena.json (ARGS="--only sqlite")
	$(RUN)python -m bench.arena $(ARGS)

bench-hour: setup-tests ## An hour of play on one seat: nothing may grow; writes bench/results/streaming-hour.json (MINUTES=60)
	$(RUN)python -m bench.streaming.hour --minutes $(MINUTES)

strength: setup-tests ## Let the bots of each game play each other; writes bench/results/arena-strength.json (ARGS="--games 20")
	$(RUN)python -m bench.arena_strength $(ARGS)

simulate: setup-code ## Our placement beside others' in virtual time; writes bench/results/simulate.json and a plot (ARGS="--large")
	$(RUN)python -m bench.simulate --jobs $(JOBS) $(ARGS)

deploy-orchestrator: ## Deploy replicas over ssh, one after the other (HOST="root@a root@b" SETTINGS=orchestrator.env ARGS=--check)
	@python3 deploy/ssh/deploy.py orchestrator $(HOST) $(if $(SETTINGS),--settings "$(SETTINGS)") $(ARGS)

deploy-agent: ## Deploy game hosts over ssh, one after the other (HOST=root@host7 SETTINGS=host7.env ARGS=--check)
	@python3 deploy/ssh/deploy.py agent $(HOST) $(if $(SETTINGS),--settings "$(SETTINGS)") $(ARGS)

images: ## Build the images of replica and agent (ARGS="--build-arg BASE=debian:12.12-slim")
	@for role in orchestrator agent; do docker build $(ARGS) -f deploy/images/$$role.Dockerfile -t playhouse/$$role:$(VERSION) . || exit 1; done

deb: ## Make dist/playhouse_VERSION_all.deb, which lets a machine deploy to itself
	@python3 -m deploy.debian.build

docs: ## Make a site of all documents in site/; a broken link or a page that nothing leads to fails
	@deploy/setup docs
	$(RUN)sphinx-build --quiet --fresh-env --fail-on-warning --keep-going --conf-dir docs/site . site
	@echo "site/index.html"

drawings: setup-tests ## Draw anew what the documents say in Mermaid, for the site
	$(RUN)python -m docs.site.draw

fuzz: MINUTES = 10
fuzz: setup-tests ## Throw guided nonsense at every parser that strangers reach, each for MINUTES, JOBS at once (MINUTES=10 ARGS="--only games"); writes bench/results/fuzz.json
	@deploy/setup fuzz
	$(RUN)python -m tests.fuzz --minutes $(MINUTES) --jobs $(JOBS) $(ARGS)

audit: setup ## Ask PyPI's advisories about every package of uv.lock; fails when one is known to be broken (1), or none could be asked about (2)
	@deploy/setup audit

clean: ## Remove what was made here, but not DATA
	rm -rf dist site .venv .tools .coverage .pytest_cache .ruff_cache .hypothesis .import_linter_cache test-artifacts
	find . -name __pycache__ -not -path './data*' -prune -exec rm -rf {} +
