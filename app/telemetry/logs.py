"""Logs as lines of JSON, by the formatter of Powertools, without the content of requests."""

import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, TextIO

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from app.telemetry.exceptions import describe
from app.telemetry.observation import current
from app.telemetry.privacy import truncate

SERVICE = "sentiment"
REDACTED = "redacted: it may quote what a caller sent"

_logger = logging.getLogger(__name__)
_PACKAGE = __name__.removesuffix(".telemetry.logs")
_OURS = (_PACKAGE, "handler", "uvicorn.error")
"""Loggers whose messages have no content: the application's own, and the server's lifecycle."""


_LIBRARY_FIELDS = (
    "levelname",
    "funcName",
    "lineno",
    "created",
    "msecs",
    "exc_info",
    "correlation_id",
)
"""Fields of a library's record that have no content."""


class _Correlated(logging.Filter):
    """Adds the current correlation id to each line."""

    def filter(self, record: logging.LogRecord) -> bool:
        correlation_id = current().correlation_id
        if correlation_id and not hasattr(record, "correlation_id"):
            record.correlation_id = correlation_id
        return True


_CORRELATED = _Correlated()
"""One for all handlers, as a handler ignores a filter that it has already."""


class Formatter(LambdaPowertoolsFormatter):
    """Formats any record as one line of ASCII without content, and never raises.

    Records of libraries lose their message and keep the logger, the location and the exception.

    ``unredacted``: keep all messages. ``end``: the line terminator.
    """

    def __init__(self, *, unredacted: bool = False, end: str = "") -> None:
        # ASCII, because a stream may have any encoding.
        default = str if unredacted else _type_name
        serialise = partial(json.dumps, default=default, separators=(",", ":"))
        super().__init__(
            service=SERVICE,
            use_rfc3339=True,
            utc=True,
            serialize_stacktrace=False,
            json_serializer=serialise,
        )
        self._unredacted = unredacted
        self._end = end

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(self._redact(record)) + self._end
        except Exception as error:  # logging must not fail a request
            message = f"a log line could not be formatted: {type(error).__name__}"
            line = {"level": "ERROR", "message": message, "logger": record.name, "service": SERVICE}
            return json.dumps(line) + self._end

    def _redact(self, record: logging.LogRecord) -> logging.LogRecord:
        if _is_ours(record.name):
            return record
        fields = {name: vars(record)[name] for name in _LIBRARY_FIELDS if name in vars(record)}
        message = record.getMessage() if self._unredacted else REDACTED
        return logging.makeLogRecord({**fields, "msg": message, "logger": record.name})

    def serialize(self, log: Any) -> str:
        log.pop("color_message", None)  # uvicorn's message again, for terminals
        truncated = {k: truncate(v) if isinstance(v, str) else v for k, v in log.items()}
        return super().serialize(truncated)

    def _extract_log_message(self, log_record: logging.LogRecord) -> str:
        return log_record.getMessage()

    def _extract_log_exception(self, log_record: logging.LogRecord) -> Any:
        error = log_record.exc_info[1] if log_record.exc_info else None
        if error is None:
            return None, None, None
        return describe(error, unredacted=self._unredacted), type(error).__name__, None


class Handler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream; if that fails, it reports the failure without the line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        # The inherited method would print the record's arguments.
        kind = sys.exc_info()[0]
        try:
            sys.stderr.write(f"a log line was lost: {kind.__name__ if kind else 'unknown'}\n")
        except Exception:  # standard error fails too
            return


def configure(level: str, *, unredacted: bool = False, stream: TextIO | None = None) -> None:
    """Log as lines of JSON.

    Handlers that the root logger has already, such as that of Lambda's runtime, write the lines. If
    there are none, they go to standard output.

    Args:
        level: of the application's loggers. Libraries log at the level of the root logger.
        unredacted: log messages that may quote what a caller sent.
        stream: where to write the lines instead. Other handlers then stay as they are.
    """
    logging.getLogger(_PACKAGE).setLevel(level)
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, Handler)]
    handlers = root.handlers
    if stream or not handlers:
        handlers = [Handler(stream or sys.stdout)]
        root.addHandler(handlers[0])
    for handler in handlers:
        # Unlike a StreamHandler, that of Lambda's runtime leaves the terminator to the formatter.
        end = "" if hasattr(handler, "terminator") else "\n"
        handler.setFormatter(Formatter(unredacted=unredacted, end=end))
        handler.addFilter(_CORRELATED)
    _take_over_uvicorn()
    _take_over_hooks(unredacted)


def _take_over_uvicorn() -> None:
    """Log uvicorn's lines here too, except its access log, which has the paths of requests."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"


def _take_over_hooks(unredacted: bool) -> None:
    """Log what Python would print to standard error: warnings, and exceptions that end a thread.

    `sys.excepthook` is not replaced, as only a failed start ends the process.
    """

    def warned(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = f": {message}" if unredacted else ""
        _logger.warning("%s at %s:%d%s", category.__name__, filename, lineno, text)

    def ended(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            _logger.error("a thread failed", exc_info=args.exc_value)

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            _logger.error("an exception was ignored", exc_info=args.exc_value)

    warnings.showwarning = warned
    # Unless another hook is installed, as by a test runner.
    if _is_standard(threading.excepthook):
        threading.excepthook = ended
    if _is_standard(sys.unraisablehook):
        sys.unraisablehook = unraisable


def _is_standard(hook: Callable[..., Any]) -> bool:
    return hook in (threading.__excepthook__, sys.__unraisablehook__)


def _is_ours(logger: str) -> bool:
    return any(logger == name or logger.startswith(f"{name}.") for name in _OURS)


def _type_name(value: object) -> str:
    return type(value).__name__
