"""Hands an object that takes longer than an invocation over to the state machine."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

from app import aws
from app.deadline import Deadline
from app.objects import formats, storage
from app.objects.formats import ReadOptions
from app.objects.s3 import StoredObject, Version

if TYPE_CHECKING:
    from app.objects.formats.text_object import TextObject

_logger = logging.getLogger(__name__)

DELIMITERS = (",", ";", "\t", "|")
"""CSV delimiters that Step Functions supports."""
_UNSUCCESSFUL = ("FAILED", "TIMED_OUT", "ABORTED")
"""Statuses of an execution after which its object can be handed over again."""


class DoesNotFit(RuntimeError):
    """An object takes longer than an invocation, and no state machine can take it over."""


class HandOverFailed(RuntimeError):
    """The state machine could not be started; the event of the object must be retried."""


def hand_over(
    machine: str,
    stored: StoredObject,
    version: Version,
    options: ReadOptions,
    scored_by: Sequence[object],
    deadline: Deadline,
) -> str:
    """Have the state machine score an object, once for each version and what scores it.

    Returns the ARN of the execution.

    Args:
        machine: its ARN, empty if there is none.
        scored_by: everything else that the results depend on, as JSON values.

    Raises:
        DoesNotFit: there is no state machine, or it cannot read the object.
        HandOverFailed: it could not be started.
        OSError: the object cannot be read.
    """
    if not machine:
        raise DoesNotFit(f"{_too_long(stored)}, or set SENTIMENT_STATE_MACHINE")
    job = {"bucket": stored.bucket, "key": stored.key, **_input_format(stored, options)}
    if version.id not in (None, "null"):
        job["version_id"] = version.id
    identity = json.dumps([*stored, *version, *astuple(options), *scored_by])
    name = hashlib.sha256(identity.encode()).hexdigest()[:32]
    execution = _start_once(machine, name, json.dumps(job), deadline)
    _logger.info("%s was handed over to %s", stored, execution)
    return execution


def _too_long(stored: StoredObject) -> str:
    advice = "split it, raise the function's timeout or memory"
    return f"{stored} takes longer than an invocation: {advice}"


def _input_format(stored: StoredObject, options: ReadOptions) -> Mapping[str, str]:
    """Return the fields of the job that say how to read the object.

    Raises:
        DoesNotFit: Step Functions cannot read it.
    """
    kind = formats.format_name(stored.key)
    unsupported = DoesNotFit(
        f"{_too_long(stored)}, or provide it as uncompressed JSON Lines or CSV in UTF-8, with a "
        "header, which the state machine takes over"
    )
    if kind not in ("jsonl", "csv"):
        raise unsupported
    with storage.open_input(stored) as source:
        is_compressed = source.file.peek(2).startswith(b"\x1f\x8b")  # type: ignore[attr-defined]
        text_object = _open_text(source, options)
    if is_compressed or text_object.encoding.name != "utf-8":
        raise unsupported
    if kind == "jsonl":
        return {"format": kind}
    from app.objects.formats.csv.dialect import sniff_dialect

    dialect = sniff_dialect(text_object.head, options)
    if dialect.sep or dialect.delimiter not in DELIMITERS or not options.header:
        raise unsupported
    return {"format": kind, "delimiter": dialect.delimiter}


def _open_text(source: storage.Input, options: ReadOptions) -> "TextObject":
    from app.objects.formats.text_object import open_text

    heartbeats = open_text(source.file, options, "text")
    while True:
        try:
            next(heartbeats)
        except StopIteration as end:
            text_object: TextObject = end.value
            return text_object


def _start_once(machine: str, name: str, job: str, deadline: Deadline) -> str:
    """Start an execution unless one of this name is running or has succeeded; return its ARN.

    Raises:
        HandOverFailed: Step Functions rejects the call, or does not answer.
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
            if status not in _UNSUCCESSFUL:
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
