# Only Python (3.11 or newer) and make are needed; everything else is put into .venv.
# Variables: PORT, HOST, DOCANALYST_URL, DOCANALYST_DATA_DIR and the others of README.md.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
ifeq ($(PYTHON),)
$(error Python 3.11 or newer is needed, and none was found)
endif

BOOTSTRAP := $(PYTHON) -I -B docanalyst/bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help install run test lint format bench soak screenshots backup restore upgrade

help: ## Show the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

install: ## Put everything that running needs into .venv
	@$(BOOTSTRAP) run

run: ## Start everything and print the address; Ctrl-C stops it
	@exec $(BOOTSTRAP) run -- python -m docanalyst.supervisor --stop-with-parent

test: ## Linters, types and the whole suite; ends by naming what could not be run
	@exec $(BOOTSTRAP) dev -- python -m tests.check

lint: ## Linters and types alone
	@exec $(BOOTSTRAP) dev -- python -m tests.check --lint

format: ## Format sources and templates
	@$(BOOTSTRAP) dev -- ruff check --fix --quiet .
	@$(BOOTSTRAP) dev -- ruff format --quiet .
	@find templates apps -name '*.html' -exec $(BOOTSTRAP) dev -- djade --target-version 5.2 {} +

bench: ## Measure speed and memory, and print the figures
	@exec $(BOOTSTRAP) dev -- python -m pytest tests/bench -p no:xdist -p no:randomly -q -s

soak: ## Kill, restart and feed with broken files for about half an hour
	@exec $(BOOTSTRAP) dev -- python -m pytest tests/soak -p no:xdist -p no:randomly -q -s

screenshots: ## Draw every screen into screenshots/
	@exec $(BOOTSTRAP) dev -- python -m tests.screenshots

backup: ## Write one archive of database, files and secrets
	@exec $(BOOTSTRAP) run -- python -m docanalyst.backup create

restore: ## Restore an archive: make restore BACKUP=path (FORCE=1 replaces what is there)
	@exec $(BOOTSTRAP) run -- python -m docanalyst.backup restore $(if $(FORCE),--force) "$(BACKUP)"

upgrade: ## Back up, fetch the newest version, install it, migrate
	@$(BOOTSTRAP) run -- python -m docanalyst.backup create --if-any
	@if git remote get-url origin >/dev/null 2>&1; then git pull --ff-only; else echo "No git remote: using the files as they are"; fi
	@exec $(BOOTSTRAP) run -- python -m docanalyst.prepare
