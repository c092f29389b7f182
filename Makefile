# make run starts the dashboard, make test proves it. Both set up what they need,
# and are quick the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
HEADLESS_CHROMIUM := chromium-headless-shell
PLAYWRIGHTS := $(BIN)/python -m playwright install --only-shell chromium
# For more options of pytest: make test ARGS="-k graph"
ARGS ?=
# The others need not be read to find those of a browser; ARGS may name some.
BROWSER_TESTS = $(if $(filter tests/%,$(ARGS)),,tests/browser)
# Of those chosen there may be none of a kind: pytest's 5.
OR_NONE = $(if $(filter -k% tests/%,$(ARGS)),|| [ $$? = 5 ])

.DEFAULT_GOAL := help
.PHONY: help run test check test-long lint types format tools clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp  ## start the dashboard in the browser
	@mkdir -p static  # Streamlit warns where it is missing; Plotly goes there
	@$(BIN)/python -m streamlit run dashboard.py

test: $(VENV)/dev.stamp  ## lint, types and the tests, a real browser included
	@$(MAKE) -j3 lint types tools
	$(PYTEST) -n 2 -m "not long and not browser" $(ARGS) $(OR_NONE)
	$(PYTEST) $(BROWSER_TESTS) -m "speed and not long" $(ARGS) \
		--junit-xml=test-artifacts/speeds.xml $(OR_NONE)
	@# The tests of a file share a server.
	$(PYTEST) -n 2 --dist loadfile $(BROWSER_TESTS) \
		-m "browser and not speed and not long" $(ARGS) $(OR_NONE)

check: lint types  ## lint, types and the fast tests: under a minute
	$(PYTEST) -n 2 -m "not slow and not browser and not long" $(ARGS)

test-long: $(VENV)/dev.stamp  ## the proofs that take minutes
	$(PYTEST) -m long $(ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/dev.stamp
	$(BIN)/python -m mypy

format: $(VENV)/dev.stamp  ## format the code and mend what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove what can be made again, .venv included; never runs
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache static test-artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Programs of the tests: Debian's as root, else Chromium as Playwright brings it. That
# without a window takes a sixth less of the processor.
tools: $(VENV)/dev.stamp
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		command -v $(HEADLESS_CHROMIUM) >/dev/null && command -v dot >/dev/null || \
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qy --no-install-recommends $(HEADLESS_CHROMIUM) graphviz; } || \
		$(PLAYWRIGHTS); \
	elif ! command -v $(HEADLESS_CHROMIUM) >/dev/null && ! command -v chromium >/dev/null; then \
		$(PLAYWRIGHTS); \
	fi

# A stamp is as old as the last installation of its requirements. None counts where its
# Python is gone, as after an upgrade.
ifneq ($(shell $(BIN)/python -c 'print("works")' 2>/dev/null),works)
$(shell rm -f $(VENV)/run.stamp $(VENV)/dev.stamp)
endif

$(VENV)/run.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed, but $(PYTHON) is" \
			"$$($(PYTHON) --version 2>/dev/null || echo missing)." \
			"Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@
