"""Where results and feedback go: a queue, a table, a bus of events, each by its setting."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.deadline import Deadline
from app.settings import Settings
from app.sinks.batching import Entry, Sent
from app.sinks.bus import BusSink
from app.sinks.queue import QueueSink
from app.sinks.results import Kept, Unfit
from app.sinks.table import TableSink

Failures = dict[int, str]
"""Why results are not in every sink, by their place among those given."""


class Sink(Protocol):
    """A place for results."""

    name: str

    def prepare(self, place: int, kept: Kept) -> Entry:
        """Return what would be sent.

        Raises:
            Unfit: this sink cannot hold it.
        """
        ...

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> Sent:
        """Send what was prepared; return what was not taken."""
        ...


class Outbox:
    """Sends results to every sink, until the deadline; a sink that is down is not asked again."""

    def __init__(self, sinks: Sequence[Sink], deadline: Deadline) -> None:
        self._sinks = sinks
        self._deadline = deadline
        self._down: Failures = {}

    def prepare(self, place: int, kept: Kept) -> list[Entry]:
        """Return what each sink would be sent.

        Raises:
            Unfit: a sink cannot hold it; the message says which.
        """
        entries = []
        for sink in self._sinks:
            try:
                entries.append(sink.prepare(place, kept))
            except Unfit as error:
                raise Unfit(f"{sink.name}: {error}") from None
        return entries

    def send(self, prepared: Mapping[int, Sequence[Entry]]) -> Failures:
        """Send to one sink after the other; what one did not take is not sent to those behind it.

        ``prepared``: by place, what `prepare` returned.
        """
        failures: Failures = {}
        for number, sink in enumerate(self._sinks):
            entries = [found[number] for place, found in prepared.items() if place not in failures]
            if not entries:
                break
            if number in self._down:
                sent = Sent({entry.place: self._down[number] for entry in entries})
            else:
                sent = sink.send(entries, self._deadline)
                if sent.down:
                    self._down[number] = sent.down
            failures |= {place: f"{sink.name}: {why}" for place, why in sent.failures.items()}
        return failures


def write(sinks: Sequence[Sink], results: Sequence[Kept], deadline: Deadline) -> Failures:
    """Write results to every sink; return those that are not in each of them, and why."""
    outbox = Outbox(sinks, deadline)
    failures: Failures = {}
    prepared = {}
    for place, kept in enumerate(results):
        try:
            prepared[place] = outbox.prepare(place, kept)
        except Unfit as error:
            failures[place] = str(error)
    return failures | outbox.send(prepared)


def switched_on(settings: Settings) -> list[Sink]:
    """Return the sinks that the settings name."""
    found: list[Sink] = []
    if settings.results_queue_url:
        found.append(QueueSink(settings.results_queue_url))
    if settings.results_table:
        found.append(TableSink(settings.results_table, settings.results_ttl_days))
    if settings.results_bus:
        found.append(BusSink(settings.results_bus))
    return found
