# `make demo` and `make test` do all the set-up on a fresh machine.
#   make PYTHON=python3.12 demo     another Python for .venv
#   make JAMD_TRAIN=1 test          with PyTorch, so that the tests of training and export run too
#   make ARGS="-k grammar" test     some of the tests

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt
NEEDS  := setup.py pyproject.toml constraints.txt
EXTRAS := $(if $(filter 1,$(JAMD_TRAIN)),train)

.PHONY: demo test lint clean

demo: $(VENV)/.stamp-run
	$(BIN)/jamd demo

test: $(VENV)/.stamp-test $(EXTRAS:%=$(VENV)/.stamp-%)
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.stamp-test
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .ort build dist jamd.egg-info jam.mid jam.wav .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps remember what is installed: nothing is fetched twice (the runtime alone is 256 MB).
$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "jamd needs Python 3.11 or newer as $(PYTHON); make PYTHON=... names another one." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "python3-venv is missing: install it with 'apt-get install python3-venv' and try again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || \
	  echo "python-rtmidi has no ready-made package for this Python: pip will want a compiler and the ALSA and JACK headers; make PYTHON=python3.12 wants none." >&2
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.stamp-run: $(VENV)/.stamp-venv $(NEEDS)
	$(PIP) -e .
	@$(BIN)/python -c 'import rtmidi' 2>&1 | grep -q libasound && \
	  { echo "libasound2 is missing: install it with 'apt-get install libasound2' and try again." >&2; exit 1; } || true
	@touch $@

$(VENV)/.stamp-%: $(VENV)/.stamp-run
	$(PIP) -e '.[$*]'
	@touch $@
