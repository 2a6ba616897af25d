"""Ctrl-C at places of our choosing.

Python raises KeyboardInterrupt between any two instructions of the main thread, in the middle of bookkeeping as well,
which would then be wrong for good: a lock that nobody gives back, a request that is half entered. Inside `deferred` an
interrupt is noted and raised at its end, or at the beginning of the next `allowed` inside it, where long work is done.

Only Python's own handler is replaced, for that long: whoever installs another one decides what Ctrl-C does.
"""

import signal
import threading
from importlib import import_module
from types import FrameType
from typing import Any

# What `signal.signal` and `signal.getsignal` call: these make enumeration members of what they return, which with ten
# calls for every token takes as long as a tenth of a small model's pass.
_C = import_module("_signal")
_SIGINT = int(signal.SIGINT)
_noted = False


def _note(number: int, frame: FrameType | None) -> None:
    global _noted
    _noted = True


def _note_and_raise(number: int, frame: FrameType | None) -> None:
    """Python forgets what is raised while a generator that was dropped is closed; the note stays."""
    global _noted
    _noted = True
    raise KeyboardInterrupt


def _raise_noted() -> None:
    if _noted:
        raise KeyboardInterrupt


def _forget() -> None:
    global _noted
    _noted = False


def _handler() -> Any:
    """Who is called at Ctrl-C; None in a thread that is never interrupted."""
    return _C.getsignal(_SIGINT) if threading.current_thread() is threading.main_thread() else None


class deferred:
    """`with deferred():` what is in it is done whole, and Ctrl-C raised at its end; nested, the outermost's, or where
    the `allowed` around it would be broken off."""

    def __enter__(self) -> None:
        handler = _handler()
        self.before = handler if handler in (signal.default_int_handler, _note_and_raise) else None
        if self.before is not None:
            if self.before is signal.default_int_handler:
                _forget()
            _C.signal(_SIGINT, _note)

    def __exit__(self, *error: object) -> None:
        if self.before is not None:
            _C.signal(_SIGINT, self.before)
            try:
                _raise_noted()
            finally:
                if self.before is signal.default_int_handler:
                    _forget()


class allowed:
    """`with allowed():` inside of `deferred`, what may be broken off anywhere."""

    def __enter__(self) -> None:
        self.inside = _handler() is _note
        if self.inside:
            try:
                _C.signal(_SIGINT, _note_and_raise)
                _raise_noted()
            except BaseException:
                self.__exit__()
                raise

    def __exit__(self, kind: type[BaseException] | None = KeyboardInterrupt, *error: object) -> None:
        if self.inside:
            _C.signal(_SIGINT, _note)
            if kind is not None and issubclass(kind, KeyboardInterrupt):
                # It is on its way.
                _forget()
