"""serve(): runs the app with uvicorn on one address until SIGINT or SIGTERM.

Promises that the address can be reserved before a model is loaded (`listen`) and that `ready` is called once requests
are accepted. Prints nothing, and filters log lines that every disconnecting client or upgrade request would cause.
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
"""Seconds that clients have to read the rest of their responses at shutdown."""

NOISE = ("socket.send() raised exception", "Unsupported upgrade request", "No supported WebSocket library")
"""Prefixes of the filtered log lines. The last one advises installing a WebSocket library, which is of no use here."""


def listen(host: str, port: int) -> socket.socket:
    """Opens a listening socket; port 0 picks a free port. Raises UsageError if the address is not available."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a valid address"
        message = f"Cannot listen on {host} port {port}: {reason}. Choose another with --host or --port."
        raise UsageError(message) from error


def address(listener: socket.socket) -> str:
    """The base URL of the server."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_not_noise(record: logging.LogRecord) -> bool:
    """A log filter that drops the lines of `NOISE`."""
    return not record.getMessage().startswith(NOISE)


class Server(uvicorn.Server):
    """A uvicorn server that calls `ready` once it accepts requests."""

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
            logging.getLogger(name).addFilter(is_not_noise)
        self._app, self._ready = app, ready
        self.interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then calls `ready`."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Records SIGINT in `interrupted`. uvicorn raises the signal again after it has stopped, but a process that was
        started with SIGINT ignored (a shell's background job) never receives it."""
        if self.interrupted and sig == signal.SIGINT:
            return  # Already shutting down, within seconds; forcing it would only leave a traceback.
        self.interrupted = self.interrupted or sig == signal.SIGINT
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cancels open replies, answers pending requests with 503, so that every client gets a response. Then stops."""
        self._app.state.service.stop()
        self._app.state.pending.stop()
        await super().shutdown(sockets)


def serve(llm: LLM, config: ServerConfig, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serves until SIGINT, which raises KeyboardInterrupt, or SIGTERM. Open replies then end with an error, and the
    engine is closed."""
    server = Server(llm, config, ready)
    # Garbage collection pauses all threads. Everything loaded so far stays alive, so the collector can skip it.
    gc.collect()
    gc.freeze()
    try:
        server.run(sockets=[listener])
    finally:
        gc.unfreeze()
        llm.engine.close()
    if server.interrupted:
        raise KeyboardInterrupt
