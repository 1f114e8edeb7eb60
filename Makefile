# Two commands: `make run` serves the page, `make test` checks everything. Both make their own environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test lint bench screenshots tables clean

run: $(VENV)/run.done
	$(BIN)/python app.py

test: $(VENV)/test.done browser lint
	$(BIN)/python -m pytest tests/browser
	$(BIN)/python -m pytest --ignore=tests/browser -n 2 --dist loadfile

lint: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(VENV)/test.done browser
	$(BIN)/python -m genmodels bench
	$(BIN)/python tests/browser/frames.py

screenshots: $(VENV)/test.done browser
	$(BIN)/python tests/browser/screenshots.py

tables: $(VENV)/run.done
	$(BIN)/python -m genmodels tables

.PHONY: browser
browser: $(VENV)/test.done
	@command -v chromium >/dev/null || ( \
	  [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium ) || \
	  $(BIN)/python -m playwright install chromium

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.done: $(VENV)/bin/python requirements.txt constraints.txt
	$(BIN)/pip install -q -r requirements.txt -c constraints.txt
	touch $@

$(VENV)/test.done: $(VENV)/bin/python requirements.txt requirements-dev.txt constraints.txt
	$(BIN)/pip install -q -r requirements-dev.txt -c constraints.txt
	touch $@ $(VENV)/run.done

clean:
	rm -rf $(VENV)
