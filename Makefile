# One command says whether the tree is sound: make check. It uses .venv when there is one, else what is on PATH.
BIN := $(if $(wildcard .venv/bin/python),.venv/bin/,)

.PHONY: check format lint types layers test soak

check: lint types layers test

lint:
	$(BIN)ruff format --check .
	$(BIN)ruff check .

types:
	$(BIN)mypy

layers:
	$(BIN)lint-imports

test:
	$(BIN)python -m pytest -n auto

soak:
	$(BIN)python -m pytest -m soak

format:
	$(BIN)ruff format .
	$(BIN)ruff check --fix .
