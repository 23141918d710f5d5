# `make` sets up and runs the main job; `make test` sets up and runs the tests; `make help` lists all.
# Pass options of the runner on: make ARGS="--only 02_sample --why 04_hypotheses"
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
# Tests run in two processes, a file in one of them; those that take longest begin (tests/conftest.py).
TESTS  ?= -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: all help setup setup-lab setup-test quick check test stress coverage site archive verify home standin survey release clean

all: setup ## set up, then everything that a change made necessary: notebooks, figures, pages, PDF
	@$(BIN)/python scripts/run_all.py $(ARGS)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## the environment .venv from requirements.lock
	@$(PYTHON) scripts/setup.py --venv $(VENV) --lock requirements.lock

setup-lab: ## the same with JupyterLab and Dask
	@$(PYTHON) scripts/setup.py --venv $(VENV) --lock requirements-lab.lock

setup-test: ## the same with what the tests need
	@$(PYTHON) scripts/setup.py --venv $(VENV) --lock requirements-test.lock

quick: setup-test ## under 30 s: linters, types, fast tests
	@$(BIN)/ruff check -q . && $(BIN)/ruff format --check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports > /dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m pytest -q $(TESTS) -m "not slow and not browser and not full"

test: setup-test ## linters, types, all tests, and a full run compared byte for byte
	@$(BIN)/python -m mlsec_survey.base.system tex browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(TESTS)

check: test ## the same as test

stress: setup-test ## minutes: ten thousand mutated exports, none read wrongly in silence
	@MLSEC_CASES=3400 $(BIN)/python -m pytest -q $(TESTS) tests/test_mutated_exports.py

coverage: setup-test ## which lines the tests reach
	$(BIN)/python -m pytest -q $(TESTS) --cov --cov-report=term:skip-covered

site: all ## what a web server serves, in site/: pages, figures, tables, paper
	@$(BIN)/python scripts/make_site.py

archive: all ## the citable archive dist/*.zip, described for machines, the same bytes each time
	@$(PYTHON) scripts/setup.py --venv $(VENV) --lock requirements-test.lock
	@$(BIN)/python scripts/make_archive.py

verify: setup ## in an unpacked archive: rerun it and compare, with a receipt
	@$(BIN)/python scripts/make_archive.py --verify

home: setup ## REPO=owner/name (or from the git remote): badge and every address
	@$(BIN)/python scripts/make_metadata.py --home $(or $(REPO),auto)

release: setup ## what of a run on private answers may leave runs/export: check it, copy what passed
	@$(BIN)/python scripts/release.py $(ARGS)

standin: setup ## the synthetic export and its coding, from data/standin.yml
	$(BIN)/python scripts/make_standin.py

survey: setup ## the questionnaire for LimeSurvey, Qualtrics and paper, in survey/
	@$(BIN)/python scripts/make_survey.py

clean: ## remove what a run leaves outside the tracked folders
	rm -rf html .cache runs survey
