"""One training or evaluation example: a request in plain words and the answer that counts as right.

Task files in `dgemma.evals.tasks` make them; `train` packs them, `evals` scores replies against them.
Knows nothing of tokens, models or files.
"""

from dataclasses import dataclass
from typing import Literal

PAIRS_SUFFIX = ".jsonl"
"""How the name of a file of one's own examples ends (`evals.pairs`)."""
Split = Literal["train", "eval"]
"""`eval` draws request phrasings, sentence templates, key names and proper names that `train` never shows."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A request (`prompt`), its right answer (`answer`), the task's name and a sub-kind such as `9x9`."""

    task: str
    prompt: str
    answer: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Natural text that training reads from disk and the package does not carry; each list may be empty."""

    sentences: tuple[str, ...] = ()
    stories: tuple[str, ...] = ()
    definitions: tuple[tuple[str, str], ...] = ()
    word_problems: tuple[tuple[str, str], ...] = ()
    sudoku: tuple[tuple[str, str], ...] = ()


NO_TEXTS = Texts()
