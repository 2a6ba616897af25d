"""The user's own examples, from a JSON Lines file, as a task beside the built-in ones.

A line is `{"prompt": "...", "answer": "..."}` or, as in other trainers, `{"messages": [...]}` with one user message and
one assistant message. White space around both texts is stripped, as it is when a model is asked. A prompt's checksum
holds out one prompt in fifty, with all its answers, so adding lines does not move any. If no checksum of the file
qualifies, as in many small files, the prompt with the lowest is held out; then adding lines may change which. Knows
nothing of tokens or models.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from dgemma.errors import DataError
from dgemma.evals.example import PAIRS_SUFFIX, Example, Split, Texts
from dgemma.evals.tasks import TASKS, Task

_HELD_OUT_SHARE = 0.02

Pair = tuple[str, str]
"""(prompt, answer)"""


def find_tasks(names: Iterable[str]) -> dict[str, Task]:
    """The task of each name; names that end in `.jsonl` are files of pairs. Raises DataError for unknown names and for
    unusable files."""
    names = list(names)
    files = [name for name in names if name.endswith(PAIRS_SUFFIX)]
    if unknown := set(names) - set(files) - set(TASKS):
        known = f"{', '.join(TASKS)}, and files of examples whose name ends in {PAIRS_SUFFIX}"
        raise DataError(f"There is no task {min(unknown)!r}. The tasks are {known}.")
    return {name: pairs_task(name) if name in files else TASKS[name] for name in names}


def pairs_task(path: str | Path) -> Task:
    """The pairs of a file as a task; a correct reply equals the answer. Raises DataError for an unusable file."""
    name = str(path)
    train, held_out = (
        tuple(Example(task=name, prompt=prompt, answer=answer, kind="pair") for prompt, answer in pairs)
        for pairs in split_pairs(read_pairs(path))
    )
    return task_of(name, train, held_out)


def task_of(name: str, train: tuple[Example, ...], held_out: tuple[Example, ...]) -> Task:
    """A task that draws from fixed examples."""
    make = partial(_draw, train, held_out)
    return Task(name=name, make=make, is_correct=_is_answer, trained=train, held_out=held_out)


def read_pairs(path: str | Path) -> list[Pair]:
    """The pairs of a file in order, without duplicates; skips empty lines. Raises DataError that names the bad line."""
    pairs: dict[Pair, None] = {}
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            pairs[_pair(json.loads(line))] = None
        except (ValueError, RecursionError) as error:
            raise DataError(
                f'Line {number} of {path} is not an example ({error}); write {{"prompt": "...", "answer": "..."}}.'
            ) from error
    if not pairs:
        raise DataError(f"The file {path} holds no examples.")
    return list(pairs)


def split_pairs(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(for training, held out). No prompt is in both, unless it is the only one."""
    checksums = {prompt: crc32(prompt.encode()) for prompt, _ in pairs}
    limit = max(_HELD_OUT_SHARE * 2**32, min(checksums.values()))
    train = [pair for pair in pairs if checksums[pair[0]] > limit]
    return train or list(pairs), [pair for pair in pairs if checksums[pair[0]] <= limit]


def _text(path: str | Path) -> str:
    """The text of a file of examples, without a byte order mark and with \\n line endings."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"The examples {path} cannot be read: {error.strerror}.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # error.start does not count the byte order mark, which is no problem: it contains no line break.
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"Line {line} of the examples {path} is not UTF-8 text; save the file as UTF-8.") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _pair(record: Any) -> Pair:
    if not isinstance(record, Mapping):
        raise ValueError("not an object")
    if "messages" in record:
        messages = record["messages"] if isinstance(record["messages"], list) else []
        roles = [message.get("role") for message in messages if isinstance(message, Mapping)]
        if roles != ["user", "assistant"] or len(messages) != 2:
            raise ValueError("messages must be one user message and one assistant message")
        texts = [message.get("content") for message in messages]
    else:
        texts = [record.get("prompt"), record.get("answer")]
    prompt, answer = texts
    if not isinstance(prompt, str) or not isinstance(answer, str) or not prompt.strip() or not answer.strip():
        raise ValueError("prompt and answer must be non-empty strings")
    # Raises a ValueError for a lone surrogate, which JSON allows and UTF-8 does not.
    (prompt + answer).encode()
    return prompt.strip(), answer.strip()


def _draw(train: Sequence[Example], held_out: Sequence[Example], random: Random, split: Split, texts: Texts) -> Example:
    return random.choice(train if split == "train" else held_out)


def _is_answer(example: Example, reply: str) -> bool:
    return reply.strip() == example.answer.strip()
