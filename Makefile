# Each target works from a fresh clone: it makes what it needs first, and says what it is doing.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SAM_CLI := aws-sam-cli==1.170.0
EMULATOR := .cache/$(SAM_CLI)
UV := uv==0.13.9
NATIVE := $(filter-out %.egg-info,$(wildcard native/*.* native/distilbert_int8/*.py))

# onnxruntime reports its use to its makers unless told not to.
export ORT_DISABLE_TELEMETRY = 1

.DEFAULT_GOAL := help
.PHONY: help serve score test properties sanitise browser invoke train label tune snippets export evaluate card drift bench readme screenshots lock pin image check clean

help: ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}: make PYTHON=...")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# One stamp for each requirements file: it is installed again when one changes, as they include
# each other, and with the engine that they compile.
$(VENV)/%.installed: %.txt $(wildcard requirements*.txt) constraints.txt $(NATIVE) | $(BIN)/python
	@echo "installing $<"
	@$(PIP) -r $<
	@touch $@

# What serves is installed by its hashes, which a folder cannot have: the engine comes after it.
$(VENV)/requirements.installed: requirements.txt requirements.lock $(NATIVE) | $(BIN)/python
	@echo "installing requirements.lock"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps ./native
	@touch $@

# A local AWS, in an environment of its own: it holds boto3 to another version.
.venv-stack/requirements-stack.installed: requirements-stack.txt | $(BIN)/python
	@echo "installing $<"
	@$(PYTHON) -m venv .venv-stack
	@.venv-stack/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# The emulator is one binary inside the SAM CLI's package, so none of its dependencies are needed.
$(EMULATOR): | $(BIN)/python
	@echo "fetching the Lambda runtime emulator"
	@$(PIP) --no-deps --target $(EMULATOR).unfinished $(SAM_CLI)
	@mv $(EMULATOR).unfinished $(EMULATOR)

serve: $(VENV)/requirements.installed $(if $(EXPLAIN),$(VENV)/requirements-explain.installed) ## Serve the API on 127.0.0.1:8000 (PORT= changes it, EXPLAIN=1 adds /explain)
	@echo "serving on http://127.0.0.1:$(PORT), docs on http://127.0.0.1:$(PORT)/docs"
	@$(BIN)/uvicorn app.main:app --host 127.0.0.1 --port $(PORT) --no-access-log

# Values reach the shell as variables of its own, so that it reads no name as anything else.
score: export SCORE_IN = $(value IN)
score: export SCORE_OUT = $(value OUT)
score: export SCORE_COLUMN = $(value COLUMN)
score: export SCORE_DELIMITER = $(value DELIMITER)
score: export SCORE_ENCODING = $(value ENCODING)
score: $(VENV)/requirements.installed ## Score the file IN=reviews.csv into OUT=scored.csv (COLUMN= names the text, KEEP=1 keeps rejected rows, HEADER=no, DELIMITER=, ENCODING=)
	@test -n "$$SCORE_IN" && test -n "$$SCORE_OUT" || { echo "score what? make score IN=reviews.csv OUT=scored.csv"; exit 2; }
	@$(BIN)/python -m app.score $(if $(filter no 0 false,$(HEADER)),--no-header) $(if $(filter-out no 0 false,$(KEEP)),--keep-rejected) \
		$${SCORE_COLUMN:+"--column=$$SCORE_COLUMN"} $${SCORE_DELIMITER:+"--delimiter=$$SCORE_DELIMITER"} \
		$${SCORE_ENCODING:+"--encoding=$$SCORE_ENCODING"} -- "$$SCORE_IN" "$$SCORE_OUT"

browser: $(VENV)/requirements-test.installed # A Chromium for the page's tests
	@$(BIN)/python -m local.browser

test: $(VENV)/requirements-test.installed $(EMULATOR) .venv-stack/requirements-stack.installed browser ## Run all tests
	@$(BIN)/python -m pytest $(ARGS)

properties: $(VENV)/requirements-test.installed ## Run the property tests with 20,000 new cases each
	@PROPERTIES=long $(BIN)/python -m pytest -m property $(ARGS)

sanitise: $(BIN)/python ## Run the kernels and their reader of files under ASan, UBSan and TSan, minutes long
	@$(BIN)/python native/sanitise $(SEED)

invoke: $(VENV)/requirements-invoke.installed $(EMULATOR) ## Run EVENT=file.json through the Lambda runtime emulator
	@test -n "$(EVENT)" || { echo "which event? make invoke EVENT=tests/events/rest-api.json"; exit 2; }
	@$(BIN)/python -m scripts.invoke $(EVENT)

# torch frees and takes tensors of many megabytes at each step; kept in the heap, in huge pages,
# they cost no page faults, which took a third of a step's time.
train label tune: export MALLOC_MMAP_MAX_ = 0
train label tune: export MALLOC_TRIM_THRESHOLD_ = 100000000000
train label tune: export MALLOC_TOP_PAD_ = 268435456
train label tune: export GLIBC_TUNABLES = glibc.malloc.hugetlb=1
train: $(VENV)/requirements-$(if $(findstring teacher,$(RECIPE)),teacher,train).installed ## Fine-tune on DATA="files" apart from TEST="files", into OUT=
	@test -n "$(DATA)" || { echo 'train on what? make train DATA="imdb-train.parquet sst2-train.parquet" TEST="imdb-test.parquet"'; exit 2; }
	@$(BIN)/python -m training train --data $(DATA) $(if $(TEST),--test $(TEST)) $(if $(OUT),--out $(OUT)) $(if $(RECIPE),--recipe $(RECIPE)) $(if $(LABELS),--labels $(LABELS))

label: $(VENV)/requirements-train.installed ## Have the teacher MODEL=folder score pieces of DATA= into OUT=
	@test -n "$(MODEL)" -a -n "$(DATA)" || { echo 'make label MODEL=runs/teacher/checkpoint DATA="what it was trained on" TEST="and apart from"'; exit 2; }
	@$(BIN)/python -m training label --model $(MODEL) --data $(DATA) $(if $(TEST),--test $(TEST)) $(if $(OUT),--out $(OUT))

tune: $(VENV)/requirements-train.installed ## Search for a better recipe on TEXTS=2000 of DATA=, TRIALS=20
	@test -n "$(DATA)" || { echo 'tune on what? make tune DATA="imdb-train.parquet" TEST="imdb-test.parquet"'; exit 2; }
	@$(BIN)/python -m training tune --data $(DATA) $(if $(TEST),--test $(TEST)) $(if $(RECIPE),--recipe $(RECIPE)) $(if $(TEXTS),--texts $(TEXTS)) $(if $(TRIALS),--trials $(TRIALS)) $(if $(OUT),--out $(OUT))

snippets: $(VENV)/requirements-train.installed ## Fetch rated sentences of product reviews and tweets into data/
	@$(BIN)/python -m training snippets

export: $(VENV)/requirements-train.installed ## Make a bundle in OUT=model of the checkpoint MODEL=folder or hub id
	@test -n "$(MODEL)" || { echo "export what? make export MODEL=runs/shipped/checkpoint DATA=runs/shipped/held_out.csv"; exit 2; }
	@$(BIN)/python -m training export --model $(MODEL) $(if $(DATA),--data $(DATA)) $(if $(CARD),--card $(CARD)) $(if $(LOSS),--loss $(LOSS)) $(if $(OUT),--out $(OUT))

evaluate: $(VENV)/requirements-train.installed ## Measure BUNDLE=model on labelled texts, DATA=; RECORD= writes it into the card
	@test -n "$(DATA)" || { echo "evaluate on what? make evaluate DATA=imdb-test.parquet"; exit 2; }
	@$(BIN)/python -m training evaluate --data $(DATA) $(if $(ENGINE),--engine $(ENGINE)) $(if $(BUNDLE),--bundle $(BUNDLE)) $(if $(WINDOW),--window $(WINDOW)) $(if $(STRIDE),--stride $(STRIDE)) $(if $(RECORD),--record "$(RECORD)") $(if $(CARD),--card $(CARD)) $(if $(WEIGHTS),--weights "$(WEIGHTS)")

card: $(VENV)/requirements-train.installed ## Write docs/model-card.md from the bundle's card
	@$(BIN)/python -m training card

drift: $(VENV)/requirements-train.installed ## Report accuracy on feedback, and drift, of LOGS="files or folders" (FEEDBACK= adds files)
	@test -n "$(LOGS)" || { echo 'of which logs? make drift LOGS="logs/" FEEDBACK=feedback.jsonl'; exit 2; }
	@$(BIN)/python -m training.drift $(LOGS) $(if $(FEEDBACK),--feedback $(FEEDBACK)) $(if $(OUT),--out $(OUT)) $(if $(REFERENCE_DAYS),--reference-days $(REFERENCE_DAYS)) $(ARGS)

bench: $(VENV)/requirements-bench.installed $(EMULATOR) ## Measure against the baseline and other engines (ONLY=a part of it)
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

readme: $(VENV)/requirements-test.installed ## Write the README's figures from what measured them
	@$(BIN)/python -m docs.tables

screenshots: browser ## Take the README's pictures of the page, into docs/images
	@$(BIN)/python -m scripts.screenshots

.cache/$(UV): | $(BIN)/python
	@$(PIP) --target $@.unfinished $(UV)
	@mv $@.unfinished $@

lock: .cache/$(UV) ## Write the hashes of what requirements*.txt name for the images, into *.lock
	@for name in requirements requirements-explain requirements-build; do \
	  grep -E '^[A-Za-z]' $$name.txt | .cache/$(UV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	    --no-deps --generate-hashes --no-header --no-annotate --no-emit-index-url - -o $$name.lock >/dev/null || exit 1; \
	done

pin: ## Pin the base image in the Dockerfile to the digest that its registry has now
	@scripts/pin-base

image: $(VENV)/requirements-image.installed ## Build the container image, with Docker or with buildah
	@PYTHON=$(BIN)/python scripts/build-image

.venv-sam/bin/sam: | $(BIN)/python
	@echo "installing the SAM CLI into .venv-sam"
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/pip install --quiet --disable-pip-version-check $(SAM_CLI)

check: $(VENV)/requirements-test.installed $(EMULATOR) .venv-sam/bin/sam ## Lint, types, template, state machine (with npx), sanitisers, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint --region us-east-1 -t template.yaml
	sed 's/$${[A-Za-z]*}/aws/g' statemachine/backfill.asl.json > .cache/backfill.asl.json
	npx --yes asl-validator@4.0.0 --json-path .cache/backfill.asl.json
	$(MAKE) sanitise
	$(MAKE) test

clean: ## Remove what the targets made
	rm -rf .venv .venv-sam .venv-stack .cache .pytest_cache .mypy_cache .ruff_cache .aws-sam native/build native/*.egg-info
