"""Runs commands on a pseudo-terminal."""

import os
import subprocess
import sys
from contextlib import suppress


def on_terminal(arguments: list[str], typed: bytes = b"", term: str = "dumb") -> bytes:
    """What a command writes to a terminal of type `term`. `typed` is entered once the prompt `>>> ` appears."""
    controller, terminal = os.openpty()
    command = [sys.executable, "-m", "dgemma", *arguments]
    environment = {**os.environ, "TERM": term}
    running = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    seen = b""
    with suppress(OSError):  # raised by the read once the command has closed the terminal
        while more := os.read(controller, 1024):
            seen += more
            if typed and b">>> " in seen:
                os.write(controller, typed)
                typed = b""
    os.close(controller)
    assert running.wait(timeout=60) == 0
    return seen
