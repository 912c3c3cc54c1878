"""Describes exceptions without the content of requests.

By contract, messages of the application's own exceptions contain no content. Those of others may: a
parser quotes its input, a service's client its request. Of these, only the class and the stack are
logged.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_logger = logging.getLogger(__name__)

_PACKAGE = __name__.removesuffix(".telemetry.exceptions")
_FOLDER = Path(__file__).parents[1]

FRAMES = 30
"""Maximum number of logged frames of an exception; the innermost are kept."""
LINKS = 8
"""Maximum number of logged exceptions of a chain, and of members of a group."""


class InternalError(Exception):
    """Replaces an exception of another package, without its message; the log has its stack."""


def is_ours(error: BaseException) -> bool:
    """Return whether an exception is the application's own, so that its message has no content."""
    return f"{type(error).__module__}.".startswith(f"{_PACKAGE}.")


def headline(error: BaseException, *, unredacted: bool = False) -> str:
    """Return an exception's class, with its message if that has no content.

    ``unredacted``: with the message in any case, and the notes.
    """
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    if not (unredacted or is_ours(error)):
        return name
    notes = getattr(error, "__notes__", ()) if unredacted else ()
    return "\n".join([f"{name}: {error}", *map(str, notes)])


def describe(error: BaseException, *, unredacted: bool = False) -> str:
    """Return the chain of exceptions that led to this one, oldest first, each with its stack.

    ``unredacted``: with the messages of all of them, not only of the application's own.
    """
    return "\n\nwhich led to\n\n".join(
        reversed([_describe_link(link, unredacted) for link in _chain(error)])
    )


def _describe_link(error: BaseException, unredacted: bool) -> str:
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), limit=-FRAMES, lookup_lines=False
    )
    lines = [f'File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in frames]
    lines.append(headline(error, unredacted=unredacted))
    if isinstance(error, BaseExceptionGroup):
        members = error.exceptions[:LINKS]
        inner = [describe(member, unredacted=unredacted) for member in members]
        lines += [f"  | {line}" for text in inner for line in text.split("\n")]
        if more := len(error.exceptions) - len(members):
            lines.append(f"  | and {more} more")
    return "\n".join(lines)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    visited: set[int] = set()
    while error is not None and id(error) not in visited and len(visited) < LINKS:
        yield error
        visited.add(id(error))
        context = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or context


def located(error: BaseException) -> str:
    """Return an exception's class and the innermost of our lines that raised it, no message."""
    location = "an unknown location"
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_FOLDER) and path != Path(__file__):
            location = f"{path.relative_to(_FOLDER.parent)}:{line}"
    return f"{type(error).__name__} at {location}"


def redacted(error: BaseException) -> InternalError:
    """Return an error that says where this one was raised, without its message."""
    return InternalError(f"{located(error)}; its stack is in the log")


@contextmanager
def boundary(correlation_id: str) -> Iterator[None]:
    """Let only exceptions pass whose messages have no content, and log the others.

    Lambda's runtime logs and returns to the invoker what the handler raises. It would exit on an
    exception that is not an `Exception`, such as a panic of a library in Rust.

    Raises:
        InternalError: in place of an exception of another package.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if is_ours(error):
            raise
        extra = {"correlation_id": correlation_id}
        _logger.error("the invocation failed", exc_info=error, extra=extra)
        raise redacted(error) from None
