"""The scorer: worker threads, disconnects and limits, without HTTP."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from app import deadline
from app.deadline import Deadline
from app.scoring import scorer as module
from app.scoring.options import NO_OPTIONS, Options
from app.scoring.scorer import ClientGone, OutOfTime, Overloaded, Scorer
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import Text
from app.settings import Settings
from tests.conftest import run

TEXT = Text("A fine film.")


@pytest.fixture
def held(native):
    """A classifier whose predictions wait for an event, and the event."""
    release = threading.Event()

    class Held(SentimentClassifier):
        def predict(self, texts):
            release.wait(10)
            return super().predict(texts)

    yield Held(native.bundle, native._engine), release
    release.set()


async def never():
    await asyncio.Event().wait()


async def at_once():
    pass


def test_a_client_that_disconnects_ends_its_request(held):
    classifier, _ = held

    async def ask():
        with pytest.raises(ClientGone):
            await Scorer(classifier, Settings()).answer([TEXT], [TEXT], NO_OPTIONS, at_once)

    run(ask())


def test_pending_requests_are_limited(held):
    classifier, release = held

    async def ask():
        scorer = Scorer(classifier, Settings(max_pending=1))
        first = asyncio.ensure_future(scorer.answer([TEXT], [TEXT], NO_OPTIONS, never))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await scorer.answer([TEXT], [TEXT], NO_OPTIONS, never)
        release.set()
        return await first

    [prediction] = run(ask())
    assert prediction.sentiment == "Positive"


@pytest.fixture
def clock(monkeypatch):
    """The time that deadlines read; a test advances it."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def test_explanations_that_arrive_together_have_equal_shares_of_the_time(
    native, clock, monkeypatch
):
    all_wait, shares = threading.Event(), []

    def explain(classifier, sent, max_evaluations, deadline):
        """Take all the time there is."""
        all_wait.wait(10)
        shares.append(deadline.left)
        clock.seconds += deadline.left
        return sent

    monkeypatch.setattr(module, "explain", explain)

    async def ask():
        scorer = Scorer(native, Settings())
        asked = [scorer.explain(str(i), 2, Deadline(20), never) for i in range(4)]
        tasks = [asyncio.ensure_future(each) for each in asked]
        gone = asyncio.ensure_future(scorer.explain("gone", 2, Deadline(20), never))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        all_wait.set()
        return await asyncio.gather(*tasks)

    assert run(ask()) == ["0", "1", "2", "3"]
    assert shares == pytest.approx([5, 5, 5, 5])


def test_a_running_explanation_ends_early_once_another_waits(native, clock, monkeypatch):
    started, another_waits, left = threading.Event(), threading.Event(), []

    def explain(classifier, sent, max_evaluations, deadline):
        clock.seconds += 8
        left.append(deadline.left)
        started.set()
        another_waits.wait(10)
        left.append(deadline.left)
        return sent

    monkeypatch.setattr(module, "explain", explain)

    async def ask():
        scorer = Scorer(native, Settings())
        first = asyncio.ensure_future(scorer.explain("first", 2, Deadline(20), never))
        await asyncio.to_thread(started.wait, 10)
        second = asyncio.ensure_future(scorer.explain("second", 2, Deadline(20), never))
        while not scorer._explanations.waiting:
            await asyncio.sleep(0.001)
        another_waits.set()
        await asyncio.gather(first, second)

    run(ask())
    assert left == pytest.approx([12, 2, 12, 12])


def test_an_explanation_whose_deadline_has_passed_is_not_begun(native):
    with pytest.raises(OutOfTime):
        run(Scorer(native, Settings()).explain("Good.", 2, Deadline(0), never))


def test_on_lambda_the_calling_thread_scores(native):
    async def ask():
        scorer = Scorer(native, Settings(on_lambda=True))
        thread = await scorer.parse(threading.get_ident, ["word " * 10_000], at_once)
        return thread, await scorer.answer([TEXT], [TEXT], NO_OPTIONS, at_once)

    thread, predictions = run(ask())
    assert thread == threading.get_ident()
    assert len(predictions) == 1


def test_an_analysis_has_sentences_if_they_are_asked_for(native):
    async def ask():
        scorer = Scorer(native, Settings())
        sent = ["A fine  film."]
        [plain] = await scorer.answer([TEXT], sent, Options(neutral=True), never)
        [cut] = await scorer.answer([TEXT], sent, Options(neutral=True, sentences=True), never)
        return plain, cut

    plain, cut = run(ask())
    assert (plain.sentences, plain.mixed, plain.magnitude) == (None, None, None)
    [sentence] = cut.sentences
    assert (sentence.text, sentence.start, sentence.end) == ("A fine  film.", 0, 13)
    assert (sentence.score, sentence.scores) == (cut.score, cut.scores)
    assert cut.magnitude == abs(sentence.score)


def test_an_analysis_ends_when_its_client_disconnects(native):
    async def ask():
        with pytest.raises(ClientGone):
            long = Text("A fine film. " * 5000)
            await Scorer(native, Settings()).answer(
                [long], [long], Options(sentences=True), at_once
            )

    run(ask())
