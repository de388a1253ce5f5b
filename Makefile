# Belisha's tasks. `make` lists them; `make run` and `make test` need nothing but Python 3.11 or later.
#
# Everything is installed into .venv beside this file. The install is editable, so that a `git pull`
# is in force at the next start; only a changed pyproject.toml (new requirements) installs again.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run test check format fuzz bench docs clean setup-run setup-test setup-check

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

# The Python to build the environment with: the first that is new enough. `make run PYTHON=/path/to/python`
# chooses another. (Asked only when the environment has to be made.)
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for candidate in $(CANDIDATES); do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$candidate" && break; done)

# An environment remembers where it was made. One from a checkout that has moved since, or whose Python
# is gone, is made anew.
ifneq ($(shell $(BIN)/python -c 'print(open("$(VENV)/made-in").read())' 2>/dev/null),$(CURDIR))
STALE := stale
endif

help: ## This list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

run: setup-run belisha.toml ## Install what is needed, start Belisha: DNS on port 1053, admin on port 8053
	@exec $(BIN)/belisha serve --config belisha.toml --first-token

test: setup-test ## Install what the tests need and run them all (ARGS="-k name" for some)
	@$(BIN)/python -m pytest $(ARGS)

check: setup-check ## Cheap checks: lint, format, types, room order
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup-check ## Rewrite the code as the checks want it
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

fuzz: setup-test ## Hostile input for an hour or so: twenty times the examples, a million damaged packets
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=fuzz --timeout=3600 $(ARGS)
	@BELISHA_FUZZ_ROUNDS=$${BELISHA_FUZZ_ROUNDS:-1000000} BELISHA_FUZZ_SEED=$${BELISHA_FUZZ_SEED:-$$(date +%s)} \
		$(BIN)/python -m pytest tests/fuzz -m 'not hypothesis' --timeout=7200 $(ARGS)

bench: setup-test ## Measure on this machine (ARGS="rates swaps" for some, ARGS=peers beside other servers, ARGS=soak)
	@$(BIN)/python -m tests.bench $(ARGS)

docs: setup-run ## Write the generated pages of docs/ again
	$(BIN)/python docs/make_api.py

clean: ## Remove the environment and every cache; belisha.toml and var/ stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find resolver tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

belisha.toml:
	@cp belisha.example.toml belisha.toml
	@echo "Wrote belisha.toml from belisha.example.toml: addresses, ports and upstreams are yours to change."

# One stamp for each set of requirements; the larger sets hold the smaller ones.

setup-run: $(VENV)/installed-run
setup-test: $(VENV)/installed-test
setup-check: $(VENV)/installed-dev

$(VENV)/installed-run: pyproject.toml $(VENV)/made-in
	@echo "Installing Belisha into $(VENV) ..."
	@$(PIP) install --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml $(VENV)/made-in
	@echo "Installing Belisha and what its tests need into $(VENV) ..."
	@$(PIP) install --editable '.[test]'
	@touch $(VENV)/installed-run $@

$(VENV)/installed-dev: pyproject.toml $(VENV)/made-in
	@echo "Installing Belisha and what its checks need into $(VENV) ..."
	@$(PIP) install --editable '.[dev]'
	@touch $(VENV)/installed-run $(VENV)/installed-test $@

$(VENV)/made-in: $(STALE)
	@test -n "$(PYTHON)" || { \
		echo "Belisha needs Python 3.11 or later, and none of these is: $(CANDIDATES)." >&2; \
		echo "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name it: make run PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is too old: Belisha needs Python 3.11 or later." >&2; exit 1; }
	@echo "Making an environment in $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { \
		rm -rf $(VENV); \
		echo "$(PYTHON) cannot make an environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@printf %s "$(CURDIR)" > $@

.PHONY: stale
stale:
