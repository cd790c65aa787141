# What a person types. Needs Python 3.11+, make and git; everything else is fetched once and pinned by hash.
# Targets that need the tools set them up first; a second run finds the stamps and does nothing.
# `make demo ARGS="--for 60"` and `make test ARGS="tests/domain"` hand ARGS on.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check fmt lint build bench crash kills cuts soak powercut sim fuzz worlds seasons clean
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMPS := .venv/.stamps
ARGS ?=
WEB_SOURCES := $(shell find web \( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)

help:  ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(STAMPS)/python $(STAMPS)/web  ## Build .venv and the dashboard (what is there already is kept)

demo: setup  ## Start the embedded chain, its world and the desk; Ctrl-C stops them
	@$(BIN)/chimera demo $(ARGS)

test: setup $(STAMPS)/chromium  ## Run every test and name the skipped ones
	@$(BIN)/python ops/test.py $(ARGS)

check: $(STAMPS)/python  ## Lint, formatting, types, import contracts, architecture tests
	@status=0; \
	for each in "ruff check" "ruff format --check" "mypy" "lint-imports --no-logo" \
	    "python -m pytest -q tests/architecture" "python ops/contract.py --check"; do \
	  echo "== $$each"; $(BIN)/$$each || status=1; \
	done; \
	[ $$status = 0 ] && echo "check: all good" || { echo "check: something above is wrong"; exit 1; }

fmt: $(STAMPS)/python  ## Format the Python code and mend what the linter can mend itself
	@$(BIN)/ruff check --fix --exit-zero --quiet
	@$(BIN)/ruff format

lint: $(STAMPS)/python  ## Lint the Python code
	@$(BIN)/ruff check

build: setup  ## Build wheel and source distribution into dist/, dashboard inside
	@$(BIN)/uv build --no-build-isolation --out-dir dist

bench: $(STAMPS)/python  ## Run each benchmark in benchmarks/, one after the other
	@for each in benchmarks/*.py; do [ -e "$$each" ] || { echo "no benchmarks yet"; break; }; \
	  echo "== $$each"; $(BIN)/python "$$each" || exit 1; done

crash: $(STAMPS)/python  ## Kill the desk 50 times over one run of the world, then 50 times on a misbehaving chain
	@$(BIN)/python tests/crash/kill_desk.py $(ARGS)
	@$(BIN)/python tests/crash/kill_desk.py --faults $(ARGS)

kills: $(STAMPS)/python  ## Kill every role and NATS, and the chain, 200 times each over one run (two hours)
	@$(BIN)/python -m tests.crash.kill_roles $(ARGS)

cuts: $(STAMPS)/python  ## Cut the Geyser stream 30 times in five minutes and look for what was lost
	@$(BIN)/python -m tests.crash.cut_stream $(ARGS)

soak: $(STAMPS)/python  ## Flood the market plane for an hour and look whether it grows (ARGS="--minutes 5")
	@$(BIN)/python -m tests.crash.soak $(ARGS)

powercut: $(STAMPS)/python  ## Cut the power under journal and tables ten times; needs root and loop devices
	@$(BIN)/python tests/crash/power_cut.py $(ARGS)

sim: $(STAMPS)/python  ## Try the desk in 10,000 simulated days of faults, forks and kills (seeded)
	@$(BIN)/chimera sim --seeds 10000 $(ARGS)

fuzz: $(STAMPS)/python  ## Show every venue a million damaged accounts and transactions (seeded)
	@$(BIN)/python -m tests.fuzz $(ARGS)

worlds: $(STAMPS)/python  ## Play ten simulated minutes of ten embedded worlds, and say what each brought
	@$(BIN)/python -m tests.localnet.ten_worlds $(ARGS)

seasons: $(STAMPS)/python  ## Backtest every strategy on ten simulated minutes of ten worlds, and hold each to its promise
	@$(BIN)/python -m tests.sim.seasons $(ARGS)

clean:  ## Remove all that was built; the demo's data stay
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf web/node_modules web/dist src/chimera/control/static
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/python: pyproject.toml uv.lock ops/setup/python.sh ops/setup/pinned_uv.py
	@sh ops/setup/python.sh
	@mkdir -p $(STAMPS) && touch $@

# web.sh touches the stamp itself: without the npm registry it says so, leaves no stamp, and the rest goes on.
$(STAMPS)/web: $(WEB_SOURCES) ops/setup/web.sh | $(STAMPS)/python
	@sh ops/setup/web.sh $@

$(STAMPS)/chromium: ops/setup/chromium.sh | $(STAMPS)/python
	@sh ops/setup/chromium.sh
	@touch $@
