# make run: the January 2017 table.  make test: everything CI checks.  make docs: the site, in build/docs.
# All set up what they need in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint types imports tests scenarios docs stored clean

run: .venv/installed
	$(BIN)/simalloc run pagealloc-2017

test: lint types imports tests scenarios docs

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev .venv/docs
	$(BIN)/mypy

imports: .venv/dev
	$(BIN)/lint-imports

tests: .venv/dev .venv/docs
	$(BIN)/pytest -n 2

scenarios: .venv/dev
	$(BIN)/simalloc check scenarios/*.yaml
	$(BIN)/python -m tests.shipped .venv/scenarios

# A broken link, an undocumented name or anything else Sphinx warns of is an error.
docs: .venv/docs
	$(BIN)/sphinx-build -W -n --keep-going -q -a -b html -d build/doctrees docs build/docs

# Rewrite what tests compare exactly, and the schema. Look at the difference before you commit it.
stored: .venv/dev
	$(BIN)/simalloc schema > scenarios/scenario.schema.json
	$(BIN)/python -m tests.stored

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "simalloc needs Python 3.11 or later; try make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/created pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/dev: .venv/created pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ .venv/installed

.venv/docs: .venv/created pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@ .venv/installed

clean:
	rm -rf .venv build docs/generated results
