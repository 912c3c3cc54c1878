"""The time budget, on a clock that passes as work is done."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.objects import storage
from app.objects.budget import RESERVE_SECONDS, BudgetExhausted, TimeBudget
from app.objects.formats import ReadOptions
from app.objects.local import LocalFile
from app.objects.scoring import Target, score_object
from app.sentiment.text import Limits, Text


class Clock:
    def __init__(self, left: float) -> None:
        self.left = left

    def __call__(self) -> float:
        return self.left


def test_check_passes_until_the_reserve():
    clock = Clock(100)
    budget = TimeBudget(clock)
    budget.check()
    clock.left = RESERVE_SECONDS - 1
    with pytest.raises(BudgetExhausted):
        budget.check()


def test_twice_the_slowest_step_must_fit():
    clock = Clock(100)
    budget = TimeBudget(clock)
    clock.left -= 20
    budget.check()
    clock.left = RESERVE_SECONDS + 39
    with pytest.raises(BudgetExhausted):
        budget.check()


def test_scoring_that_would_take_too_long_does_not_start():
    clock = Clock(100)
    budget = TimeBudget(clock)
    with budget.scoring(1000):
        clock.left -= 10
    budget.check(3500)
    with pytest.raises(BudgetExhausted), budget.scoring(4000):
        pytest.fail("was begun")


def test_scoring_does_not_count_as_a_step():
    clock = Clock(100)
    budget = TimeBudget(clock)
    with budget.scoring(1000):
        clock.left -= 50
    budget.check()


def test_pieces_follow_the_measured_pace():
    clock = Clock(100)
    budget = TimeBudget(clock)
    assert budget.piece_tokens <= 1024
    with budget.scoring(1000):
        clock.left -= 0.1
    assert budget.piece_tokens == 40_000


@pytest.mark.property
@given(
    lengths=st.lists(st.sampled_from([1, 1, 1, 50, 300, 2000]), max_size=30),
    seconds=st.integers(0, 60),
    pace=st.sampled_from([0.00003, 0.0001, 0.0003]),
)
def test_reserve_is_left_whatever_rows_cost(native, tmp_path_factory, lengths, seconds, pace):
    folder, clock = tmp_path_factory.mktemp("d"), Clock(seconds)
    prediction = native.predict([Text("Good.")])

    def slow(texts):
        clock.left -= pace * sum(map(len, texts))
        return prediction * len(texts)

    rows = [json.dumps({"text": "Good. " * length}) for length in lengths]
    (folder / "in.jsonl").write_text("\n".join(rows))
    target = Target(*(LocalFile(folder / name) for name in ("out", "rejected", "summary")))
    budget = TimeBudget(clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "predict", slow)
        with storage.open_input(LocalFile(folder / "in.jsonl"), budget.check) as source:
            try:
                summary = score_object(
                    source,
                    target,
                    native,
                    options=ReadOptions(),
                    limits=Limits(100_000, 50_000),
                    budget=budget,
                )
            except BudgetExhausted:
                assert [path.name for path in folder.iterdir()] == ["in.jsonl"]
            else:
                assert summary.rows == len(lengths)
    assert clock.left >= min(seconds, RESERVE_SECONDS)
