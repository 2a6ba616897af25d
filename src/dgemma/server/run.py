"""serve(): an app behind uvicorn on one address, until it is told to stop.

Promises to have the address before anything is loaded or answered, and to say when it is ready. Prints nothing, and
keeps out of the log what others write there of every client that leaves, or asks for what is not served.
"""

import gc
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from dgemma.api import LLM
from dgemma.errors import UsageError
from dgemma.server.app import create_app
from dgemma.server.config import ServerConfig

SHUTDOWN_S = 2
"""Seconds that clients may take to read what is left once the service was told to stop."""

NOISE = ("socket.send() raised exception", "Unsupported upgrade request", "No supported WebSocket library")
"""How those lines begin; the last of them would have the user install something of no use here."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; port 0 takes a free port. Raises UsageError when it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "that is no possible address"
        told = f"Cannot listen on {host} port {port}: {reason}. Choose another with --host or --port."
        raise UsageError(told) from error


def address(listener: socket.socket) -> str:
    """The address under which a client finds the service."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def telling(record: logging.LogRecord) -> bool:
    """Whether a line of the log is more than noise."""
    return not record.getMessage().startswith(NOISE)


class Server(uvicorn.Server):
    """A server that calls `ready` once it takes requests."""

    def __init__(self, llm: LLM, config: ServerConfig, ready: Callable[[], None]) -> None:
        app = create_app(llm, config)
        super().__init__(
            uvicorn.Config(
                app,
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=config.max_connections,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )
        for name in ("asyncio", "uvicorn.error"):
            logging.getLogger(name).addFilter(telling)
        self._app, self._ready = app, ready
        self.interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then calls `ready`."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Notes Ctrl-C. uvicorn passes the signal on when it has stopped, which a process that was started with SIGINT
        ignored (a shell's background job) never sees."""
        if self.interrupted and sig == signal.SIGINT:
            return  # The end is under way and near; a forced one would only leave a traceback.
        self.interrupted = self.interrupted or sig == signal.SIGINT
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends open replies and refuses what has no answer yet, so that nobody is left without a word, then stops."""
        self._app.state.service.stop()
        self._app.state.unanswered.stop()
        await super().shutdown(sockets)


def serve(llm: LLM, config: ServerConfig, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serves until SIGINT, which raises KeyboardInterrupt, or SIGTERM; open replies end with an error. Closes the
    engine."""
    server = Server(llm, config, ready)
    # All threads stand still while Python looks for garbage; what is loaded by now stays, and need not be looked at.
    gc.collect()
    gc.freeze()
    try:
        server.run(sockets=[listener])
    finally:
        gc.unfreeze()
        llm.engine.close()
    if server.interrupted:
        raise KeyboardInterrupt
