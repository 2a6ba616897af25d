"""An example: a request in plain words and its correct answer.

The tasks in `dgemma.evals.tasks` generate them, `train` packs them, `evals` scores replies against them. Knows nothing
of tokens, models or files.
"""

from dataclasses import dataclass
from typing import Literal

PAIRS_SUFFIX = ".jsonl"
"""Suffix of files with the user's own examples (`evals.pairs`)."""
Split = Literal["train", "eval"]
"""`eval` draws request phrasings, sentence templates, key names and proper names that `train` never uses."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A request (`prompt`) and its correct `answer`; the task's name and a `kind` within it, such as `9x9`."""

    task: str
    prompt: str
    answer: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Natural text that training reads from disk, because the package does not include it; any list may be empty."""

    sentences: tuple[str, ...] = ()
    stories: tuple[str, ...] = ()
    definitions: tuple[tuple[str, str], ...] = ()
    word_problems: tuple[tuple[str, str], ...] = ()
    sudoku: tuple[tuple[str, str], ...] = ()


NO_TEXTS = Texts()
