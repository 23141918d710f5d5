# `make` sets up and runs the main job; `make test` sets up and runs the tests.
# Pass options of the runner on: make ARGS="--only 02_sample --why 04_hypotheses"
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: all setup test lint standin clean

all: setup
	$(BIN)/python scripts/run_all.py $(ARGS)

setup: $(VENV)/.locked

test: $(VENV)/.locked-test
	$(BIN)/python -m mlsec_survey.runner.outputs.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# uv installs the same lock faster where it is at hand.
define install
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	if command -v uv >/dev/null; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1); \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); \
	fi
	$(BIN)/python -c "import compileall, sys; compileall.compile_dir(sys.prefix, quiet=2, workers=0)" || true
	if command -v uv >/dev/null; then \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	fi
	touch $@
endef

$(VENV)/.locked: requirements.lock pyproject.toml
	$(call install,requirements.lock)

$(VENV)/.locked-test: $(VENV)/.locked requirements-test.lock
	$(call install,requirements-test.lock)

standin:
	$(BIN)/python scripts/make_standin.py

clean:
	rm -rf html .cache runs
