"""Every setting once: its environment name is ``SENTIMENT_`` and the field's name in capitals."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

_logger = logging.getLogger(__name__)

PREFIX = "SENTIMENT_"
MEGABYTES_PER_VCPU = 1769
"""Memory at which Lambda gives a function one whole processor (AWS, "Configure memory")."""


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _delimiter(value: object) -> object:
    if value in ("\n", "\r", '"'):
        raise ValueError("must not be a quote or a line end")
    return "\t" if value in ("tab", "\\t") else value


def _encoding(value: str) -> str:
    try:
        "".encode(value)
    except (LookupError, ValueError):
        raise ValueError("no such encoding; try utf-8, latin-1 or cp1252") from None
    return value


class Settings(BaseModel):
    """Values are checked when the process starts; a wrong one refuses to start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["native", "onnx", "torch"] = Field(
        "native",
        description="What computes: `native` (int8 in kernels of our own, the fastest on x86-64), "
        "`onnx` (int8 in onnxruntime, for other processors) or `torch` (the reference).",
    )
    model_dir: Path = Field(
        Path(__file__).parents[1] / "model", description="The folder of the model bundle."
    )
    cache_size: int = Field(
        1024, ge=0, description="Predictions remembered for repeated texts; 0 remembers none."
    )
    threads: int = Field(
        0,
        ge=0,
        description="Threads that compute; 0 takes one for each processor, or on Lambda one for "
        f"each {MEGABYTES_PER_VCPU} MB.",
    )
    max_text_characters: int = Field(
        100_000,
        ge=1,
        description="Characters that a text may have; after Unicode normalisation twice as many.",
    )
    max_text_tokens: int = Field(
        50_000,
        ge=16,
        description="Tokens that a text may have: a slow processor (AVX2) scores 2,300 a second of "
        "a long text, and a REST API waits 29 seconds.",
    )
    max_batch_texts: int = Field(512, ge=1, description="Texts that one batch may hold.")
    max_batch_characters: int = Field(
        500_000,
        ge=1,
        description="Characters that a batch's texts may have together; after Unicode "
        "normalisation twice as many.",
    )
    max_batch_tokens: int = Field(
        133_000,
        ge=16,
        description="Tokens that they may have together: of short texts a slow processor (AVX2) "
        "scores 4,600 a second.",
    )
    max_body_bytes: int = Field(
        6 * 1024 * 1024, ge=1, description="Bytes a request's body may have (Lambda takes 6 MB)."
    )
    max_pending: int = Field(
        256, ge=1, description="Requests that may wait for the engine; one more is answered 503."
    )
    max_pending_characters: int = Field(
        1_000_000,
        ge=1,
        description="Characters that the texts of those requests may have together: about a minute "
        "of one processor's work.",
    )
    receive_seconds: float = Field(
        10,
        gt=0,
        description="Seconds that a request's head may take to arrive, and then its body, with one "
        "more for each 16 KB; later it is answered 408.",
    )
    explain_evaluations: int = Field(
        400, ge=2, description="Variants of a text that an explanation scores unless it says."
    )
    explain_max_evaluations: int = Field(
        800, ge=2, description="Variants that it may ask for; of more it gets these."
    )
    explain_max_characters: int = Field(
        5000,
        ge=1,
        description="Characters that an explained text may have.",
    )
    explain_max_tokens: int = Field(
        1500,
        ge=16,
        description="Tokens that it may have; each variant has up to as many.",
    )
    explain_seconds: float = Field(
        20,
        gt=0,
        description="Seconds from a request's arrival to its explanation, waiting included; on "
        "Lambda at most 70 % of the invocation's time left. What is explained by then is returned.",
    )
    explain_max_pending: int = Field(
        8, ge=1, description="Explanations that may wait for their turn; one more is answered 503."
    )
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (), description="Origins whose pages may call the API, comma separated; `*` for any."
    )
    api_keys: str = Field(
        "",
        description="Who may ask: entries `NAME:SHA256`, or `NAME:SHA256:100/minute`, comma "
        "separated, as `python -m app.keys new NAME` makes them. Without keys, anyone.",
    )
    api_keys_from: str = Field(
        "",
        description="Where more entries are: `ssm:/its/name` or `secretsmanager:its-name`.",
    )
    api_keys_seconds: float = Field(
        300, gt=0, description="How long those are believed before they are read again."
    )
    rate_limit: str = Field(
        "",
        description="How often each key may ask, unless its entry says: requests, as in "
        "`100/minute`, texts, as in `10000texts/minute`, or tokens; several are joined by `+`.",
    )
    address_rate_limit: str = Field(
        "", description="How often each client address may ask, with any key or none."
    )
    address_ipv6_prefix: int = Field(
        64,
        ge=1,
        le=128,
        description="How many leading bits of an IPv6 address that limit counts by: providers give "
        "each customer a network of 64.",
    )
    trusted_proxies: int | None = Field(
        None,
        ge=0,
        description="How many proxies stand in front of this service, each of which appends the "
        "address it was called from to `X-Forwarded-For`. Unset, none is believed; 0 says that "
        "there is none, so that processes of this machine may fetch `/metrics` without a key.",
    )
    rate_limit_storage: str = Field(
        "memory://",
        description="Where that is counted: in this process, or for several in `redis://…` or "
        "`memcached://…` (`pip install limits[redis]` or `limits[memcached]`).",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        description="What is logged. Above `INFO` there is no line for each request, and so, on "
        "Lambda, no metrics either.",
    )
    log_texts: bool = Field(
        False,
        description="Log texts, senders' ids, and what exceptions and libraries say; otherwise "
        "only hashes of texts and ids.",
    )
    log_salt: str = Field(
        "",
        description="What that hash is salted with, so that equal texts can be told across "
        "processes; by default each process has a salt of its own.",
    )
    metrics: Literal["auto", "cloudwatch", "prometheus", "none"] = Field(
        "auto",
        description="Where metrics go: `cloudwatch`, in the log lines, or `prometheus`, at "
        "`GET /metrics`; by default the one on Lambda, the other elsewhere.",
    )
    metrics_keys: str = Field(
        "",
        description="Who may fetch `/metrics`: entries as in `SENTIMENT_API_KEYS`. Without any, "
        "nobody, or with `SENTIMENT_TRUSTED_PROXIES=0` this machine.",
    )
    tracing: bool = Field(
        False,
        description="Send traces by OpenTelemetry (`pip install --group tracing -c "
        "constraints.txt`), to where the standard `OTEL_*` variables say.",
    )
    results_queue_url: str = Field(
        "", description="An SQS queue that gets the results of events, and feedback."
    )
    results_table: str = Field("", description="A DynamoDB table that does, keyed by `id`.")
    results_ttl_days: int = Field(
        90, ge=1, description="Days until the table may drop a result, by its attribute `expires`."
    )
    results_bus: str = Field("", description="An EventBridge bus that gets the results of events.")
    scored_prefix: str = Field(
        "scored/", min_length=1, description="Where in its bucket a scored object is written."
    )
    rejected_prefix: str = Field(
        "rejected/", min_length=1, description="Where its rows go that cannot be scored."
    )
    text_column: str = Field(
        "", description="The column of an object that is the text; else `text`, `review` and such."
    )
    csv_delimiter: Annotated[str, BeforeValidator(_delimiter)] = Field(
        "",
        max_length=1,
        description="What separates the fields of CSV objects, such as `;` or `tab`; by default it "
        "is detected.",
    )
    csv_header: bool = Field(
        True, description="Whether their first line names the columns, else they are `1`, `2`, …"
    )
    text_encoding: Annotated[str, AfterValidator(_encoding)] = Field(
        "utf-8", description="The encoding of objects that are not in UTF-8, such as `latin-1`."
    )
    keep_rejected: bool = Field(
        False,
        description="Whether a scored object keeps the rows that cannot be scored, in their place "
        "and with the reason.",
    )
    state_machine: str = Field(
        "", description="ARN of the state machine that takes over what does not fit an invocation."
    )
    on_lambda: bool = Field(
        False,
        description="Score in the calling thread, as requests come one at a time; Lambda sets it.",
    )
    function_name: str = Field(
        "local",
        description="The dimension `FunctionName` of metrics in CloudWatch; on Lambda, the "
        "function's name.",
    )


class SettingsError(Exception):
    """An environment variable holds what no setting allows."""


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a value is not allowed.
    """
    values: dict[str, str | int] = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and value
    }
    for name in values.keys() - Settings.model_fields.keys():
        # No reason to refuse: others set such names too, as Kubernetes does for a service so named.
        _logger.warning("%s%s is no setting and is ignored", PREFIX, name.upper())
        del values[name]
    if "AWS_LAMBDA_FUNCTION_NAME" in environ:
        values.setdefault("on_lambda", "true")
        values.setdefault("function_name", environ["AWS_LAMBDA_FUNCTION_NAME"])
        memory = int(environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEGABYTES_PER_VCPU))
        if values.get("threads", "0") == "0":
            values["threads"] = max(1, round(memory / MEGABYTES_PER_VCPU))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        reasons = [
            f"{PREFIX}{str(found['loc'][0]).upper()}={found['input']}: {found['msg']}"
            for found in error.errors()
        ]
        raise SettingsError("; ".join(reasons)) from None


def table() -> str:
    """Return the settings as the Markdown table that the README holds."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default.name if isinstance(field.default, Path) else field.default
        shown = f"`{default}`" if default not in ((), None) else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)
