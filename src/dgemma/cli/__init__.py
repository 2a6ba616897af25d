"""The `dgemma` command: answers go to stdout, everything else to stderr, and each error is one or two sentences.

Exit codes: 0 success, 1 failure, 2 usage error, 130 stopped by Ctrl-C (143 by SIGTERM, in commands that shut down in
order), 141 the reader of stdout closed it (128 + SIGPIPE, as other tools exit).
"""

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from dgemma.errors import DgemmaError, UsageError

_SIGPIPE_CODE = 141


def main() -> None:
    """Runs the command line. Without `--debug`, an error becomes one line on stderr instead of a traceback."""
    app = _imported_app()
    _open_streams()
    _forget_unknown_size()
    debug = "--debug" in sys.argv
    try:
        try:
            app()
        finally:
            # During interpreter shutdown a failing write could no longer be reported.
            sys.stdout.flush()
    except SystemExit as ended:
        # After EPIPE both exit with 1: Typer wraps stdout like this, and rich exits while it handles the error.
        by_typer = type(sys.stdout).__name__ == "PacifyFlushWrapper"
        if ended.code == 1 and (by_typer or isinstance(ended.__context__, BrokenPipeError)):
            os._exit(_SIGPIPE_CODE)
        raise
    except DgemmaError as error:
        if debug:
            raise
        is_usage = isinstance(error, UsageError)
        message = printable(str(error))
        print(f"dgemma: {_name_options(message) if is_usage else message}", file=sys.stderr)
        sys.exit(2 if is_usage else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os._exit(_SIGPIPE_CODE)
    except UnicodeEncodeError as error:
        if debug:
            raise
        message = f"The output encoding {error.encoding} cannot represent {error.object[error.start]!a}"
        print(f"dgemma: {message}; set PYTHONIOENCODING=utf-8.", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        print(f"dgemma: {error.strerror or error}.", file=sys.stderr)
        # A normal exit would flush stdout again, and fail again.
        os._exit(1)


def printable(text: str) -> str:
    """`text` with control characters escaped. Messages may quote files, which must not send commands to a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


@contextmanager
def importing() -> Iterator[None]:
    """For imports, which take seconds on a slow machine: inside, Ctrl-C ends the process at once, since there is
    nothing to shut down yet. A KeyboardInterrupt could leave an extension module's import as any other error."""
    handler = signal.getsignal(signal.SIGINT)
    is_default = handler is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if is_default:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        yield
    finally:
        if is_default:
            signal.signal(signal.SIGINT, handler)


def _imported_app() -> Any:
    with importing():
        return import_module("dgemma.cli.app").app


_OPTIONS = {
    "max_new_tokens": "--max-new-tokens",
    "max_denoising_steps": "--steps",
    "canvas_length": "--canvas",
    "max_context": "--max-context",
    "dtype='float32'": "--dtype float32",
    "max_prompt_tokens": "--max-prompt-tokens",
    "kv_budget_mb": "--kv-budget-mb",
    "device='cpu'": "--device cpu",
}
"""Maps the Python names that errors from lower layers use to command-line options."""


def _name_options(message: str) -> str:
    """Replaces Python parameter names in an error message by the matching options."""
    # In `bench`, `--canvas` is a flag.
    bench_options = {"canvas_length": "--canvas-length"} if sys.argv[1:2] == ["bench"] else {}
    for name, option in (_OPTIONS | bench_options).items():
        message = re.sub(rf"(?<![\w-]){re.escape(name)}(?!\w)", option, message)
    return message


def _open_streams() -> None:
    """Opens /dev/null in place of each standard stream that the caller closed."""
    # In this order each stream gets its usual file descriptor, which the next opened file would take otherwise.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _forget_unknown_size() -> None:
    """Removes a terminal size of 0, which means that it is unknown; rich would draw no columns at all."""
    for name in ("COLUMNS", "LINES"):
        if os.environ.get(name) == "0":
            del os.environ[name]
