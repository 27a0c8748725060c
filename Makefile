# `make` lists the targets. Every target sets up .venv first, again after a change of its packages.
PYTHON ?= python3
PHOTOS ?=
SCALE ?=
DATA ?=
INPUT ?=
OUTPUT ?=
FROM ?=
export OMP_NUM_THREADS ?= 2

BIN := .venv/bin
READY := .venv/.ready
UV := $(shell uv --version >/dev/null 2>&1 && echo uv)
INSTALL := $(if $(UV),uv pip install --python $(BIN)/python,$(BIN)/python -m pip install)

.DEFAULT_GOAL := help
.PHONY: help setup demo sr test test-slow test-chaos test-slurm test-wheel lint format types check bench-sr bench-winding bench-smoke bench-roi bench-pbr lock clean \
	pbr-a0 pbr-a-syn pbr-a pbr-b pbr-c pbr-cprime pbr-d pbr-convert pbr-ladder \
	pbr-d-seg pbr-d-alb pbr-d-rough pbr-d-metal pbr-d-ao pbr-d-height

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv, with uv if there is one, else with pip (PYTHON=python3.13 chooses)

$(READY): pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(if $(UV),uv venv --python $(PYTHON) .venv,$(PYTHON) -m venv .venv)
	$(INSTALL) -r requirements.lock
	$(INSTALL) --no-deps -e .
	@touch $@

demo: $(READY) ## game materials, phases A0, A and B: minutes on two CPU cores, ends with a picture
	$(BIN)/python -m launch +experiment=pbr/phase_b

sr: $(READY) ## super-resolution with loss ramps; on your own photos: make sr PHOTOS=folder
	$(BIN)/python -m launch +experiment=sr/loss_ramps $(if $(PHOTOS),data=sr/folder data.root=$(PHOTOS))

# PBR phases. Each first trains the phases that it starts from, unless they are there. SCALE=full for
# the settings of the requirement document; DATA='data=pbr/folder data.clean.root=DIR ...' for files.
PBR = $(BIN)/python -m launch $(if $(SCALE),scale=$(SCALE)) $(DATA)

pbr-a0: $(READY) ## PBR phase A0, does it run: make pbr-a0 SCALE=full
	$(PBR) +experiment=pbr/phase_a0

pbr-a-syn: $(READY) ## PBR phase A-Syn, optional: the albedo on clean materials that are lit again
	$(PBR) +experiment=pbr/phase_a_syn

pbr-a: $(READY) ## PBR phase A, clean priors
	$(PBR) +experiment=pbr/phase_a

pbr-b: $(READY) ## PBR phase B, heads and adapters meet the game
	$(PBR) +experiment=pbr/phase_b

pbr-c: $(READY) ## PBR phase C, the upper half of the encoders too
	$(PBR) +experiment=pbr/phase_c

pbr-cprime: $(READY) ## PBR phase C', the norms only
	$(PBR) +experiment=pbr/phase_cprime

pbr-d: pbr-d-height ## PBR phase D, every head; one alone: pbr-d-seg, -alb, -rough, -metal, -ao, -height

pbr-d-seg pbr-d-alb pbr-d-rough pbr-d-metal pbr-d-ao pbr-d-height: pbr-d-%: $(READY)
	$(PBR) +experiment=pbr/phase_d_$*

pbr-convert: $(READY) ## game textures to PBR: make pbr-convert INPUT=Textures OUTPUT=Out FROM=RUN_DIR
	$(PBR) +experiment=pbr/phase_d_height task=predict from=$(or $(FROM),latest) input=$(INPUT) output=$(OUTPUT)

pbr-ladder: $(READY) ## all PBR phases with gates between them; the same command continues
	$(PBR) +ladder=pbr

test: $(READY) ## the tests, about ten minutes on two cores
	$(BIN)/python -m pytest

test-slurm: $(READY) ## a real Slurm on this machine: needs root, apt-get install slurm-wlm munge
	$(BIN)/python -m pytest -m slow tests/front/test_slurm.py

test-slow: $(READY) ## the tests that train for minutes
	$(BIN)/python -m pytest -m slow

test-chaos: $(READY) ## kills, full and damaged disks at every write of runs; every signal; seeded
	CHAOS_KILLS=$(or $(KILLS),20) TMPDIR=$(or $(wildcard /dev/shm),/tmp) \
		$(BIN)/python -m pytest -m 'slow or not slow' tests/test_chaos.py tests/test_signals.py

test-wheel: $(READY) ## the wheel in an environment of its own, with its packages (3 GB)
	FRESH=1 $(BIN)/python -m pytest -m slow tests/test_wheel.py

lint: $(READY) ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## ruff: mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## pyright
	$(BIN)/pyright

check: lint types test ## lint, types and test

bench-sr: $(READY) ## the cost of a training step against a bare PyTorch loop
	$(BIN)/python benchmarks/sr_step.py
	$(BIN)/python benchmarks/sr_files.py

bench-winding: $(READY) ## a winding iteration, with and without its mask, against a bare PyTorch loop
	$(BIN)/python benchmarks/winding_iteration.py

bench-smoke: $(READY) ## a flow-matching step against a bare PyTorch loop, and tokens per second
	$(BIN)/python benchmarks/smoke_step.py

bench-roi: $(READY) ## the cost of balancing losses against constant weights
	$(BIN)/python benchmarks/roi_balance.py

bench-pbr: $(READY) ## PBR training samples per second against reading and resizing their maps
	$(BIN)/python benchmarks/pbr_pipeline.py

lock: ## pin the packages of pyproject.toml in requirements.lock (needs uv)
	uv pip compile --quiet --universal --no-emit-index-url --no-header --python-version 3.11 \
		--extra dev pyproject.toml -o requirements.lock

clean: ## remove .venv and caches; runs/ stays
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
	find src experiments tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
