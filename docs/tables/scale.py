"""The time and the cost of many reviews, computed from measured times and AWS's limits."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from app.settings import MEGABYTES_PER_VCPU
from bench.prices import (
    BUS_EVENT,
    EXPRESS_GB,
    EXPRESS_GB_SECOND,
    EXPRESS_REQUEST,
    GB_SECOND,
    INVOCATION,
    SQS_REQUEST,
    TABLE_WRITE,
    TRANSITION,
)
from bench.report import RESULTS

COUNTS = (1_000_000, 10_000_000, 100_000_000)

OBJECT_ROWS = 20_000
"""Rows in each object of a backfill by prefix: minutes of one function, far from its 15."""
OBJECT_TRANSITIONS = 2
"""A child execution's start and its one task."""
SQS_BATCH = 10
"""Messages in one call, whose 64 KB are charged as one request."""


@dataclass(frozen=True)
class Measured:
    """What `make bench` found on one processor."""

    rows_a_second: float
    row_bytes: float
    batch_rows: int

    @property
    def batch_seconds(self) -> float:
        """How long an invocation with one batch takes."""
        return self.batch_rows / self.rows_a_second


def measured() -> Measured:
    """Read the last benchmark."""
    batch = json.loads((RESULTS / "files.json").read_text())["batch"]
    return Measured(batch["rows"] / batch["seconds"], batch["row_bytes"], batch["rows"])


class Way(NamedTuple):
    """A way to have reviews scored."""

    name: str
    dollars: Callable[[float, Measured], float]
    """What so many reviews cost besides the function's computing time."""


def _rows(count: float, of: Measured) -> float:
    invocations = count / of.batch_rows
    express = EXPRESS_REQUEST + EXPRESS_GB * of.batch_seconds * EXPRESS_GB_SECOND
    return invocations * (INVOCATION + express)


def _objects(count: float, of: Measured) -> float:
    return count / OBJECT_ROWS * (INVOCATION + OBJECT_TRANSITIONS * TRANSITION)


def _queue(count: float, of: Measured) -> float:
    """Sent, received and deleted, then written to every sink."""
    requests = 3 * count / SQS_BATCH + count / SQS_BATCH
    invocations = count / of.batch_rows * INVOCATION
    return requests * SQS_REQUEST + invocations + count * (TABLE_WRITE + BUS_EVENT)


WAYS = (
    Way("backfill of an object's rows", _rows),
    Way("backfill of objects under a prefix", _objects),
    Way("queue, into all three sinks", _queue),
)


def computing_seconds(count: float, of: Measured) -> float:
    """Return the seconds that one processor computes for so many reviews."""
    return count / of.rows_a_second


def computing_dollars(count: float, of: Measured) -> float:
    """Return what those seconds cost."""
    return computing_seconds(count, of) * MEGABYTES_PER_VCPU / 1024 * GB_SECOND


def rate() -> str:
    """Return what was measured, in a sentence."""
    of = measured()
    return (
        f"One processor scored a batch of {of.batch_rows} reviews in {of.batch_seconds:.2f} s "
        f"(median of `make bench`), {of.rows_a_second:.0f} reviews a second; "
        f"a review has {of.row_bytes:,.0f} bytes on average."
    )


def times() -> str:
    """Return how long so many reviews take, at several concurrencies, as a table."""
    of = measured()
    concurrencies = (10, 50, 900)
    head = " | ".join(f"{each:,} at once" for each in concurrencies)
    rows = [f"| reviews | {head} |", "|---:|" + "---:|" * len(concurrencies)]
    for count in COUNTS:
        took = [_duration(computing_seconds(count, of) / each) for each in concurrencies]
        rows.append(f"| {count:,} | {' | '.join(took)} |")
    return "\n".join(rows)


def costs() -> str:
    """Return what so many reviews cost, each way, as a table."""
    of = measured()
    head = " | ".join(way.name for way in WAYS)
    rows = [f"| reviews | computing | {head} |", "|---:|---:|" + "---:|" * len(WAYS)]
    for count in COUNTS:
        computing = computing_dollars(count, of)
        sums = [f"${computing + way.dollars(count, of):,.2f}" for way in WAYS]
        rows.append(f"| {count:,} | ${computing:,.2f} | {' | '.join(sums)} |")
    return "\n".join(rows)


def limits() -> str:
    """Return at how many functions at once each limit is met, as a table."""
    of = measured()
    rows = ["| limit | reviews a second | functions at once |", "|---|---:|---:|"]
    for name, per_second in (
        ("a new on-demand table: 4,000 writes a second", 4_000),
        ("an event bus in us-east-1: 10,000 events a second", 10_000),
        ("an on-demand table's quota: 40,000 writes a second", 40_000),
    ):
        rows.append(f"| {name} | {per_second:,} | {per_second / of.rows_a_second:,.0f} |")
    rows.append(
        f"| all that an account may reserve of 1,000 | {900 * of.rows_a_second:,.0f} | 900 |"
    )
    return "\n".join(rows)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


SECTIONS = {"rate": rate, "times": times, "costs": costs, "limits": limits}
