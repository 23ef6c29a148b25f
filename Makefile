# Five targets, the matrix at full length, and a shell. Everything they need they install themselves; see README.md.
PYTHON ?= $(shell for p in /usr/bin/python3 python3; do "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
REQUIRE ?=
# The tests start hundreds of programs of ours, in the lab on a read-only file system: none of them may compile us again.
COMPILE := $(BIN)/python -m compileall -q lvsctl tests/support
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lab-full check bench docs lab clean

demo: $(VENV)/demo.stamp  ## render the example pair, ask the real keepalived, show what one changed weight does
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo

test: $(VENV)/test.stamp  ## install what the tests need (starting no service) and run them all, linters included
	@tests/setup
	@$(COMPILE)
	@$(BIN)/python -m pytest $(PYTEST)

lab-full: $(VENV)/test.stamp  ## the whole loss matrix of `lvsctl sorry`, about 40 minutes with two processors; FULL=2/8 runs every eighth cell
	@tests/setup
	@$(COMPILE)
	@LVSCTL_FULL=$(or $(FULL),1) LVSCTL_REQUIRE=kernel $(BIN)/python -m pytest tests/kernel/sorry/test_matrix.py tests/kernel/sorry/test_seed_recipe.py $(PYTEST)

check: $(VENV)/test.stamp  ## the linters alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

bench: $(VENV)/test.stamp  ## side by side with the peer, as ratios
	@tests/setup
	@$(BIN)/python -m bench

docs: $(VENV)/test.stamp  ## write the generated pages anew: spec reference, schema, man pages
	@$(BIN)/python -m docs.generate

lab: $(VENV)/test.stamp  ## a shell inside the kernel lab
	@tests/setup
	@tests/lab-shell

clean:  ## remove what these targets made
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "lvsctl needs Python 3.11 or newer"; exit 69; }
	@$(PYTHON) -m venv $(VENV) || { tests/setup venv && $(PYTHON) -m venv --clear $(VENV); }

$(VENV)/demo.stamp: $(VENV)/bin/python setup.cfg
	@echo "Installing lvsctl into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/bin/python setup.cfg
	@echo "Installing lvsctl and its tests' tools into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@ $(VENV)/demo.stamp
