"""Sinks, where results and feedback are stored: a queue, a table and an event bus."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.deadline import Deadline
from app.settings import Settings
from app.sinks.batching import Entry, Sent
from app.sinks.bus import BusSink
from app.sinks.queue import QueueSink
from app.sinks.results import Document, Unstorable
from app.sinks.table import TableSink

FailureReasons = dict[int, str]
"""Why a document is not in every sink, by its position among those sent together."""


class Sink(Protocol):
    """Stores documents."""

    name: str

    def prepare(self, position: int, document: Document) -> Entry:
        """Return the document in the form in which it is sent.

        Raises:
            Unstorable: it exceeds a limit of this sink.
        """
        ...

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> Sent:
        """Send the entries; return which ones failed."""
        ...


class SinkWriter:
    """Sends documents to every sink until a deadline; a sink that is unavailable gets no more."""

    def __init__(self, sinks: Sequence[Sink], deadline: Deadline) -> None:
        self._sinks = sinks
        self._deadline = deadline
        self._unavailable: dict[str, str] = {}
        """Why, by the name of the sink."""

    def prepare(self, position: int, document: Document) -> list[Entry]:
        """Return the document as an entry for each sink.

        Raises:
            Unstorable: it exceeds a limit of a sink; the message names the sink.
        """
        entries = []
        for sink in self._sinks:
            try:
                entries.append(sink.prepare(position, document))
            except Unstorable as error:
                raise Unstorable(f"{sink.name}: {error}") from None
        return entries

    def send(self, prepared: Mapping[int, Sequence[Entry]]) -> FailureReasons:
        """Send to one sink after the other; what fails in one is not sent to the next.

        ``prepared``: the entries that `prepare` returned, by position.
        """
        failures: FailureReasons = {}
        for number, sink in enumerate(self._sinks):
            entries = [
                of_document[number]
                for position, of_document in prepared.items()
                if position not in failures
            ]
            if not entries:
                break
            if reason := self._unavailable.get(sink.name):
                sent = Sent({entry.position: reason for entry in entries})
            else:
                sent = sink.send(entries, self._deadline)
                if sent.unavailable:
                    self._unavailable[sink.name] = sent.unavailable
            for position, reason in sent.failures.items():
                failures[position] = f"{sink.name}: {reason}"
        return failures


def write(
    sinks: Sequence[Sink], documents: Sequence[Document], deadline: Deadline
) -> FailureReasons:
    """Write documents to every sink; return those that are not in each of them, and why."""
    writer = SinkWriter(sinks, deadline)
    failures: FailureReasons = {}
    prepared = {}
    for position, document in enumerate(documents):
        try:
            prepared[position] = writer.prepare(position, document)
        except Unstorable as error:
            failures[position] = str(error)
    return failures | writer.send(prepared)


def load(settings: Settings) -> list[Sink]:
    """Return the sinks that the settings name, in the order in which they are written."""
    sinks: list[Sink] = []
    if settings.results_queue_url:
        sinks.append(QueueSink(settings.results_queue_url))
    if settings.results_table:
        sinks.append(TableSink(settings.results_table, settings.results_ttl_days))
    if settings.results_bus:
        sinks.append(BusSink(settings.results_bus))
    return sinks
