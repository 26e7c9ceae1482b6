# make demo   make the demo data, train on it, predict, evaluate, prune and write a report
# make test   check style, types and imports, then run every quick test
VENV ?= .venv
PYTHON ?= python3
JOBS ?= 2
# what `make bench` reads: an nnU-Net v2 raw folder of volumes
DATASET ?= ../shared/data/hippocampus
BIN := $(VENV)/bin

# A stamp names what it was made from, so nothing is installed twice and nothing stays outdated: the
# environment belongs to the lock's contents, the editable install to this folder and its metadata.
LOCK := $(shell cat requirements-dev.txt | cksum | tr ' ' '-')
HERE := $(shell (echo "$(CURDIR)"; cat pyproject.toml) | cksum | tr ' ' '-')
LOCKED := $(VENV)/.locked-$(LOCK)
INSTALLED := $(VENV)/.installed-$(LOCK)-$(HERE)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all check lint format bench environment

demo: environment
	$(BIN)/segscope demo

test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS)

test-all: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) -m "slow or not slow"

check: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint: check

format: environment
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: environment
	$(BIN)/python benchmarks/bench_metrics.py
	$(BIN)/python benchmarks/bench_wmh.py
	$(BIN)/python benchmarks/bench_prune.py
	$(BIN)/python benchmarks/bench_protoseg.py
	$(BIN)/python benchmarks/bench_content_loss.py
	$(BIN)/python benchmarks/bench_mean_dice.py
	$(BIN)/python benchmarks/bench_global_mask.py
	$(BIN)/python benchmarks/check_predict_memory.py --peer
	$(BIN)/python benchmarks/bench_data_check.py $(DATASET)
	$(BIN)/python benchmarks/check_resume.py $(DATASET)
	$(BIN)/python benchmarks/check_reading.py $(DATASET)

environment: $(INSTALLED)

$(LOCKED):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	rm -f $(VENV)/.locked-*
	touch $@

$(INSTALLED): $(LOCKED)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	rm -f $(VENV)/.installed-*
	touch $@
