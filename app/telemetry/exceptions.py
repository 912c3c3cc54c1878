"""What may be said of an exception without quoting what a caller sent.

The application's own exceptions have messages that hold no content, by contract. The message of any
other may quote it, as a parser's does its input and a service's client the request, so that of
those only the type and the stack are told.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_logger = logging.getLogger(__name__)

_PACKAGE = __name__.partition(".")[0]
_ROOT = Path(__file__).parents[2]

FRAMES = 30
"""Frames of an exception that are told, the innermost."""
LINKS = 8
"""Exceptions of a chain, and members of a group, that are told."""


class InternalError(Exception):
    """An exception of no class of ours, in words that hold no content; the log has its stack."""


def is_ours(error: BaseException) -> bool:
    """Return whether its class is the application's, so that its message holds no content."""
    return type(error).__module__.partition(".")[0] == _PACKAGE


def headline(error: BaseException, *, whole: bool = False) -> str:
    """Return the exception's class, and its message where that holds no content.

    ``whole``: whatever the message holds, and its notes.
    """
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    if not (whole or is_ours(error)):
        return name
    notes = getattr(error, "__notes__", ()) if whole else ()
    return "\n".join([f"{name}: {error}", *map(str, notes)])


def describe(error: BaseException, *, whole: bool = False) -> str:
    """Return the exceptions that led to this one, oldest first, each with its stack.

    ``whole``: with the messages of all of them, not only of ours.
    """
    return "\n\nwhich led to\n\n".join(
        reversed([_described(link, whole) for link in _chain(error)])
    )


def _described(error: BaseException, whole: bool) -> str:
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), limit=-FRAMES, lookup_lines=False
    )
    lines = [f'File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in frames]
    lines.append(headline(error, whole=whole))
    if isinstance(error, BaseExceptionGroup):
        members = error.exceptions[:LINKS]
        inner = [describe(member, whole=whole) for member in members]
        lines += [f"  | {line}" for text in inner for line in text.split("\n")]
        if more := len(error.exceptions) - len(members):
            lines.append(f"  | and {more} more")
    return "\n".join(lines)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen and len(seen) < LINKS:
        yield error
        seen.add(id(error))
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)


def located(error: BaseException) -> str:
    """Return the class of an exception and the line of ours that raised it, without its message."""
    location = "an unknown place"
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT / _PACKAGE) and path != Path(__file__):
            location = f"{path.relative_to(_ROOT)}:{line}"
    return f"{type(error).__name__} at {location}"


def withheld(error: BaseException) -> InternalError:
    """Return an error that locates this one, in place of its message."""
    return InternalError(f"{located(error)}; its stack is in the log")


@contextmanager
def boundary(correlation_id: str) -> Iterator[None]:
    """Let only exceptions out whose messages hold no content, as whoever is outside prints them.

    Lambda's runtime logs what the handler raises, returns it to the invoker, and would end with
    what is no ``Exception``, such as the panic of a library in Rust.

    Raises:
        InternalError: in place of what is not ours, which is logged with its stack.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if is_ours(error):
            raise
        known = {"correlation_id": correlation_id}
        _logger.error("the invocation failed", exc_info=error, extra=known)
        raise withheld(error) from None
