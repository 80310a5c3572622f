# Short names for what ./answerback does. Nothing here is needed: every verb is one line you can type yourself.
.DEFAULT_GOAL := check
.PHONY: setup check test lab bench docs serve fix changelog clean ci

setup: ; ./answerback setup
check: ; ./answerback check
test: ; ./answerback test $(ARGS)
lab: ; ./answerback lab $(if $(SEED),--seed $(SEED)) $(ARGS)
bench: ; ./answerback bench $(ARGS)
docs: ; ./answerback docs $(ARGS)
serve: ; ./answerback serve $(ARGS)
ci: ; .ci/run

fix: setup
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

# make changelog VERSION=26.11.1
changelog: setup
	.venv/bin/towncrier build --version $(or $(VERSION),$(error VERSION=26.11.1))

clean:
	rm -rf .venv .venv.lock .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage htmlcov build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
