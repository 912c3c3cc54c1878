"""Sends entries to an AWS service in batches, within its limits and a deadline, with retries."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.aws import OutOfTime
from app.deadline import Deadline

ATTEMPTS = 5
"""How often an entry is sent if the service leaves it out of an accepted batch."""
FIRST_PAUSE = 0.1
"""Longest pause, in seconds, before the second attempt; it doubles for each further attempt."""


class Entry(NamedTuple):
    """A document in the form that a service accepts."""

    position: int
    """Its position among the documents sent together."""
    body: Any
    size: int
    """In bytes, as the service counts them."""


class Limits(NamedTuple):
    """Limits of one call."""

    entries: int
    bytes: int


class EntryFailure(NamedTuple):
    """Why an entry was left out of a batch, and whether to send it again."""

    reason: str
    retryable: bool


class Sent(NamedTuple):
    """The outcome of sending entries."""

    failures: dict[int, str]
    """Why entries were not accepted, by position; all others were accepted."""
    unavailable: str = ""
    """Why further calls would fail too, in this invocation."""


Call = Callable[[Sequence[Entry], Deadline], Mapping[int, EntryFailure]]
"""Sends entries in one call; returns the entries that were left out, by position."""


class _Rejected(Exception):
    """The service rejects the batch, perhaps because of one entry."""


class _Unavailable(Exception):
    """The service does not answer, or rejects every call."""


def send_batches(entries: Sequence[Entry], limits: Limits, call: Call, deadline: Deadline) -> Sent:
    """Send the entries, and send retryable failures again.

    A call that fails as a whole is not repeated, as `app.aws` has retried it. If the service
    rejects a batch because of an entry, each entry is sent alone. Pauses double and have full
    jitter, so functions that were throttled together do not retry together.
    """
    failures: dict[int, str] = {}
    pending: list[Entry] = list(entries)
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(min(random.uniform(0, FIRST_PAUSE * 2 ** (attempt - 1)), deadline.left))
        retryable: list[Entry] = []
        batches = deque(_batches(pending, limits))
        while batches:
            batch = batches.popleft()
            try:
                left_out = _attempt(call, batch, deadline)
            except _Rejected as error:
                if len(batch) > 1:
                    batches.extendleft([entry] for entry in reversed(batch))
                    continue
                left_out = {batch[0].position: EntryFailure(str(error), retryable=False)}
            except _Unavailable as error:
                unsent = [*batch, *(entry for other in batches for entry in other)]
                failures |= {entry.position: str(error) for entry in unsent}
                return Sent(failures, unavailable=str(error))
            for entry in batch:
                failure = left_out.get(entry.position)
                if failure is None:
                    failures.pop(entry.position, None)
                    continue
                failures[entry.position] = failure.reason
                if failure.retryable:
                    retryable.append(entry)
        pending = retryable
        if not pending:
            break
    return Sent(failures)


_ENTRY_ERRORS = ("Validation", "Invalid", "Serialization", "TooLarge", "TooLong", "SizeLimit")
"""Parts of error codes with which services reject a call because of its content."""
_THROTTLING_ERRORS = (
    "Throttl",
    "ThroughputExceeded",
    "RequestLimitExceeded",
    "TooManyRequests",
    "Slow",
)


def _attempt(call: Call, batch: Sequence[Entry], deadline: Deadline) -> Mapping[int, EntryFailure]:
    """Send a batch.

    Raises:
        _Rejected: an entry may be the reason.
        _Unavailable: no entry is, and further calls would fail as well.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        return call(batch, deadline)
    except OutOfTime:
        raise _Unavailable("no time was left to send it") from None
    except ClientError as error:
        # Without the message, which may quote what was sent.
        code = str(error.response.get("Error", {}).get("Code", "an error"))
        reason = f"{error.operation_name} was answered {code}"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if status >= 500 or any(part in code for part in _THROTTLING_ERRORS):
            return {entry.position: EntryFailure(reason, retryable=False) for entry in batch}
        if status == 413 or any(part in code for part in _ENTRY_ERRORS):
            raise _Rejected(reason) from None
        raise _Unavailable(reason) from None
    except ParamValidationError:
        raise _Rejected("has a value of a type that the service does not accept") from None
    except BotoCoreError as error:
        raise _Unavailable(f"there was no answer: {type(error).__name__}") from None
    except Exception as error:  # an unexpected failure must not affect other entries
        raise _Rejected(f"cannot be sent: {type(error).__name__}") from error


def _batches(entries: Sequence[Entry], limits: Limits) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) == limits.entries or size + entry.size > limits.bytes):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch
