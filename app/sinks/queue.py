"""An SQS queue as a sink: a message for each document."""

from collections.abc import Mapping, Sequence

from app import aws
from app.deadline import Deadline
from app.sinks.batching import Entry, EntryFailure, Limits, Sent, send_batches
from app.sinks.results import Document, Unstorable, to_json


class QueueSink:
    """Sends documents to a standard queue."""

    name = "queue"
    MAX_BYTES = 1024 * 1024
    """Size of a message, and of all messages of a call (SQS, "Amazon SQS message quotas")."""
    limits = Limits(entries=10, bytes=MAX_BYTES)

    def __init__(self, url: str) -> None:
        self._url = url

    def prepare(self, position: int, document: Document) -> Entry:
        """Return the message. JSON escapes all characters that SQS rejects.

        Raises:
            Unstorable: it is too large for a message, or JSON cannot represent it.
        """
        body = to_json(document)
        size = len(body.encode())
        if size > self.MAX_BYTES:
            raise Unstorable(f"has {size:,} bytes; a message holds at most {self.MAX_BYTES:,}")
        return Entry(position, body, size)

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> Sent:
        """Send the messages."""
        return send_batches(entries, self.limits, self._call, deadline)

    def _call(self, batch: Sequence[Entry], deadline: Deadline) -> Mapping[int, EntryFailure]:
        messages = [{"Id": str(entry.position), "MessageBody": entry.body} for entry in batch]
        answer = aws.client_within("sqs", deadline).send_message_batch(
            QueueUrl=self._url, Entries=messages
        )
        return {
            int(failed["Id"]): EntryFailure(
                str(failed["Code"]), retryable=not failed["SenderFault"]
            )
            for failed in answer.get("Failed", ())
        }
