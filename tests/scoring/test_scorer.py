"""The scorer: worker threads, disconnects and limits, without HTTP."""

import asyncio
import threading

import pytest

from app.scoring.scorer import ClientGone, Overloaded, Scorer
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
            await Scorer(classifier, Settings()).predict([TEXT], at_once)

    run(ask())


def test_pending_requests_are_limited(held):
    classifier, release = held

    async def ask():
        scorer = Scorer(classifier, Settings(max_pending=1))
        first = asyncio.ensure_future(scorer.predict([TEXT], never))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await scorer.predict([TEXT], never)
        release.set()
        return await first

    [prediction] = run(ask())
    assert prediction.sentiment == "Positive"


def test_on_lambda_the_calling_thread_scores(native):
    async def ask():
        scorer = Scorer(native, Settings(on_lambda=True))
        thread = await scorer.parse(threading.get_ident, ["word " * 10_000], at_once)
        return thread, await scorer.predict([TEXT], at_once)

    thread, predictions = run(ask())
    assert thread == threading.get_ident()
    assert len(predictions) == 1
