"""All settings; each is an environment variable, ``SENTIMENT_`` and its name in upper case.

Only this module reads these variables, and only here Lambda is detected.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.encodings import text_codec

_logger = logging.getLogger(__name__)

PREFIX = "SENTIMENT_"
Dialect = Literal["comprehend", "azure", "google", "huggingface", "tei", "vllm"]
MEGABYTES_PER_VCPU = 1769
"""Memory for which Lambda provides one vCPU (AWS Lambda guide, "Configure function memory")."""


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _dialects(value: object) -> object:
    return () if value == "none" else _split(value)


def _engine(value: object) -> object:
    if value == "onnx":
        raise ValueError(
            "the onnx engine was removed; use 'native' or 'torch'. To run the model in onnxruntime "
            "elsewhere, write an ONNX file with `make export` (WITH=onnx) or `make onnx`"
        )
    return value


def _delimiter(value: object) -> object:
    if value in ("\n", "\r", '"'):
        raise ValueError("must not be a quote or a line break")
    return "\t" if value in ("tab", "\\t") else value


def _encoding(value: str) -> str:
    try:
        text_codec(value)
    except ValueError as error:
        raise ValueError(f"the encoding {error}") from None
    return value


class Settings(BaseModel):
    """The settings. An invalid value stops the process at its start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Annotated[Literal["native", "torch"], BeforeValidator(_engine)] = Field(
        "native",
        description="The inference engine: `native` (int8, the kernels of this project) or `torch` "
        "(fp32, the reference).",
    )
    model_dir: Path = Field(
        Path(__file__).parents[1] / "model", description="The directory of the model bundle."
    )
    cache_size: int = Field(
        1024, ge=0, description="Predictions cached for repeated texts; 0 disables the cache."
    )
    neutral: bool = Field(
        False,
        description="Whether records and objects may be scored `Neutral`; requests ask for it "
        "themselves. Needs a model that knows Neutral.",
    )
    threads: int = Field(
        0,
        ge=0,
        description="Inference threads. 0 means one for each processor; on Lambda, one for each "
        f"{MEGABYTES_PER_VCPU} MB of memory.",
    )
    max_text_characters: int = Field(
        100_000,
        ge=1,
        description="Maximum length of a text in characters. Unicode normalisation may double it.",
    )
    max_text_tokens: int = Field(
        50_000,
        ge=16,
        description="Maximum length of a text in tokens. With AVX2 alone, a long text is scored at "
        "2,300 tokens per second, and a REST API waits 29 seconds.",
    )
    max_batch_texts: int = Field(512, ge=1, description="Maximum number of texts in a batch.")
    max_batch_characters: int = Field(
        500_000,
        ge=1,
        description="Maximum total length of a batch in characters. Unicode normalisation may "
        "double it.",
    )
    max_batch_tokens: int = Field(
        133_000,
        ge=16,
        description="Maximum total length of a batch in tokens. With AVX2 alone, short texts are "
        "scored at 4,600 tokens per second.",
    )
    max_body_bytes: int = Field(
        6 * 1024 * 1024,
        ge=1,
        description="Maximum size of a request body in bytes. Lambda itself accepts 6 MB.",
    )
    max_pending: int = Field(
        256,
        ge=1,
        description="Maximum number of requests in the scoring queue; further requests get a 503.",
    )
    max_pending_characters: int = Field(
        1_000_000,
        ge=1,
        description="Maximum total length of the texts in that queue, in characters; one processor "
        "scores a million in about a minute.",
    )
    receive_seconds: float = Field(
        10,
        gt=0,
        description="Timeout in seconds for receiving a request's head, and then its body, which "
        "gets one more second per 16 KB received. A request that exceeds it gets a 408.",
    )
    explain_evaluations: int = Field(
        400,
        ge=2,
        description="Variants of a text that an explanation scores, unless the request sets "
        "`max_evaluations`.",
    )
    explain_max_evaluations: int = Field(
        800, ge=2, description="Maximum `max_evaluations`; larger values are clamped."
    )
    explain_max_characters: int = Field(
        5000, ge=1, description="Maximum length of a text to explain, in characters."
    )
    explain_max_tokens: int = Field(
        1500, ge=16, description="Maximum length of a text to explain, in tokens."
    )
    explain_seconds: float = Field(
        20,
        gt=0,
        description="Time limit of an explanation in seconds, from the arrival of the request; on "
        "Lambda at most 70 % of the time that the invocation has left. While others wait on "
        "a server, an explanation may use an equal share of the time that it has left. One that "
        "reaches the limit is returned as far as it got.",
    )
    explain_max_pending: int = Field(
        8,
        ge=1,
        description="Maximum number of explanations in their queue; further requests get a 503.",
    )
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (),
        description="Origins whose pages may call the API, comma-separated; `*` allows any.",
    )
    dialects: Annotated[tuple[Dialect, ...], BeforeValidator(_dialects)] = Field(
        get_args(Dialect),
        description="Other services whose protocols are answered too, comma-separated: "
        f"{', '.join(f'`{name}`' for name in get_args(Dialect))}; `none` for none of them.",
    )
    api_keys: str = Field(
        "",
        description="API keys, comma-separated: entries `NAME:SHA256` or `NAME:SHA256:100/minute`, "
        "which `sentiment keys new NAME` prints. Without any key, requests need none.",
    )
    api_keys_from: str = Field(
        "",
        description="A source of further API keys: `ssm:/parameter/name` or "
        "`secretsmanager:secret-name`.",
    )
    api_keys_seconds: float = Field(
        300, gt=0, description="Seconds after which that source is read again."
    )
    rate_limit: str = Field(
        "",
        description="Rate limit of each API key whose entry has none: requests (`100/minute`), "
        "texts (`10000texts/minute`) or tokens (`1000000tokens/hour`). `+` joins several.",
    )
    address_rate_limit: str = Field(
        "",
        description="Rate limit of each client address, with or without an API key.",
    )
    address_ipv6_prefix: int = Field(
        64,
        ge=1,
        le=128,
        description="Prefix length of the IPv6 network that counts as one client address. "
        "Providers usually assign a /64 to each customer.",
    )
    trusted_proxies: int | None = Field(
        None,
        ge=0,
        description="Number of proxies in front of the service that append the client's address "
        "to `X-Forwarded-For`. If unset, the header is ignored. 0 states that there is no proxy, "
        "which allows local processes to read `/metrics` without a key.",
    )
    rate_limit_storage: str = Field(
        "memory://",
        description="Where requests are counted for rate limits: `memory://` (this process), or "
        "`redis://…` (`pip install limits[redis]`) or `memcached://…` "
        "(`pip install limits[memcached]`), which processes share.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        description="Log level. Above `INFO`, requests are not logged, so there are no "
        "CloudWatch metrics either.",
    )
    log_texts: bool = Field(
        False,
        description="Log texts, the senders' ids, and the messages of exceptions and libraries. By "
        "default, texts and ids are logged as hashes.",
    )
    log_salt: str = Field(
        "",
        description="Salt of the hashes of texts. Set it to compare hashes across processes; by "
        "default each process generates its own.",
    )
    metrics: Literal["auto", "cloudwatch", "prometheus", "none"] = Field(
        "auto",
        description="Destination of metrics: `cloudwatch` (in log lines), `prometheus` (at `GET "
        "/metrics`) or `none`. `auto` means `cloudwatch` on Lambda and `prometheus` elsewhere.",
    )
    metrics_keys: str = Field(
        "",
        description="API keys for `/metrics`, in the format of `SENTIMENT_API_KEYS`. Without any, "
        "access is denied, except to local processes if `SENTIMENT_TRUSTED_PROXIES=0`.",
    )
    tracing: bool = Field(
        False,
        description="Send OpenTelemetry traces, as the standard `OTEL_*` variables configure. "
        "Needs the dependency group `tracing`.",
    )
    results_queue_url: str = Field(
        "", description="URL of an SQS queue that receives the results of events, and feedback."
    )
    results_table: str = Field(
        "",
        description="Name of a DynamoDB table that receives them; its partition key is `id`.",
    )
    results_ttl_days: int = Field(
        90,
        ge=1,
        description="Days after which DynamoDB may delete an item, by the attribute `expires`.",
    )
    results_bus: str = Field("", description="Name of an EventBridge bus that receives them.")
    scored_prefix: str = Field(
        "scored/", min_length=1, description="Key prefix of scored objects in their bucket."
    )
    rejected_prefix: str = Field(
        "rejected/", min_length=1, description="Key prefix of the rows that could not be scored."
    )
    text_column: str = Field(
        "",
        description="Name of the column that holds the text; by default `text`, `review` and "
        "similar names are recognised.",
    )
    csv_delimiter: Annotated[str, BeforeValidator(_delimiter)] = Field(
        "",
        max_length=1,
        description="Delimiter of CSV objects, such as `;` or `tab`; by default it is detected.",
    )
    csv_header: bool = Field(
        True,
        description="Whether the first line of a CSV object names the columns; otherwise they are "
        "`1`, `2`, …",
    )
    text_encoding: Annotated[str, AfterValidator(_encoding)] = Field(
        "utf-8", description="Encoding of objects that are not UTF-8, such as `latin-1`."
    )
    keep_rejected: bool = Field(
        False,
        description="Keep rejected rows in the scored object too, in their place and with the "
        "reason.",
    )
    state_machine: str = Field(
        "",
        description="ARN of the state machine that continues with objects too large for one "
        "invocation.",
    )
    on_lambda: bool = Field(
        False,
        description="Whether the process runs on Lambda, where requests arrive one at a time and "
        "are scored in the calling thread. Detected automatically.",
    )
    function_name: str = Field(
        "local",
        description="Value of the dimension `FunctionName` in CloudWatch metrics; on Lambda, the "
        "name of the function.",
    )


class SettingsError(Exception):
    """A setting is invalid; the message names it and says what is allowed."""


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from environment variables; empty ones count as unset.

    Raises:
        SettingsError: a value is invalid.
    """
    values: dict[str, str | int] = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and value
    }
    for name in values.keys() - Settings.model_fields.keys():
        # Not an error: Kubernetes sets such variables for a service of this name.
        _logger.warning("%s%s is not a setting and is ignored", PREFIX, name.upper())
        del values[name]
    if function := environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        values.setdefault("on_lambda", "true")
        values.setdefault("function_name", function)
        memory = int(environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEGABYTES_PER_VCPU))
        if values.get("threads", "0") == "0":
            values["threads"] = max(1, round(memory / MEGABYTES_PER_VCPU))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        reasons = [
            f"{PREFIX}{str(fault['loc'][0]).upper()}={fault['input']}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise SettingsError("; ".join(reasons)) from None


def table() -> str:
    """Return the settings as a Markdown table."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    if default in ((), None, ""):
        return ""
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default.name if isinstance(default, Path) else default}`"
