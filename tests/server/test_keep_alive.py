"""Streams that are silent for a while: clients see that the server is still at work, and nothing else changes."""

import json
import threading
import time

import anyio
import pytest

from dgemma.api import LLM
from dgemma.config import EngineConfig
from dgemma.server import ServerConfig
from dgemma.server.sse import COMMENT, EventStream
from tests.server.serving import QUESTION, running
from tests.server.test_calls_and_thoughts import Told

SILENCE_S, KEEP_ALIVE_S = 0.5, 0.1
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
MESSAGES = {"model": "tiny", "messages": QUESTION, "max_tokens": 9}
REQUESTS = {
    "/v1/chat/completions": MESSAGES,
    "/v1/completions": {"model": "tiny", "prompt": "Hi"},
    "/v1/responses": {"model": "tiny", "input": "Hi"},
    "/v1/messages": MESSAGES,
}


class Slow(Told):
    """Events of which the second one is long in coming."""

    def __init__(self, ids):
        super().__init__(ids)
        self.asked, self.closed = 0, threading.Event()

    def __next__(self):
        self.asked += 1
        if self.asked == 2:
            self.closed.wait(SILENCE_S)
        return super().__next__()

    def close(self, satisfied=False):
        self.closed.set()
        super().close(satisfied)


class SlowModel(LLM):
    """A model whose every reply is slow."""

    def submit(self, prompt=None, *, token_ids=None, **options):
        self.events = Slow(self.tokenizer.encode("One, two, three, four, five."))
        return self.events


@pytest.fixture(scope="module")
def slow(llm):
    model = SlowModel(llm.model, EngineConfig())
    with running(model, ServerConfig(keep_alive_s=KEEP_ALIVE_S)) as server:
        yield server
    model.engine.close()


def stream(server, path):
    """The whole body of a stream."""
    reply = server.http().post(path, json={**REQUESTS[path], "stream": True})
    assert reply.status_code == 200
    return reply.content


@pytest.mark.parametrize("path", REQUESTS)
def test_a_silent_stream_is_kept_alive(slow, server, path):
    body, kept = stream(slow, path), PING if path == "/v1/messages" else COMMENT
    assert body.count(kept) >= SILENCE_S / KEEP_ALIVE_S / 2
    # Between two events, and not after the end.
    events = body.split(b"\n\n")
    assert not body.endswith(kept)
    for event in events[:-1]:
        assert event + b"\n\n" == kept or event == b"data: [DONE]" or json.loads(event.split(b"data: ", 1)[1])
    # One that is never silent needs none.
    assert kept not in stream(server, path)


def test_clients_do_not_mind(slow):
    chunks = slow.openai().chat.completions.create(**MESSAGES, stream=True)
    chat = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    completion = "".join(
        chunk.choices[0].text for chunk in slow.openai().completions.create(model="tiny", prompt="Hi", stream=True)
    )
    with slow.openai().responses.stream(model="tiny", input="Hi") as events:
        numbers = [event.sequence_number for event in events]
        response = events.get_final_response().output_text
    with slow.anthropic().messages.stream(**MESSAGES) as events:
        message = events.get_final_text()
    assert chat == completion == response == message == "One, two, three, four, five."
    assert numbers == list(range(len(numbers)))


def test_a_client_that_leaves_in_a_silence_is_noticed(slow, monkeypatch):
    monkeypatch.setattr("tests.server.test_keep_alive.SILENCE_S", 20)
    with slow.http().stream("POST", "/v1/messages", json={**MESSAGES, "stream": True}) as reply:
        lines = reply.iter_lines()
        assert any("ping" in line for line in lines)
        events = slow.llm.events
        assert not events.closed.is_set()
    assert events.closed.wait(5)


def send_all(frames, send, **limits):
    """Sends an event stream without a server."""

    async def never():
        await anyio.sleep_forever()

    limits = {"keep_alive": COMMENT, "keep_alive_s": 0.05, "send_timeout_s": 9, **limits}
    anyio.run(lambda: EventStream(frames, **limits)({}, never, send))


def test_a_client_that_reads_slowly_is_not_sent_more():
    sent, sending = [], []

    async def frames():
        yield b"first"
        yield b"second"
        await anyio.sleep(0.5)
        yield b"third"

    async def send(message):
        assert not sending
        sending.append(message)
        await anyio.sleep(0.6 if message.get("body") == b"second" else 0)
        sent.append(message.get("body"))
        sending.clear()

    send_all(frames(), send, keep_alive_s=0.2)
    assert sent[:3] == [None, b"first", b"second"] and sent[-2:] == [b"third", b""]
    assert set(sent[3:-2]) == {COMMENT} and len(sent) <= 7


@pytest.mark.parametrize("unread", [b"first", COMMENT])
def test_a_client_that_reads_nothing_more_ends_the_stream(unread):
    ended, sent = [], []

    async def frames():
        try:
            yield b"first"
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    async def send(message):
        if message.get("body") == unread:
            await anyio.sleep_forever()
        sent.append(message.get("body"))

    begun = time.monotonic()
    send_all(frames(), send, send_timeout_s=0.1)
    assert ended and time.monotonic() - begun < 5
    # The response is left incomplete, so that its connection is closed.
    assert b"" not in sent
