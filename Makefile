# make run: the January 2017 table.  make test: everything CI checks.  make docs: the site, in build/docs.
# make compiled: a faster core, for whoever has a C compiler.  All set up what they need in .venv and build.
PYTHON ?= python3
# In CI the versions that were last seen to work; elsewhere what is newest.
PINNED := $(if $(CI),--constraint .ci/constraints.txt)
BIN := .venv/bin
# In CI modules are compiled when they are first imported: pip would compile thousands that nobody imports, for a minute.
INSTALL := install --quiet --disable-pip-version-check $(if $(CI),--no-compile)
# Where this is set, each of the hundreds of commands that tests start would compile every module it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: validation run compiled test lint types imports tests compiled-core compiled-tests compiler scenarios notebooks course docs stored browser clean fuzz soak package lowest lock sbom man

run: .venv/installed
	$(BIN)/simalloc run pagealloc-2017

# Those in the first of these lines take one core each, so they run beside each other.
test: lint imports tests scenarios notebooks
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target compiled-core docs types package
	$(MAKE) --no-print-directory compiled-tests

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev .venv/docs
	$(BIN)/mypy

imports: .venv/dev
	$(BIN)/lint-imports

tests: .venv/dev .venv/docs browser
	$(BIN)/pytest -n 2 --dist worksteal

