"""Ctrl-C at places of our choosing.

Python raises KeyboardInterrupt between any two instructions of the main thread, in the middle of bookkeeping as well,
which would then be wrong for good: a lock that nobody gives back, a request that is half entered. Inside `deferred` an
interrupt is noted and raised at its end, or at the beginning of the next `allowed` inside it, where long work is done.

Only Python's own handler is replaced, for that long: whoever installs another one decides what Ctrl-C does.
"""

import signal
import threading
from types import FrameType

_noted = False


def _note(number: int, frame: FrameType | None) -> None:
    global _noted
    _noted = True


def _raise_noted() -> None:
    global _noted
    if _noted:
        _noted = False
        raise KeyboardInterrupt


def _handles(handler: object) -> bool:
    """Whether this is the thread that is interrupted, and that its handler."""
    return threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is handler


class deferred:
    """`with deferred():` what is in it is done whole, and Ctrl-C raised at its end; nested, the outermost's."""

    def __enter__(self) -> None:
        global _noted
        self.outermost = _handles(signal.default_int_handler)
        if self.outermost:
            _noted = False
            signal.signal(signal.SIGINT, _note)

    def __exit__(self, *error: object) -> None:
        if self.outermost:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _raise_noted()


class allowed:
    """`with allowed():` inside of `deferred`, what may be broken off anywhere."""

    def __enter__(self) -> None:
        self.inside = _handles(_note)
        if self.inside:
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                _raise_noted()
            except BaseException:
                signal.signal(signal.SIGINT, _note)
                raise

    def __exit__(self, *error: object) -> None:
        if self.inside:
            signal.signal(signal.SIGINT, _note)
