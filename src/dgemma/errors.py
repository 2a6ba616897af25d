"""Every error that dgemma raises for its users.

Each message is one or two sentences: what happened, and what to do next. The command line prints the message and exits
with code 1 (`UsageError`: 2); it shows a traceback only with `--debug`.
"""


class DgemmaError(Exception):
    """The base class of all errors that dgemma raises on purpose."""


class ConfigError(DgemmaError, ValueError):
    """A configuration value that cannot work: impossible sizes, temperatures, limits."""


class CheckpointError(DgemmaError):
    """A model folder or file that is missing, damaged, incomplete or of another architecture."""


class NotFiniteError(CheckpointError):
    """The network computed NaN or infinity: its weights are damaged, or too large for their dtype."""

    def __init__(self) -> None:
        super().__init__(
            "The model computed numbers that are not finite. Load it with dtype='float32'; if that does not help, its "
            "weights are damaged: fetch it again."
        )


class ModelNotFoundError(CheckpointError):
    """There is no model with the given name."""


class PromptError(DgemmaError, ValueError):
    """A prompt or conversation that cannot be answered: too long, empty, malformed."""


class ImageError(PromptError):
    """An image that cannot be read or shown. number: its place among the images of the conversation, from 0."""

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
    """The engine is full: it has reached its limit of open requests.

    retry_after_s  estimated seconds until there is room, from the duration of recent requests
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CancelledError(DgemmaError):
    """The request was ended from elsewhere: cancelled by its id, interrupted, or ended with the engine."""
