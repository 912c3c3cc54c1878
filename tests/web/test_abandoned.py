"""Work of disconnected clients is cancelled, and the amount of pending work is limited."""

import http.client
import json
import socket
import threading
import time
from contextlib import closing

import pytest

from app.sentiment.cancellation import Cancelled, cancelled_by
from app.sentiment.text import Text
from app.settings import Settings
from app.sinks.batching import Entry, Sent
from app.web import application
from tests.web.client import client, hold
from tests.web.conftest import read_all, request

BATCH = json.dumps({"texts": [f"{i} times it goes on and on. " * 30 for i in range(120)]}).encode()


def test_batches_of_closed_sockets_do_not_delay_the_next_request(serve):
    app = application.create(Settings(cache_size=0))
    scored = 0
    score_tokens = app.state.scorer.classifier.score_tokens

    def counted(tokens):
        nonlocal scored
        found = score_tokens(tokens)
        scored += len(tokens)
        return found

    app.state.scorer.classifier.score_tokens = counted
    connect = serve(app)
    for _ in range(12):
        sock = connect()
        sock.sendall(request("/predict/batch", BATCH))
        sock.close()
    next_one = connect()
    next_one.sendall(request("/predict", b'{"text": "A fine film."}', "connection: close"))
    assert read_all(next_one).startswith(b"HTTP/1.1 200")
    assert scored < 6 * 120, "most of what nobody waits for was scored"


def test_client_that_leaves_pays_for_what_was_computed(serve):
    app = application.create(Settings(cache_size=0, address_rate_limit="1000000tokens/hour"))
    engine = app.state.scorer.classifier._engine
    second, leave = threading.Event(), threading.Event()
    passes = []
    logits = engine.logits

    def held(rows):
        if passes:
            second.set()
            leave.wait(10)
        passes.append(sum(map(len, rows)))
        return logits(rows)

    engine.logits = held
    connect = serve(app)
    sock = connect()
    sock.sendall(request("/predict/batch", BATCH))
    assert second.wait(30)
    sock.close()
    left = 1_000_000
    deadline = time.monotonic() + 30
    while left == 1_000_000 and time.monotonic() < deadline:
        asking = connect()
        asking.sendall(request("/model", b"", "connection: close"))
        headers = read_all(asking).partition(b"\r\n\r\n")[0].decode().lower()
        left = int(headers.partition("ratelimit-remaining: ")[2].splitlines()[0])
    leave.set()
    assert left == 1_000_000 - passes[0]


def test_disconnect_is_not_an_error(serve, lines):
    connect = serve(cache_size=0)
    sock = connect()
    sock.sendall(request("/predict/batch", BATCH))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # closes by a reset
    time.sleep(0.1)
    sock.close()
    deadline = time.monotonic() + 30
    while not lines():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    [line] = lines()
    assert (line["status"], line["cause"], line["level"]) == (499, "The client has gone.", "INFO")


def test_scoring_stops_between_two_batches_of_the_engine(native):
    cancelled = threading.Event()
    passes = 0
    logits = native._engine.logits

    def one_pass(rows):
        nonlocal passes
        passes += 1
        cancelled.set()
        return logits(rows)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(native._engine, "logits", one_pass)
        with cancelled_by(cancelled), pytest.raises(Cancelled):
            native.predict([Text(f"{i} " + "It goes on and on. " * 60) for i in range(100)])
    assert passes == 1


def test_too_much_pending_text_is_503_but_one_request_is_always_accepted():
    caller = client(max_pending_characters=10)
    entered, leave = hold(caller.app.state.scorer.classifier, "predict")
    first = []
    with caller:
        text = {"text": "Longer than what may wait."}
        waiting = threading.Thread(
            target=lambda: first.append(caller.post("/predict", json=text).status_code)
        )
        waiting.start()
        entered.wait(10)
        second = caller.post("/predict", json={"text": "Short."})
        leave.set()
        waiting.join()
    assert first == [200]
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")


def test_feedback_to_an_unresponsive_sink_does_not_block_other_requests(serve):
    class Never:
        name = "never"

        def prepare(self, position, document):
            return Entry(position, "", 0)

        def send(self, entries, deadline):
            answered.wait(60)
            return Sent({})

    answered = threading.Event()
    app = application.create(Settings(api_keys=""))
    app.state.sinks = [Never()]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("app.web.routes.feedback.SECONDS", 0.5)
        from app.web.routes import feedback

        app.state.feedback_writers = feedback.writers()
    connect = serve(app)
    said = request("/feedback", b'{"prediction": "r-1", "sentiment": "Negative"}')
    waiting = [connect() for _ in range(45)]
    for sock in waiting:
        sock.sendall(said)
    port = waiting[0].getpeername()[1]
    for path in ("/static/docs.js", "/", "/demo"):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", path)
            assert connection.getresponse().status == 200
    for sock in waiting:
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 5" in answer.lower()
    answered.set()
