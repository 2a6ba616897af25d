"""A minute of 32 streams at a time, a third of them cut off at random: every survivor is what it is alone."""

import gc
import json
import random
import threading
import time
from pathlib import Path

import httpx2
import pytest

from dgemma.api import LLM
from dgemma.config import EngineConfig
from tests.server.serving import FAST, QUESTION, running
from tests.server.test_tool_choice import TOOLS

STREAMS = 32
SECONDS = 60
CUT_OFF = 1 / 3
MEGABYTES_OF_GROWTH = 64
"""What the process may hold more of at the end: pages that the allocator keeps, but no cache of each request."""

CHAT = {"model": "tiny", "messages": QUESTION, "max_tokens": 32, **FAST}
USAGE = {"stream_options": {"include_usage": True}}
KINDS = [
    ("/v1/chat/completions", {**CHAT, **USAGE}),
    ("/v1/chat/completions", {**CHAT, **USAGE, "diffusing": True, "logprobs": True, "top_logprobs": 2}),
    ("/v1/chat/completions", {**CHAT, **USAGE, "tools": TOOLS, "tool_choice": "required"}),
    ("/v1/chat/completions", {**CHAT, **USAGE, "guided_regex": "[A-Z][a-z]{3,8}"}),
    (
        "/v1/chat/completions",
        {"model": "tiny", "messages": QUESTION, "max_tokens": 12, "mode": "autoregressive", **USAGE},
    ),
    ("/v1/completions", {"model": "tiny", "prompt": "Once upon a time", "max_tokens": 24, **FAST, **USAGE}),
    ("/v1/responses", {"model": "tiny", "input": "Sort: pear, fig, apple", "max_output_tokens": 24, **FAST}),
    ("/v1/messages", {**CHAT, "system": "Be brief."}),
    ("/v1/edit", {"model": "tiny", "input": "She go to the the market.", "max_denoising_steps": 3, **USAGE}),
]
REQUESTS = [(path, {**body, "stream": True, "seed": seed}) for path, body in KINDS for seed in range(3)]
PASSING = ("id", "item_id", "call_id", "created", "created_at", "completed_at", "usage", "diffusion")
"""Names and times that differ from one request to the next."""


def lasting(value):
    """A frame's data without what differs between two equal requests; of the usage only the tokens stay."""
    if isinstance(value, list):
        return [lasting(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: lasting(item) for name, item in value.items() if name not in PASSING}
    usage = value.get("usage") or {}
    return kept | {name: count for name, count in usage.items() if name in ("completion_tokens", "output_tokens")}


def frames(lines):
    return [lasting(json.loads(line[6:])) for line in lines if line.startswith("data: {")]


def resident_megabytes():
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


class Soak:
    """Threads that ask until the time is over, and what they found."""

    def __init__(self, url, alone, seconds):
        self.url, self.alone, self.end = url, alone, time.monotonic() + seconds
        self.survived, self.cut_off, self.wrong = 0, 0, []
        self.lock = threading.Lock()

    def run(self):
        threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def ask(self, number):
        choose = random.Random(number)
        with httpx2.Client(base_url=self.url, timeout=300) as http:
            while time.monotonic() < self.end:
                which, cut = choose.randrange(len(REQUESTS)), choose.random() < CUT_OFF
                path, body = REQUESTS[which]
                try:
                    with http.stream("POST", path, json=body) as reply:
                        if cut:
                            for _ in zip(range(choose.randrange(1, 12)), reply.iter_lines(), strict=False):
                                pass
                        else:
                            said = frames(reply.iter_lines())
                except httpx2.HTTPError as error:
                    said = [str(error)]
                with self.lock:
                    self.cut_off += cut
                    self.survived += not cut
                    if not cut and said != self.alone[which]:
                        self.wrong.append((path, body, said))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory is read from /proc")
def test_a_minute_of_streams_of_which_a_third_is_cut_off(llm):
    model = LLM(llm.model, EngineConfig())
    engine = model.engine
    with running(model) as server:
        http = server.http()
        alone = []
        for path, body in REQUESTS:
            with http.stream("POST", path, json=body) as reply:
                assert reply.status_code == 200
                alone.append(frames(reply.iter_lines()))
        # As many streams as later, for a moment: what a busy server holds for good is there from here on.
        Soak(server.url, alone, 5).run()
        before, level = engine.snapshot(), resident_megabytes()
        soak = Soak(server.url, alone, SECONDS)
        soak.run()
        limit = time.monotonic() + 30
        while (after := engine.snapshot()).active or after.waiting:
            assert time.monotonic() < limit
            time.sleep(0.05)
        grown = resident_megabytes() - level
        print(f"{soak.survived} survived, {soak.cut_off} cut off, {grown:+.1f} MB of {level:.0f}, {after}")
        assert soak.wrong == []
        assert soak.survived >= STREAMS and soak.cut_off >= STREAMS / 4
        assert after.failed == before.failed and after.refused == before.refused
        assert after.kv_bytes <= after.kv_budget_bytes and after.prefixes <= engine.config.max_prefixes
        assert grown < MEGABYTES_OF_GROWTH
    engine.close()
    assert engine.snapshot().kv_bytes == 0
