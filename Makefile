# Every target explains itself: `make help`.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo up check format test fuzz test-long test-faults test-browser test-services test-export bench eval lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Create .venv and install everything from the lock

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

demo: install ## Start the emulator, drop media in, search for moments, check the answers
	$(BIN)/python -m local.demo

up: install ## Start the emulator and watch its inbox folder
	$(BIN)/dataflux up

check: install ## Format, lint, types, generated files and import direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m events.generate --check
	$(BIN)/python -m infra.knative.generate --check
	$(BIN)/python -m pytest -q tests/test_imports.py

format: install ## Rewrite the sources as `make check` wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: install ## Run the tests that need no server (under 5 minutes)
	$(BIN)/python -m pytest -n auto

fuzz: install ## Change valid files of 33 kinds, 2,000 times each; CASES=500 for less, SEED=… to replay (hours)
	$(BIN)/python -m tests.fuzz --cases $(or $(CASES),2000) $(if $(SEED),--seed $(SEED))

test-long: install ## Start whole platforms again and again: states, backups, chaos (5 minutes)
	$(BIN)/python -m pytest -m long -n auto

test-faults: install ## Kill, stop and cut off real processes, then check every invariant (30 minutes)
	$(BIN)/python -m pytest -m faults tests/faults

test-browser: install ## Drive the first page in headless Chromium (installs Debian's, as root)
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium)
	$(BIN)/python -m pytest -m browser tests/browser

test-services: install ## Start real servers (installed the first time, as root), test with them, stop them
	$(BIN)/python -m pytest -m services

test-export: install ## Compare with torch and transformers (installs both: gigabytes)
	$(BIN)/python -m pip install -q '.[export]'
	$(BIN)/python -m pytest -m export

bench: install ## Print the measurements of bench/
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

eval: install ## Print how right analyzers and search are (MEDIA=folder: on labelled real files too)
	$(BIN)/python -m bench.relevance
	$(BIN)/python -m bench.document_layout
	$(if $(MEDIA),$(BIN)/python -m bench.real_media $(MEDIA))

lock: ## Resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --extra local --extra scenedetect --group dev --universal --python-version 3.11 --quiet --no-header --no-annotate --output-file requirements.lock

clean: ## Remove what install and tests have made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