scenarios: .venv/dev
	$(BIN)/simalloc check scenarios/*.yaml scenarios/mistakes/*.yaml
	$(BIN)/python -m tests.shipped .venv/scenarios

# Chromium, in which tests open a report: installed where this is Debian and we are root, else yours to install.
# Without it those tests are skipped; where CI=true they fail.
browser:
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium chromium-driver >/dev/null; \
	fi || true; \
	command -v chromium >/dev/null || echo "no Chromium here (Debian: chromium, chromium-driver): its tests are skipped"

# Run every notebook from top to bottom, two at a time; those that ran are in build/notebooks.
NOTEBOOKS := $(patsubst %,build/%,$(wildcard notebooks/*.ipynb))

.DELETE_ON_ERROR:

notebooks: .venv/dev
	$(MAKE) --no-print-directory --jobs 2 $(NOTEBOOKS)

build/notebooks/%.ipynb: notebooks/%.ipynb .venv/dev $(shell find simalloc scenarios -name '*.py' -o -name '*.yaml')
	@mkdir -p $(@D)
	$(BIN)/jupyter execute --NbClientApp.log_level=ERROR --output "$(CURDIR)/$@" $<

# Open the course in JupyterLab.
course: .venv/course
	$(BIN)/jupyter lab notebooks

# The published record, simulated: some minutes. Look at the difference before a commit.
validation: .venv/dev
	$(BIN)/simalloc validate --format json > docs/validation.json.new || test $$? = 1
	mv docs/validation.json.new docs/validation.json
	PYTHONPATH=docs $(BIN)/python -m simalloc_docs.validation_page

# A broken link, an undocumented name or anything else Sphinx warns of is an error.
docs: .venv/docs
	$(BIN)/sphinx-build -W -n --keep-going -q -a -b html -d build/doctrees docs build/docs

# The wheel with a compiled core (needs a C compiler), installed in a venv of its own: build/compiled/bin/simalloc.
COMPILED := build/compiled
CORE := $(shell find simalloc scenarios -name '*.py' -o -name '*.yaml' -o -name '*.csv') hatch_build.py pyproject.toml

compiled: $(COMPILED)/installed

# Tests of what simulates, on that wheel. Without a C compiler they are skipped; where CI=true they fail.
compiled-tests: .venv/dev compiled-core
	@if [ -f $(COMPILED)/tools ]; then $(BIN)/python -m tests.compiled $(COMPILED)/bin/python; fi

compiled-core: .venv/dev compiler
	@if command -v cc >/dev/null && $(BIN)/python -c $(HEADERS); then $(MAKE) --no-print-directory $(COMPILED)/tools; \
	elif [ "$$CI" = true ]; then echo "no C compiler here: the compiled core cannot be tested"; exit 1; \
	else rm -f $(COMPILED)/tools; \
		echo "no C compiler here (Debian: gcc, python3-dev): the tests of the compiled core are skipped"; fi

# Whether this Python's header files are here: what it runs ends with exit code 0 or 1.
HEADERS := "import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path('include') + '/Python.h'))"

$(COMPILED)/tools: $(COMPILED)/installed
	$(COMPILED)/bin/pip $(INSTALL) pytest pytest-xdist hypothesis distributed
	touch $@

# A C compiler for CI: installed where this is Debian and we are root; nobody else needs one.
compiler:
	@if [ "$$CI" = true ] && ! command -v cc >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends gcc libc6-dev python3-dev >/dev/null; \
	fi || true

$(COMPILED)/installed: .venv/created $(CORE)
	rm -rf $(COMPILED) build/wheels
	HATCH_BUILD_HOOKS_ENABLE=1 $(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheels .
	$(PYTHON) -m venv $(COMPILED)
	$(COMPILED)/bin/pip $(INSTALL) "$$(echo build/wheels/simalloc-*.whl)"
	touch $@

# Rewrite what tests compare exactly, and the schema. Look at the difference before you commit it.
stored: .venv/dev
	$(BIN)/simalloc schema > scenarios/scenario.schema.json
	PYTHONPATH=benchmarks $(BIN)/python -m tests.stored
	PYTHONPATH=benchmarks $(BIN)/python -m tests.stored bytecodes

# Inputs nobody would write (N of them), and random scenarios checked all along and against lockstep (for MINUTES).
N ?= 100000
MINUTES ?= 60

fuzz: .venv/dev
	$(BIN)/python -m tests.fuzzing $(N)
	for kind in scenario table trace zoneinfo lock_stat; do $(BIN)/python -m tests.guided $$kind -runs=$(N) || exit 1; done

soak: .venv/dev
	$(BIN)/python -m tests.soak $(MINUTES)

# The wheel and the sdist, built; the wheel installed where nothing else is, and run from an empty folder.
package: .venv/dev
	rm -rf build/dist build/clean
	$(BIN)/python -m hatchling build -d build/dist
	$(PYTHON) -m venv build/clean
	build/clean/bin/pip $(INSTALL) $(PINNED) build/dist/*.whl
	build/clean/bin/python -I tests/packaged.py

# With the lowest version of every library that pyproject.toml allows: needs uv (pip install uv).
lowest: package
	uv venv --quiet --clear --python $(PYTHON) build/lowest
	uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct build/dist/*.whl
	build/lowest/bin/python -I tests/packaged.py

# What CI installs, for the next time: look at the difference before you commit it.
lock: .venv/dev .venv/docs
	$(BIN)/pip freeze --exclude-editable | grep -v '@' > .ci/constraints.txt

# What a wheel brings with it, as CycloneDX; and a man page per command.
sbom: package
	$(BIN)/pip $(INSTALL) cyclonedx-bom
	$(BIN)/cyclonedx-py environment build/clean/bin/python --output-file build/sbom.json

man: .venv/dev
	PYTHONPATH=docs $(BIN)/python -m simalloc_docs.man build/man

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "simalloc needs Python 3.11 or later; try make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/created pyproject.toml
	$(BIN)/pip $(INSTALL) $(PINNED) --editable .
	touch $@

.venv/dev: .venv/created pyproject.toml
	$(BIN)/pip $(INSTALL) $(PINNED) --editable '.[dev]'
	touch $@ .venv/installed

.venv/course: .venv/created pyproject.toml
	$(BIN)/pip $(INSTALL) $(PINNED) --editable '.[notebooks]'
	touch $@ .venv/installed

.venv/docs: .venv/created pyproject.toml
	$(BIN)/pip $(INSTALL) $(PINNED) --editable '.[docs]'
	touch $@ .venv/installed

clean:
	rm -rf .venv build docs/generated results
