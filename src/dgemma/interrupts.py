"""Raises Ctrl-C only at chosen places.

Python raises KeyboardInterrupt between any two instructions of the main thread. In the middle of bookkeeping that
would leave wrong state for good: a lock that is never released, a request that is half entered. Inside `deferred` an
interrupt is noted, and raised at its end or at the beginning of the next `allowed` inside it, around long work.

Only Python's own SIGINT handler is replaced, and only inside `deferred`: if a program has installed another handler,
that one decides what Ctrl-C does.
"""

import signal
import threading
from importlib import import_module
from types import FrameType
from typing import Any

# The C functions under `signal.signal` and `signal.getsignal`. The Python ones convert their results to enum members,
# which with ten calls per token takes a tenth of the time of a small model's pass.
_c_signal = import_module("_signal")
_SIGINT = int(signal.SIGINT)
_noted = False


def _note(number: int, frame: FrameType | None) -> None:
    global _noted
    _noted = True


def _note_and_raise(number: int, frame: FrameType | None) -> None:
    """Raises, and notes the interrupt as well: Python discards what is raised while a dropped generator is closed."""
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
    """The current SIGINT handler; None in threads other than the main one, which are never interrupted."""
    return _c_signal.getsignal(_SIGINT) if threading.current_thread() is threading.main_thread() else None


class deferred:
    """`with deferred():` runs its body to the end, then raises a Ctrl-C that came meanwhile. Nested in another
    `deferred`, it leaves that to the outer one; nested in an `allowed`, it raises at its own end."""

    def __enter__(self) -> None:
        handler = _handler()
        self.before = handler if handler in (signal.default_int_handler, _note_and_raise) else None
        if self.before is not None:
            if self.before is signal.default_int_handler:
                _forget()
            _c_signal.signal(_SIGINT, _note)

    def __exit__(self, *error: object) -> None:
        if self.before is not None:
            _c_signal.signal(_SIGINT, self.before)
            try:
                _raise_noted()
            finally:
                if self.before is signal.default_int_handler:
                    _forget()


class allowed:
    """`with allowed():` inside `deferred`: Ctrl-C may interrupt the body anywhere."""

    def __enter__(self) -> None:
        self.inside = _handler() is _note
        if self.inside:
            try:
                _c_signal.signal(_SIGINT, _note_and_raise)
                _raise_noted()
            except BaseException:
                self.__exit__()
                raise

    def __exit__(self, kind: type[BaseException] | None = KeyboardInterrupt, *error: object) -> None:
        if self.inside:
            _c_signal.signal(_SIGINT, _note)
            if kind is not None and issubclass(kind, KeyboardInterrupt):
                # The interrupt is being raised: it is no longer pending.
                _forget()
