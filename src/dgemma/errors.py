"""Every error that a user of dgemma can meet.

Each message is one or two sentences: what happened, with the name of the thing, and what to do next. The command line
prints the message and leaves with code 1 (`UsageError`: 2); a traceback appears only under `--debug`.
"""


class DgemmaError(Exception):
    """The root: catch this to catch everything that dgemma raises on purpose."""


class ConfigError(DgemmaError, ValueError):
    """A configuration value that cannot work: impossible sizes, temperatures, limits."""


class CheckpointError(DgemmaError):
    """A model folder or file that is missing, damaged, incomplete or of another architecture."""


class NotFiniteError(CheckpointError):
    """The network computed NaN or infinity: its weights are damaged, or too large for their type."""

    def __init__(self) -> None:
        super().__init__(
            "The model computed numbers that are not finite. Load it with dtype='float32'; if that does not help, its "
            "weights are damaged: fetch it again."
        )


class ModelNotFoundError(CheckpointError):
    """No model goes by that name."""


class PromptError(DgemmaError, ValueError):
    """A prompt or conversation that cannot be answered: too long, empty, malformed."""


class ImageError(PromptError):
    """An image that cannot be read or shown. number: which one of the conversation, from 0."""

    def __init__(self, message: str, *, number: int) -> None:
        super().__init__(message)
        self.number = number


class DataError(DgemmaError):
    """Training or evaluation data that is missing or malformed."""


class OutputError(DgemmaError):
    """A file or folder that cannot be written."""


class UsageError(DgemmaError, ValueError):
    """A command or call that does not make sense: unknown task, unknown mode, conflicting options."""


class BusyError(DgemmaError):
    """The engine is full: as many requests are open as its limits allow.

    retry_after_s  seconds after which, by the speed of recent requests, there should be room
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CancelledError(DgemmaError):
    """A request that was ended from elsewhere: by its id, or because the engine was closed."""
