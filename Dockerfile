# The Lambda container image. Building needs BuildKit (`docker buildx build`,
# `sam build --use-buildkit`) or buildah; `make image` finds what is there.
# `make pin` adds the digest that the registry has for this tag, so that it is the same base each time.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.12
# native: int8, the smallest and fastest, on x86-64. onnx: int8, for arm64. torch: the reference,
# several times larger and slower.
ARG ENGINE=native

FROM ${BASE_IMAGE} AS dependencies
ARG ENGINE
# For torch: the index of its CPU builds. Lambda has no GPU, and PyPI's build carries CUDA.
ARG PIP_EXTRA_INDEX_URL
COPY requirements*.txt requirements*.lock constraints.txt /tmp/
COPY native /tmp/native
# requirements.txt names all that serving needs, so that nothing else has to be looked for; of that
# an image leaves out the other engine, and the hub's client, which `tokenizers` imports only to
# download. What torch needs, and `transformers` the hub's client, is not all named there; nor has it
# hashes, as it comes from whatever index was chosen for it. All else is checked by its hash, what
# compiles the engine too, which is then built without an index.
# The secrets are optional and leave nothing in the image: a pip.conf and a certificate bundle,
# for builds behind a private mirror.
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/ca.pem \
    if [ -s /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi; \
    hub='huggingface-hub|hf-xet|fsspec|filelock|httpx2|httpcore2|truststore|pyyaml'; \
    case "$ENGINE" in \
        torch) out='onnxruntime|flatbuffers|protobuf' ;; \
        onnx) out="$hub" ;; \
        *) out="onnxruntime|numpy|flatbuffers|protobuf|$hub" ;; \
    esac; \
    install() { \
        pip install --no-cache-dir --disable-pip-version-check --no-compile --only-binary :all: "$@"; \
    }; \
    cd /tmp && if [ "$ENGINE" = torch ]; then \
        sed -i -E "/^($out)==/d" requirements.txt \
        && install --target "$LAMBDA_TASK_ROOT" -r requirements-torch.txt; \
    else \
        sed -i -E "/^($out)==/,/[^\\\\]\$/d" requirements.lock \
        && install --no-deps --require-hashes --target "$LAMBDA_TASK_ROOT" -r requirements.lock \
        && install --no-deps --require-hashes -r requirements-build.lock \
        && install --no-deps --no-index --no-build-isolation --target "$LAMBDA_TASK_ROOT" ./native; \
    fi
# What is removed, serving does not import: commands, tests, what compiles or checks types against a
# package, model conversion, and botocore's descriptions of the services that are not called. What
# is named in a package's list of files and not here any more is meant by this; licences stay.
# Bytecode is compiled here because Lambda's file system is read-only: what is not in the image is
# compiled again at every cold start. It is unchecked because a source never changes under it, and
# because a build may rewrite the time stamps that a check would compare.
RUN cd "$LAMBDA_TASK_ROOT" \
    && rm -rf bin numpy/tests numpy/*/tests numpy/f2py numpy/_core/include numpy/random/lib \
        onnxruntime/quantization onnxruntime/tools onnxruntime/transformers \
    && find . \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.[ah]' \) -delete \
    && for service in botocore/data/*/; do \
        case "$(basename "$service")" in \
            dynamodb|events|s3|secretsmanager|sqs|ssm|stepfunctions|sts) ;; \
            *) rm -rf "$service" ;; \
        esac; \
    done \
    && python3 -m compileall -q --invalidation-mode unchecked-hash .

# What POST /explain needs besides, alone, so that `explain` below is the other image and a layer.
FROM dependencies AS explain-dependencies
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/ca.pem \
    if [ -s /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi; \
    cd /tmp && pip install --no-cache-dir --disable-pip-version-check --no-compile --only-binary :all: \
        --no-deps --require-hashes --target /explain -r requirements-explain.lock \
    && cd /explain && rm -rf bin && find . -type d -name tests -prune -exec rm -rf {} + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash .

FROM ${BASE_IMAGE} AS code
COPY handler.py LICENSE NOTICE ./
COPY app app/
# Lambda's own user must be able to read everything, whatever the umask of the checkout was.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash . && chmod -R a+rX .

FROM ${BASE_IMAGE} AS model
ARG ENGINE
COPY model /tmp/model/
WORKDIR /tmp/model
# Each engine's part of the bundle, so that the image carries one set of weights.
RUN case "$ENGINE" in \
        native) weights=model.int8.safetensors ;; \
        onnx) weights=model.onnx ;; \
        torch) weights="tokenizer_config.json model.safetensors" ;; \
        *) echo "ENGINE must be native, onnx or torch, not '$ENGINE'" >&2; exit 1 ;; \
    esac; \
    install -p -D -m 444 -t "$LAMBDA_TASK_ROOT/model" \
        SHA256SUMS card.json config.json tokenizer.json $weights

FROM ${BASE_IMAGE} AS service
ARG ENGINE
# onnxruntime would report its use to its makers, from a thread of its own; nothing leaves here.
ENV SENTIMENT_ENGINE=${ENGINE} ORT_DISABLE_TELEMETRY=1 HF_HUB_OFFLINE=1 HF_HOME=/tmp/huggingface \
    PYTHONDONTWRITEBYTECODE=1
# From what changes least to what changes most, so that a push sends only what changed.
COPY --from=dependencies ${LAMBDA_TASK_ROOT} ./
COPY --from=model ${LAMBDA_TASK_ROOT} ./
COPY --from=code ${LAMBDA_TASK_ROOT} ./
# Lambda runs every image as its own unprivileged user, whatever is said here; these are that
# user's numbers, so that the image runs alike, and not as root, elsewhere. `sam local`, which puts
# the emulator into the image before it runs it, asks for 0:0.
ARG RUN_AS=993:990
USER ${RUN_AS}
CMD ["handler.handler"]

# `--target explain`: the image whose POST /explain answers; without a target, it is not built.
FROM service AS explain
COPY --from=explain-dependencies /explain ./

FROM service
