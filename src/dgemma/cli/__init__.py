"""The `dgemma` command: answers on stdout, everything else on stderr, one sentence per error.

Exit codes: 0 done, 1 something failed, 2 the command made no sense, 130 stopped by Ctrl-C (143
by SIGTERM, where that ends it in order), 141 nobody reads the output any more, as of other tools.
"""

import os
import re
import signal
import sys
from importlib import import_module
from typing import Any

from dgemma.errors import DgemmaError, UsageError

_NO_READER = 141


def main() -> None:
    """Runs the command line; a DgemmaError becomes one line on stderr unless `--debug` is given."""
    app = _imported_app()
    _open_streams()
    debug = "--debug" in sys.argv
    try:
        try:
            app()
        finally:
            # On the way out it would be too late to tell what went wrong.
            sys.stdout.flush()
    except SystemExit as ended:
        # How the library of commands ends one whose reader has gone.
        if ended.code == 1 and type(sys.stdout).__name__ == "PacifyFlushWrapper":
            os._exit(_NO_READER)
        raise
    except DgemmaError as error:
        if debug:
            raise
        is_usage = isinstance(error, UsageError)
        told = printable(str(error))
        print(f"dgemma: {_by_options(told) if is_usage else told}", file=sys.stderr)
        sys.exit(2 if is_usage else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os._exit(_NO_READER)
    except UnicodeEncodeError as error:
        if debug:
            raise
        told = f"The output is written in {error.encoding}, which has no {error.object[error.start]!a}"
        print(f"dgemma: {told}; set PYTHONIOENCODING=utf-8.", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        print(f"dgemma: {error.strerror or error}.", file=sys.stderr)
        # What could not be written is not tried again on the way out.
        os._exit(1)


def printable(text: str) -> str:
    """A text that may hold what a file says, without what a terminal would take for a command."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def _imported_app() -> Any:
    """The commands. Importing takes seconds on a slow machine; Ctrl-C ends the process at once meanwhile, as there is
    nothing yet to be ended in order."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        return import_module("dgemma.cli.app").app
    finally:
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, handler)


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
"""The options by the names that values have in Python, of which the layers below speak."""


def _by_options(told: str) -> str:
    # There `--canvas` is something else.
    own = {"canvas_length": "--canvas-length"} if sys.argv[1:2] == ["bench"] else {}
    for name, option in (_OPTIONS | own).items():
        told = re.sub(rf"(?<![\w-]){re.escape(name)}(?!\w)", option, told)
    return told


def _open_streams() -> None:
    """A stream that the caller closed is empty to read and takes what is written, as /dev/null does."""
    # In this order each gets its own number, which the next file to be opened would have got instead.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
