# make quickstart: environment, a photograph completed, training on real photographs, a table
# make test:       environment, lint, types, the tests but for the slow ones
# make test-slow:  the slow ones
# make dist:       the sdist and the wheel of this commit, built and checked, in dist/
# With VENV=FOLDER PYTHON=python3.14 the first three work in another environment, of another Python.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: quickstart test test-slow dist
quickstart: $(VENV)/installed
	@$(BIN)/python -m experiments.first_picture runs/first_picture.png
	@$(BIN)/python -m glcic_jax.main --config configs/quickstart.py --workdir runs/quickstart
	@$(BIN)/python -m experiments.quickstart runs/quickstart

test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test-slow: $(VENV)/installed
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m slow

dist: .venv-release/installed
	rm -rf dist
	.venv-release/bin/python -m build
	.venv-release/bin/twine check --strict dist/*
	.venv-release/bin/check-wheel-contents dist/*.whl

.venv-release/installed: requirements-release.txt
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --requirement $<
	touch $@

$(VENV)/installed: requirements.txt requirements-run.txt requirements-train.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@
