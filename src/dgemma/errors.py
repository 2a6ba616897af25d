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


class ModelNotFoundError(CheckpointError):
    """No model goes by that name."""


class PromptError(DgemmaError, ValueError):
    """A prompt or conversation that cannot be answered: too long, empty, malformed."""


class DataError(DgemmaError):
    """Training or evaluation data that is missing or malformed."""


class OutputError(DgemmaError):
    """A file or folder that cannot be written."""


class UsageError(DgemmaError, ValueError):
    """A command or call that does not make sense: unknown task, unknown mode, conflicting options."""
