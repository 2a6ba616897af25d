"""The embedded model's tasks: for each, a generator of examples and a check of replies.

`TASKS` maps names to tasks. Generators depend only on their `random`. Knows nothing of tokens or models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts
from dgemma.evals.tasks import arithmetic, edit, extract, fix, story, sudoku


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task.

    make(random, split, texts) -> Example
    is_correct(example, reply) -> bool
    max_new_tokens      limit for a reply
    kind                passed to `make` if not None
    constraint(example) options of `LLM.chat` that constrain the answer to what the request asks for, and reveal nothing
                        else; None for free text
    trained, held_out   all examples of `train` and of `eval`, for a task with a fixed set of them
    """

    name: str
    make: Callable[..., Example]
    is_correct: Callable[[Example, str], bool]
    max_new_tokens: int = 128
    kind: str | None = None
    constraint: Callable[[Example], dict[str, Any]] | None = None
    trained: tuple[Example, ...] = ()
    held_out: tuple[Example, ...] = ()

    def generate(self, random: Random, split: Split, texts: Texts = NO_TEXTS) -> Example:
        """Draws one example."""
        if self.kind is None:
            return self.make(random, split, texts)
        return self.make(random, split, texts, kind=self.kind)


_ALL = (
    Task(name="extract", make=extract.generate, is_correct=extract.is_correct, constraint=extract.constraint),
    Task(
        name="extract_plain",
        make=extract.generate,
        is_correct=extract.is_correct,
        constraint=extract.constraint,
        kind="plain",
    ),
    Task(name="fix", make=fix.generate, is_correct=fix.is_correct),
    Task(name="edit", make=edit.generate, is_correct=edit.is_correct),
    Task(
        name="sudoku4",
        make=sudoku.generate,
        is_correct=sudoku.is_correct,
        constraint=sudoku.constraint,
        max_new_tokens=64,
        kind="4x4",
    ),
    Task(name="sudoku9", make=sudoku.generate, is_correct=sudoku.is_correct, constraint=sudoku.constraint, kind="9x9"),
    Task(name="math", make=arithmetic.generate, is_correct=arithmetic.is_correct),
    Task(name="story", make=story.generate, is_correct=story.is_correct, max_new_tokens=256),
)
TASKS: dict[str, Task] = {task.name: task for task in _ALL}
