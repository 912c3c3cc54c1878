"""Order within a group, with sinks that fail anywhere: only a prefix is delivered."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events.delivery import Delivery, Item
from app.events.records import InvalidRecord, Record
from app.objects.formats import UnreadableObject
from app.objects.s3 import StoredObject
from app.scoring.configuration import load_classifier
from app.scoring.options import Options
from app.sentiment.text import Text
from app.settings import Settings
from app.sinks.batching import Entry, Sent
from app.sinks.results import Unstorable


class FailingSink:
    """A sink that rejects the ids in ``refused``, and cannot store those in ``unfit``."""

    def __init__(self, name: str, refused: set[str], unfit: set[str]) -> None:
        self.name = name
        self.stored: list[str] = []
        self.calls = 0
        self._refused, self._unfit = refused, unfit

    def prepare(self, position: int, document: Any) -> Entry:
        if document.id in self._unfit:
            raise Unstorable("too large")
        return Entry(position, document.id, 1)

    def send(self, entries: Any, deadline: Any) -> Sent:
        self.calls += 1
        # A service processes a batch in any order, except for what it rejects.
        self.stored += [
            entry.body for entry in reversed(entries) if entry.body not in self._refused
        ]
        return Sent({entry.position: "full" for entry in entries if entry.body in self._refused})


class Objects:
    """Scores objects, except for those whose key is refused."""

    def __init__(self, refused: set[str]) -> None:
        self.scored: list[str] = []
        self._refused = refused

    def score(self, stored: StoredObject, context: Any) -> None:
        if stored.key in self._refused:
            raise UnreadableObject("no")
        self.scored.append(stored.key)


@pytest.fixture(scope="module")
def remembering():
    return load_classifier(Settings(engine="native"))


FAULTS = [f"{fault} by {sink}" for fault in ("refused", "unfit") for sink in "abc"]
KINDS = ("good", "invalid", "object", *FAULTS)
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from([None, "x", "y", "z"]),
        st.sampled_from(("good",) * 12 + (*KINDS, "object that is refused")),
    ),
    max_size=20,
)


def deliver(classifier: Any, arrivals: list[tuple[str | None, str]]):
    arrived: list[Item] = []
    faults: dict[str, set[str]] = {fault: set() for fault in FAULTS}
    refused: set[str] = set()
    for number, (group, kind) in enumerate(arrivals):
        id = f"{number}"
        content: Any = Record(id, "Good.")
        if kind == "invalid":
            content = InvalidRecord("no")
        elif kind.startswith("object"):
            content = StoredObject("bucket", id)
            if kind != "object":
                refused.add(id)
        elif kind != "good":
            faults[kind].add(id)
        arrived.append(Item(content, id, group))
    sinks = [FailingSink(s, faults[f"refused by {s}"], faults[f"unfit by {s}"]) for s in "abc"]
    objects = Objects(refused)
    failures = Delivery(classifier, sinks, objects).deliver(arrived, None)
    return sinks, objects, failures


def test_a_record_may_be_neutral_where_the_settings_say_so(three_labels):
    class Results(FailingSink):
        def prepare(self, position, document):
            self.stored.append(document)
            return Entry(position, "", 1)

    sink = Results("queue", set(), set())
    records = [Item(Record("a", Text("It lasts two hours.")), "a")]
    for neutral in (False, True):
        delivery = Delivery(three_labels, [sink], Objects(set()), Options(neutral=neutral))
        assert delivery.deliver(records, None) == {}
    two, three = sink.stored[0].scores, sink.stored[2].scores
    assert list(two) == ["Negative", "Positive"]
    assert list(three) == ["Negative", "Neutral", "Positive"]


@pytest.mark.property
@given(ARRIVALS)
def test_each_sink_holds_a_prefix_of_each_group_up_to_its_first_failure(remembering, arrivals):
    sinks, objects, failures = deliver(remembering, arrivals)
    broken: set[str] = set()
    expected: list[int] = []
    for number, (group, kind) in enumerate(arrivals):
        if group in broken:
            expected.append(number)
        elif kind not in ("good", "object"):
            expected.append(number)
            if group is not None:
                broken.add(group)
    assert sorted(failures) == expected
    texts = {n for n, (_, kind) in enumerate(arrivals) if "object" not in kind}
    delivered = texts - set(expected)
    for position, sink in enumerate(sinks):
        # A failure in a later sink is stored in the sinks before it.
        partly = {
            n
            for n in expected
            for later in "abc"[position + 1 :]
            if arrivals[n][1] == f"refused by {later}" and not failures[n].deferred
        }
        assert sorted(map(int, sink.stored)) == sorted(delivered | partly)
        for group in ("x", "y", "z"):
            of_group = [int(id) for id in sink.stored if arrivals[int(id)][0] == group]
            assert of_group == sorted(of_group)
    assert set(map(int, objects.scored)) == {
        n for n, (_, kind) in enumerate(arrivals) if kind == "object" and n not in expected
    }


@pytest.mark.parametrize("sink", "abc")
@pytest.mark.parametrize("position", range(5))
def test_shard_stops_wherever_a_sink_fails(remembering, sink, position):
    kinds = ["good"] * 5
    kinds[position] = f"refused by {sink}"
    sinks, _, failures = deliver(remembering, [("shard", kind) for kind in kinds])
    assert sorted(failures) == list(range(position, 5))
    assert [failures[n].deferred for n in sorted(failures)] == [False] + [True] * (4 - position)
    for each in sinks:
        stored = position + 1 if each.name < sink else position
        assert each.stored == [str(n) for n in range(stored)]


def test_records_without_order_are_sent_in_one_call_to_each_sink(remembering):
    sinks, _, failures = deliver(remembering, [(None, "good")] * 20)
    assert failures == {}
    assert [sink.calls for sink in sinks] == [1, 1, 1]


def test_groups_are_sent_in_parallel(remembering):
    sinks, _, _ = deliver(remembering, [(group, "good") for group in "xyz" * 3])
    assert [sink.calls for sink in sinks] == [3, 3, 3]
