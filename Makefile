# Everything this course does, one word each. `make help` lists it.
# Works with the make of macOS (3.81) as well as with GNU make 4.

VENV    := .venv
BIN     := $(VENV)/bin
PY      := $(BIN)/python
SITE    := _build/html
JOBS    ?= 2
# conftest.py says which tests stay together and which start first.
PARALLEL := -q -n $(JOBS) --dist loadscope --no-loadscope-reorder

# The first Python that is new enough; `make setup PYTHON=...` overrules it.
PYTHON  ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
             $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# A python3 kernel that some user installed elsewhere must not replace this environment's.
export JUPYTER_PREFER_ENV_PATH := 1
# Notebooks run side by side: more threads in each would only wait for each other.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1

NOTEBOOKS := chapters solutions

.DEFAULT_GOAL := help
.PHONY: help setup book test check format lint exercises grade-demo serve mutants lock clean

help: ## this list
	@echo "make book        build the site (sets everything up first)"
	@echo "make test        prove the project: style, types, notebooks, numbers, grading, pages"
	@echo "make check       the two-minute part of it, while you work"
	@echo "make serve       look at the built site on http://127.0.0.1:8000"
	@echo "make exercises   generate the students' notebooks from solutions/"
	@echo "make grade-demo  run a whole grading cycle on sample submissions"
	@echo "make lint        style, types and the notebooks' form alone"
	@echo "make format      bring code and notebooks into their one form"
	@echo "make setup       only make the environment in $(VENV)"
	@echo "make mutants     change the library token by token: which changes does no test notice?"
	@echo "make lock        renew requirements.lock from pyproject.toml"
	@echo "make clean       delete what make made, the environment excepted"

# ---- set-up ---------------------------------------------------------------------------------

setup: $(VENV)/.ready node_modules/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install one, or name it: make setup PYTHON=/path/to/python3"; exit 1; }
	@echo "[setup] Python packages from requirements.lock into $(VENV) (one to three minutes) …"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is needed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# KaTeX (mathematics, rendered at build time) and axe-core (accessibility tests). Node and npm
# come with the Python packages.
node_modules/.ready: $(VENV)/.ready package.json package-lock.json
	@echo "[setup] KaTeX and axe-core into node_modules …"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

# ---- the book -------------------------------------------------------------------------------

# _ext/fresh_build.py compares what the site was built from with what is there now, by content.
book: setup
	@$(PY) _ext/fresh_build.py || { \
	   echo "[book] running the notebooks and building the pages …"; mkdir -p _build; \
	   PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter-book build -q -W -n --keep-going . > _build/book.log 2>&1 || \
	   { cat _build/book.log; echo "The book did not build: the first WARNING or ERROR above says where."; exit 1; }; }
	@echo "The site is in $(SITE). Next: make serve, then open http://127.0.0.1:8000"

serve: book
	@$(PY) -m http.server --bind 127.0.0.1 --directory $(SITE) 8000

# ---- proofs ---------------------------------------------------------------------------------

test: book lint
	@$(PY) tools/system_packages.py
	@echo "[test] notebooks against their stored outputs, numbers, laws, grading, pages …"
	@$(PY) -m pytest $(PARALLEL) --nbval tests kllib $(NOTEBOOKS)
	@$(PY) tools/contact_sheet.py
	@echo "Everything is proved. Next: make serve to read the book, make grade-demo to see grading."

check: $(VENV)/.ready lint
	@COURSE_HYPOTHESIS=quick $(PY) -m pytest $(PARALLEL) -m "not slow" kllib tests/house tests/kllib tests/book tests/checks tests/notebooks
	@echo "The quick part holds. Next: make test for the whole proof."

lint: $(VENV)/.ready
	@echo "[lint] style, types, notebook form …"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Run: make format"; exit 1; }
	@$(BIN)/mypy
	@$(PY) tools/format_notebooks.py --check

format: $(VENV)/.ready
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .
	@$(PY) tools/format_notebooks.py

# ---- exercises and grading ------------------------------------------------------------------

exercises: $(VENV)/.ready
	@for assignment in $(notdir $(wildcard solutions/*)); do \
	   $(BIN)/nbgrader generate_assignment --force --no-db --log-level=WARN $$assignment || exit 1; done
	@echo "exercises/ is generated from solutions/. Next: commit both."

grade-demo: $(VENV)/.ready
	@$(PY) -m klgrade.demo

# ---- upkeep ---------------------------------------------------------------------------------

lock: ## newest versions that fit pyproject.toml, with hashes, for every platform, no addresses
	@$(PYTHON) -m venv .make/lock && .make/lock/bin/pip install --quiet uv
	@.make/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	   --no-emit-index-url --no-annotate --no-header --no-config \
	   --extra figures --extra book --extra exercises --extra grading --extra test \
	   --output-file requirements.lock pyproject.toml
	@echo "requirements.lock is renewed. Next: make test, and say in the commit why."

# mutmut gets an environment of its own, which looks into the other one for everything else.
mutants: $(VENV)/.ready
	@test -e .make/mutmut || { $(PY) -m venv .make/mutmut && .make/mutmut/bin/pip install --quiet --disable-pip-version-check "mutmut>=3.8" && \
	   $(PY) -c "import sysconfig; print(sysconfig.get_path('purelib'))" > "$$(echo .make/mutmut/lib/python*/site-packages)/course.pth"; }
	@.make/mutmut/bin/python tools/mutants.py $(MODULES)

clean:
	@rm -rf _build .make .pytest_cache .mypy_cache .ruff_cache .hypothesis
