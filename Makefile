# Most people need only `make run` and `make test`; both create their environment in .venv first.
# A stamp file in .venv marks each finished install, so that packages are installed again only when pyproject.toml or
# constraints.txt changes.

PYTHON ?= python3

VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
PIP_INSTALL := $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
INSTALL_INPUTS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run test setup docs clean

help:
	@echo "make run     install dgemma into .venv and run the demo of the embedded model"
	@echo "make test    install the development tools as well, then lint, type-check and test"
	@echo "make setup   only install, development tools included"
	@echo "make docs    write docs/cli.md anew from the commands themselves"
	@echo "make clean   remove .venv, build output and caches"
	@echo "PYTHON=python3.12 chooses the interpreter that makes .venv (3.11 or newer; now: $(PYTHON))"

run: $(RUN_STAMP)
	@$(VENV_PYTHON) -m dgemma demo

test: $(DEV_STAMP)
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/pyright
	@# One thread per process: the tests' matrix products are too small to gain from more. The tests of a file run in
	@# one process, since they share its servers.
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

setup: $(DEV_STAMP)

docs: $(DEV_STAMP)
	@$(VENV_PYTHON) -m typer dgemma.cli.app utils docs --name dgemma --output docs/cli.md

clean:
	@rm -rf $(VENV) build dist .hypothesis .pytest_cache .ruff_cache
	@find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

# The target is pip, not python: without ensurepip, a failed `venv` leaves a python without pip behind.
$(VENV)/bin/pip:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "dgemma needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): $(INSTALL_INPUTS) | $(VENV)/bin/pip
	@echo "Installing dgemma into $(VENV) (once, about a minute) ..." >&2
	@$(PIP_INSTALL) --editable .
	@touch $@

# The development install includes the one for `make run`, so both stamps are renewed.
$(DEV_STAMP): $(INSTALL_INPUTS) | $(VENV)/bin/pip
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $(RUN_STAMP) $@
