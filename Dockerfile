# The Lambda container image. Building it needs BuildKit (`docker buildx build`,
# `sam build --use-buildkit`) or buildah; `make image` uses whichever is installed.
# `make pin` adds the tag's current digest, so that every build has the same base.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.12
# native: int8, the smallest and fastest. torch: the reference, several times larger and slower.
ARG ENGINE=native

# The wheel of the kernels. zig compiles it, as for `make wheels`, and without an index.
FROM ${BASE_IMAGE} AS kernels
COPY requirements-build.lock /tmp/
COPY native /tmp/native
# The secrets are optional and leave nothing in the image: a pip.conf and a certificate bundle, for
# builds behind a private mirror.
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/ca.pem \
    if [ -s /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi; \
    export PIP_DISABLE_PIP_VERSION_CHECK=1; \
    pip install --no-cache-dir --only-binary :all: --no-deps --require-hashes \
        -r /tmp/requirements-build.lock \
    && DISTILBERT_INT8_TARGET="$(uname -m)-linux-gnu.2.17" \
        pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /tmp/wheels /tmp/native

FROM ${BASE_IMAGE} AS dependencies
ARG ENGINE
# For torch: the index of its CPU builds. PyPI's build includes CUDA, but Lambda has no GPU.
ARG PIP_EXTRA_INDEX_URL
COPY requirements.txt requirements.lock constraints.txt /tmp/
COPY --from=kernels /tmp/wheels /tmp/wheels
# The lock files name every package with its hashes, so pip resolves nothing (--no-deps).
# Left out is the client of the Hugging Face hub, which `tokenizers` imports only to download a file.
# `transformers` does import it.
# torch has no hashes here because they depend on the index that it comes from.
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/ca.pem \
    if [ -s /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi; \
    hub='huggingface-hub|hf-xet|fsspec|filelock|httpx2|httpcore2|truststore|pyyaml'; \
    install() { \
        pip install --no-cache-dir --disable-pip-version-check --no-compile --only-binary :all: "$@"; \
    }; \
    cd /tmp && if [ "$ENGINE" = torch ]; then \
        sed -i '/^[.]\/native$/d' requirements.txt \
        && install --target "$LAMBDA_TASK_ROOT" -r requirements.txt -c constraints.txt \
            numpy safetensors torch transformers; \
    else \
        sed -i -E "/^($hub)==/,/[^\\\\]\$/d" requirements.lock \
        && install --no-deps --require-hashes --target "$LAMBDA_TASK_ROOT" -r requirements.lock; \
    fi \
    && install --no-deps --no-index --target "$LAMBDA_TASK_ROOT" wheels/*.whl
# Removes what serving never imports: commands, tests, headers, type stubs, and botocore's
# descriptions of services that are not called. Packages still list these files in their
# metadata. Licences stay.
# Bytecode is compiled now because Lambda's file system is read-only: otherwise every cold start
# would compile the sources again. It is not checked against them because they never change, and
# because a build may rewrite the timestamps that such a check compares.
RUN cd "$LAMBDA_TASK_ROOT" \
    && rm -rf bin numpy/tests numpy/*/tests numpy/f2py numpy/_core/include numpy/random/lib \
    && find . \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.[ah]' \) -delete \
    && for service in botocore/data/*/; do \
        case "$(basename "$service")" in \
            dynamodb|events|s3|secretsmanager|sqs|ssm|stepfunctions|sts) ;; \
            *) rm -rf "$service" ;; \
        esac; \
    done \
    && python3 -m compileall -q --invalidation-mode unchecked-hash .

FROM ${BASE_IMAGE} AS code
COPY handler.py LICENSE NOTICE ./
COPY app app/
# Lambda's user must be able to read everything, whatever the umask of the checkout was.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash . && chmod -R a+rX .

FROM ${BASE_IMAGE} AS model
ARG ENGINE
COPY model /tmp/model/
WORKDIR /tmp/model
# Copies only what the engine reads. A bundle may list fp16 weights of its own. Without these the
# torch engine dequantises the int8 weights into /tmp at start.
RUN case "$ENGINE" in \
        native) weights=model.int8.safetensors ;; \
        torch) weights="tokenizer_config.json model.int8.safetensors"; \
            ! grep -q ' [ *]model.safetensors$' SHA256SUMS \
                || weights="tokenizer_config.json model.safetensors" ;; \
        *) echo "ENGINE must be native or torch, not '$ENGINE'" >&2; exit 1 ;; \
    esac; \
    install -p -D -m 444 -t "$LAMBDA_TASK_ROOT/model" \
        SHA256SUMS card.json config.json tokenizer.json $weights

FROM ${BASE_IMAGE}
ARG ENGINE
ENV SENTIMENT_ENGINE=${ENGINE} HF_HUB_OFFLINE=1 HF_HOME=/tmp/huggingface PYTHONDONTWRITEBYTECODE=1
# The layers that change most come last, so that a push sends only those.
COPY --from=dependencies ${LAMBDA_TASK_ROOT} ./
COPY --from=model ${LAMBDA_TASK_ROOT} ./
COPY --from=code ${LAMBDA_TASK_ROOT} ./
# Lambda ignores this and runs every image as its own unprivileged user. These are that user's ids,
# so that the image runs in the same way, and not as root, elsewhere. `sam local` needs 0:0, because
# it adds the emulator to the image.
ARG RUN_AS=993:990
USER ${RUN_AS}
CMD ["handler.handler"]
