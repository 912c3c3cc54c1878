"""Entries to an AWS service in batches: within its limits, a deadline and a number of attempts."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.aws import OutOfTime
from app.deadline import Deadline

ATTEMPTS = 5
"""How often an entry is sent that the service leaves out of a batch that it takes."""
FIRST_PAUSE = 0.1
"""Seconds, at most, before the second attempt; each further pause may be twice as long."""


class Entry(NamedTuple):
    """A result as a service takes it."""

    place: int
    """Its place among those that are sent together."""
    body: Any
    size: int
    """In bytes, as the service counts them."""


class Limits(NamedTuple):
    """What a service takes in one call."""

    entries: int
    bytes: int


class Failure(NamedTuple):
    """Why an entry was left out of a batch, and whether it may be taken another time."""

    reason: str
    passing: bool


class Sent(NamedTuple):
    """What became of entries."""

    failures: dict[int, str]
    """Why entries were not taken, by their place; all others were."""
    down: str = ""
    """Why no further call is worth making in this invocation."""


Call = Callable[[Sequence[Entry], Deadline], Mapping[int, Failure]]
"""Sends entries in one call; returns those that were left out, by their place."""


class _Refused(Exception):
    """The service refuses the batch, for what may be one entry of it."""


class _Unavailable(Exception):
    """The service did not answer, or it refuses every call."""


def send_batches(entries: Sequence[Entry], limits: Limits, call: Call, deadline: Deadline) -> Sent:
    """Send the entries; send again those that were left out and may yet be taken.

    A call that fails as a whole is not made again here: `app.aws` has retried it already. Where the
    service refuses a batch for an entry of it, each entry goes by itself. Pauses double and are cut
    at random (full jitter), so that functions that were throttled together do not come back
    together.
    """
    failures: dict[int, str] = {}
    waiting: list[Entry] = list(entries)
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(min(random.uniform(0, FIRST_PAUSE * 2 ** (attempt - 1)), deadline.left))
        again: list[Entry] = []
        batches = deque(_batches(waiting, limits))
        while batches:
            batch = batches.popleft()
            try:
                left_out = _attempt(call, batch, deadline)
            except _Refused as error:
                if len(batch) > 1:
                    batches.extendleft([entry] for entry in reversed(batch))
                    continue
                left_out = {batch[0].place: Failure(str(error), passing=False)}
            except _Unavailable as error:
                unsent = [*batch, *(entry for other in batches for entry in other)]
                failures |= {entry.place: str(error) for entry in unsent}
                return Sent(failures, down=str(error))
            for entry in batch:
                failure = left_out.get(entry.place)
                if failure is None:
                    failures.pop(entry.place, None)
                    continue
                failures[entry.place] = failure.reason
                if failure.passing:
                    again.append(entry)
        waiting = again
        if not waiting:
            break
    return Sent(failures)


_OF_AN_ENTRY = ("Validation", "Invalid", "Serialization", "TooLarge", "TooLong", "SizeLimit")
"""Parts of the codes by which services refuse what a call holds, whoever makes it."""
_THROTTLING = ("Throttl", "ThroughputExceeded", "RequestLimitExceeded", "TooManyRequests", "Slow")


def _attempt(call: Call, batch: Sequence[Entry], deadline: Deadline) -> Mapping[int, Failure]:
    """Send a batch.

    Raises:
        _Refused: an entry may be to blame.
        _Unavailable: no entry is, and every other call would fail as well.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        return call(batch, deadline)
    except OutOfTime:
        raise _Unavailable("no time was left to send it") from None
    except ClientError as error:
        # Not its message, which may quote what was sent.
        code = str(error.response.get("Error", {}).get("Code", "an error"))
        reason = f"{error.operation_name} was answered {code}"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if status >= 500 or any(part in code for part in _THROTTLING):
            return {entry.place: Failure(reason, passing=False) for entry in batch}
        if status == 413 or any(part in code for part in _OF_AN_ENTRY):
            raise _Refused(reason) from None
        raise _Unavailable(reason) from None
    except ParamValidationError:
        raise _Refused("has a part that the service has no type for") from None
    except BotoCoreError as error:
        raise _Unavailable(f"there was no answer: {type(error).__name__}") from None
    except Exception as error:  # whatever an entry is, the others go on
        raise _Refused(f"cannot be sent: {type(error).__name__}") from error


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
