"""Logs as lines of JSON, by Powertools' formatter, without anything that a caller sent."""

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
from app.telemetry.privacy import capped

SERVICE = "sentiment"
WITHHELD = "withheld, as it may quote what a caller sent"

_logger = logging.getLogger(__name__)
_OURS = ("app", "handler", "uvicorn.error")
"""Loggers whose messages hold no content: the application's, and what the server says of itself."""


class _Correlated(logging.Filter):
    """Puts the correlation id of what is being answered on each line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (found := current().correlation_id) and not hasattr(record, "correlation_id"):
            record.correlation_id = found
        return True


class Formatter(LambdaPowertoolsFormatter):
    """A line of ASCII that holds no content, whatever is logged, and never raises.

    Of a library's line it tells the logger, the place in the code and the exception, but not the
    message. ``whole``: it tells messages too. ``end``: what ends a line.
    """

    def __init__(self, *, whole: bool = False, end: str = "") -> None:
        # With ASCII alone there is no stream that cannot encode a line.
        serialise = partial(json.dumps, default=str if whole else _kind, separators=(",", ":"))
        super().__init__(
            service=SERVICE,
            use_rfc3339=True,
            utc=True,
            serialize_stacktrace=False,
            json_serializer=serialise,
        )
        self._whole = whole
        self._end = end

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(self._admitted(record)) + self._end
        except Exception as error:  # a log line is no reason to fail a request
            lost = f"a log line could not be written: {type(error).__name__}"
            line = {"level": "ERROR", "message": lost, "logger": record.name, "service": SERVICE}
            return json.dumps(line) + self._end

    def _admitted(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record, or what may be told of a library's."""
        if _is_ours(record.name):
            return record
        said = {"msg": record.getMessage() if self._whole else WITHHELD, "logger": record.name}
        kept = ("levelname", "funcName", "lineno", "created", "msecs", "exc_info", "correlation_id")
        shown = {name: vars(record)[name] for name in kept if name in vars(record)}
        return logging.makeLogRecord(shown | said)

    def serialize(self, log: Any) -> str:
        log.pop("color_message", None)  # uvicorn's message once more, for terminals
        bounded = {k: capped(v) if isinstance(v, str) else v for k, v in log.items()}
        return super().serialize(bounded)

    def _extract_log_message(self, log_record: logging.LogRecord) -> str:
        return log_record.getMessage()

    def _extract_log_exception(self, log_record: logging.LogRecord) -> Any:
        error = log_record.exc_info[1] if log_record.exc_info else None
        if error is None:
            return None, None, None
        return describe(error, whole=self._whole), type(error).__name__, None


class Handler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream, and where that fails quotes none of them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        # The inherited method prints the record's arguments.
        kind = sys.exc_info()[0]
        try:
            sys.stderr.write(f"a log line is lost: {kind.__name__ if kind else 'unknown'}\n")
        except Exception:  # nor can that be written
            return


def configure(
    level: str, *, whole: bool = False, on_lambda: bool = False, stream: TextIO | None = None
) -> None:
    """Write log lines to a stream, by default standard output, as JSON.

    The application's from this level on, and those of libraries as the root logger's level says. On
    Lambda the runtime's own handler writes them. ``whole``: also messages that may quote what a
    caller sent.
    """
    logging.getLogger("app").setLevel(level)
    root = logging.getLogger()
    if on_lambda and root.handlers:
        # Unlike others, the runtime's handler leaves the line's end to its format.
        handlers, end = root.handlers, "\n"
    else:
        root.handlers = [one for one in root.handlers if not isinstance(one, Handler)]
        root.addHandler(Handler(stream or sys.stdout))
        handlers, end = root.handlers[-1:], ""
    for handler in handlers:
        handler.setFormatter(Formatter(whole=whole, end=end))
        handler.addFilter(_Correlated())
    _take_over_uvicorn()
    _take_over_hooks(whole)


def _take_over_uvicorn() -> None:
    """Have the server's lines pass here too, but for those of requests, which hold their paths."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"


def _take_over_hooks(whole: bool) -> None:
    """Log what Python would print to standard error: warnings, and what ends a thread.

    `sys.excepthook` stays: what ends the process is of its start, not of a request.
    """

    def warned(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        said = f": {message}" if whole else ""
        _logger.warning("%s at %s:%d%s", category.__name__, filename, lineno, said)

    def ended(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            _logger.error("a thread failed", exc_info=args.exc_value)

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            _logger.error("an exception could not be raised", exc_info=args.exc_value)

    warnings.showwarning = warned
    # Unless somebody else listens, as a test runner does.
    if _is_standard(threading.excepthook):
        threading.excepthook = ended
    if _is_standard(sys.unraisablehook):
        sys.unraisablehook = unraisable


def _is_standard(hook: Callable[..., Any]) -> bool:
    return hook in (threading.__excepthook__, sys.__unraisablehook__)


def _is_ours(logger: str) -> bool:
    return any(logger == name or logger.startswith(f"{name}.") for name in _OURS)


def _kind(value: object) -> str:
    return type(value).__name__
