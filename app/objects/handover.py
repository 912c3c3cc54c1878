"""Objects that outlast an invocation: handed over to the state machine, which maps their rows."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING

from app import aws
from app.deadline import Deadline
from app.objects import formats, storage
from app.objects.formats import ReadOptions
from app.objects.s3 import StoredObject, Version

if TYPE_CHECKING:
    from app.objects.formats.text import Source

_logger = logging.getLogger(__name__)

DELIMITERS = (",", ";", "\t", "|")
"""What Step Functions can be told to read between a CSV object's fields."""
_UNFINISHED = ("FAILED", "TIMED_OUT", "ABORTED")
"""How an execution ends that has not scored its object."""


class DoesNotFit(RuntimeError):
    """An object that takes longer than an invocation, and that no state machine can take over."""


class HandOverFailed(RuntimeError):
    """The state machine could not be started; the object's event must come again."""


def hand_over(
    machine: str,
    stored: StoredObject,
    version: Version,
    options: ReadOptions,
    model: str,
    deadline: Deadline,
) -> str:
    """Have the state machine score an object, once for each version and model.

    ``machine``: its ARN, empty if there is none. Returns the execution's ARN.

    Raises:
        DoesNotFit: there is no state machine, or it cannot read such objects.
        HandOverFailed: it could not be started.
        OSError: the object cannot be read.
    """
    if not machine:
        raise DoesNotFit(f"{_too_long(stored)}, or set SENTIMENT_STATE_MACHINE")
    job = {"bucket": stored.bucket, "key": stored.key, **_reader(stored, options)}
    if version.id not in (None, "null"):
        job["version_id"] = version.id
    identity = json.dumps([*stored, *version, *astuple(options), model])
    name = hashlib.sha256(identity.encode()).hexdigest()[:32]
    execution = _start_once(machine, name, json.dumps(job), deadline)
    _logger.info("%s was handed over to %s", stored, execution)
    return execution


def _too_long(stored: StoredObject) -> str:
    advice = "split it, raise the function's timeout or memory"
    return f"{stored} takes longer than an invocation: {advice}"


def _reader(stored: StoredObject, options: ReadOptions) -> Mapping[str, str]:
    """Return what tells the state machine how to read an object.

    Raises:
        DoesNotFit: it cannot.
    """
    kind = formats.format_name(stored.key)
    unreadable = DoesNotFit(
        f"{_too_long(stored)}, or have it as JSON Lines or CSV in UTF-8, with a header and not "
        "compressed, which the state machine takes over"
    )
    if kind not in ("jsonl", "csv"):
        raise unreadable
    with storage.reading(stored) as source:
        compressed = source.file.peek(2).startswith(b"\x1f\x8b")  # type: ignore[attr-defined]
        text = _beginning(source, options)
    if compressed or text.encoding.name != "utf-8":
        raise unreadable
    if kind == "jsonl":
        return {"format": kind}
    from app.objects.formats.table import dialect_of

    dialect = dialect_of(text.head, options)
    if dialect.sep or dialect.delimiter not in DELIMITERS or not options.header:
        raise unreadable
    return {"format": kind, "delimiter": dialect.delimiter}


def _beginning(source: storage.Source, options: ReadOptions) -> "Source":
    from app.objects.formats.text import opened

    reading = opened(source.file, options, "text")
    while True:
        try:
            next(reading)
        except StopIteration as end:
            found: Source = end.value
            return found


def _start_once(machine: str, name: str, job: str, deadline: Deadline) -> str:
    """Start an execution unless one of this name runs or has succeeded; return its ARN.

    Raises:
        HandOverFailed: Step Functions refuses or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    attempt = 1
    try:
        while True:
            client = aws.client_within("stepfunctions", deadline)
            execution = f"{machine.replace(':stateMachine:', ':execution:')}:{name}-{attempt}"
            try:
                client.start_execution(stateMachineArn=machine, name=f"{name}-{attempt}", input=job)
                return execution
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
            status = client.describe_execution(executionArn=execution)["status"]
            if status not in _UNFINISHED:
                return execution
            attempt += 1
    except aws.OutOfTime:
        raise HandOverFailed("the state machine was not started: no time is left") from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise HandOverFailed(f"the state machine was not started: AWS answered {code}") from None
    except BotoCoreError as error:
        reason = type(error).__name__
        raise HandOverFailed(f"the state machine was not started: {reason}") from None
