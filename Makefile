# `make` alone lists what there is. Commands run in the active virtual environment.
.DEFAULT_GOAL := help
.PHONY: help notebooks test dev lint format extras slow execute imgs site ci colab versions clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-10s %s\n", $$1, $$2}' Makefile

notebooks: ## install what learners need and open the series
	pip install -r requirements.txt && jupyter notebook --preferred-dir=notebooks

test: ## install what learners need; every test and every notebook
	pip install -r requirements.txt && pytest

dev: ## install what maintainers need, and the hooks that run before a commit
	pip install -r requirements.txt -r requirements-extras.txt -r requirements-dev.txt
	pre-commit install

lint: ## style of code, rules for lessons, the workflow files
	ruff check .
	ruff format --check .
	python tools/lint.py
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	zizmor --offline --quiet .github/workflows

format: ## rewrite code in the style that lint wants
	ruff check --fix .
	ruff format .

extras: ## the tests, and the lesson, that need requirements-extras.txt
	pytest -m "extras and not slow"

slow: ## the tests that run weekly only
	pytest -m slow

execute: ## run every notebook and save it in clean form
	python tools/execute.py

imgs: ## draw imgs/ again
	python tools/draw_imgs.py

site: ## pages, slides and handouts that need no network, in site/
	python tools/publish.py

ci: ## all that a fresh machine runs, in an environment of its own
	.ci/run

colab: ## every notebook under Colab's own versions, in an environment of its own; PYTHON=python3.13
	EXTRAS=0 TESTS=notebooks .ci/versions colab

versions: ## all of `make ci`, on the lowest and on the highest versions that the requirements admit
	.ci/versions

clean: ## remove caches and half-written files
	find . -name __pycache__ -prune -exec rm -r {} +
	find . -name .ipynb_checkpoints -prune -exec rm -r {} +
	find . -name '*.part' -delete
	rm -rf .hypothesis .pytest_cache .ruff_cache site
