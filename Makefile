# make quickstart: environment, a photograph completed, training on real photographs, a table
# make test:       environment, lint, types, the tests but for the slow ones
# make test-slow:  the slow ones

PYTHON ?= python3
BIN := .venv/bin

.PHONY: quickstart test test-slow
quickstart: .venv/installed
	@$(BIN)/python -m experiments.first_picture runs/first_picture.png
	@$(BIN)/python -m glcic_jax.main --config configs/quickstart.py --workdir runs/quickstart
	@$(BIN)/python -m experiments.quickstart runs/quickstart

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test-slow: .venv/installed
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m slow

.venv/installed: requirements.txt requirements-run.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@
