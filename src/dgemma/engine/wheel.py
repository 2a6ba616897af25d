"""The wheel: who has it touches tensors.

Knows nothing of requests.
"""

import threading


class Wheel:
    """A lock that nobody is kept from by one who lets go of it and takes it again at once, as who drives does between
    two turns: for that, one gets in line, and there is room for one alone."""

    def __init__(self) -> None:
        self._line, self._taken = threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._line:
            self._taken.acquire()

    def __exit__(self, *_: object) -> None:
        self._taken.release()
