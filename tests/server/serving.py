"""A real server in a thread on a free port, for tests that drive it with real clients."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import openai

from dgemma.api import LLM
from dgemma.server import ServerConfig
from dgemma.server.run import Server, address, listen

FAST = {"max_denoising_steps": 3, "canvas_length": 16}
"""Options that keep a reply short in time; what it says is not the point."""

QUESTION: Any = [{"role": "user", "content": "Solve this Sudoku:\n1030\n0402\n2043\n0320"}]


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that takes requests."""

    url: str
    llm: LLM
    clients: ExitStack
    """What the clients that were made hold open; closed with the server."""

    def openai(self, key: str = "none") -> openai.OpenAI:
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60)
        return self.clients.enter_context(client)

    def anthropic(self, key: str = "none") -> anthropic.Anthropic:
        client = anthropic.Anthropic(base_url=self.url, api_key=key, max_retries=0, timeout=60)
        return self.clients.enter_context(client)

    def http(self) -> httpx2.Client:
        return self.clients.enter_context(httpx2.Client(base_url=self.url, timeout=60))


@contextmanager
def running(llm: LLM, config: ServerConfig | None = None) -> Iterator[Running]:
    """Serves `llm` while the block runs. The engine stays open."""
    ready = threading.Event()
    with listen("127.0.0.1", 0) as listener:
        server = Server(llm, config or ServerConfig(), ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(30)
            with ExitStack() as clients:
                yield Running(url=address(listener), llm=llm, clients=clients)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()
