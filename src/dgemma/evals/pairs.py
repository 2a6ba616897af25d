"""Requests and answers of one's own, from a file of JSON lines, as a task beside those that the package brings.

A line is `{"prompt": "...", "answer": "..."}` or, as other trainers take it, `{"messages": [...]}` with one message of
the user and one of the assistant. One pair in fifty, at least one, is held out by its own checksum, so that a longer
file moves nothing. Knows nothing of tokens or models.
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
    """The task of each name; names that end in `.jsonl` are files of pairs. Raises DataError for other unknown ones and
    for unusable files."""
    names = list(names)
    files = [name for name in names if name.endswith(PAIRS_SUFFIX)]
    if unknown := set(names) - set(files) - set(TASKS):
        known = f"{', '.join(TASKS)}, and files of examples whose name ends in {PAIRS_SUFFIX}"
        raise DataError(f"There is no task {min(unknown)!r}. The tasks are {known}.")
    return {name: pairs_task(name) if name in files else TASKS[name] for name in names}


def pairs_task(path: str | Path) -> Task:
    """The pairs of a file as a task; a reply is right that is the answer. Raises DataError for an unusable file."""
    name = str(path)
    train, held_out = (
        [Example(task=name, prompt=prompt, answer=answer, kind="pair") for prompt, answer in pairs]
        for pairs in split_pairs(read_pairs(path))
    )
    return Task(name=name, make=partial(_draw, train, held_out), is_correct=_is_answer, held_out=tuple(held_out))


def read_pairs(path: str | Path) -> list[Pair]:
    """The file's pairs in its order, each once; empty lines are passed over.

    Raises DataError that names the line at fault.
    """
    pairs: dict[Pair, None] = {}
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DataError(f"The examples {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"The examples {path} are not UTF-8 text.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            pairs[_pair(json.loads(line))] = None
        except ValueError as error:
            raise DataError(
                f'Line {number} of {path} is no example ({error}); write {{"prompt": "...", "answer": "..."}}.'
            ) from error
    if not pairs:
        raise DataError(f"The file {path} holds no examples.")
    return list(pairs)


def split_pairs(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(for training, held out); a single pair is both."""
    checksums = {pair: crc32("\n".join(pair).encode()) for pair in pairs}
    limit = max(_HELD_OUT_SHARE * 2**32, min(checksums.values()))
    train = [pair for pair in pairs if checksums[pair] > limit]
    return train or list(pairs), [pair for pair in pairs if checksums[pair] <= limit]


def _pair(record: Any) -> Pair:
    if not isinstance(record, Mapping):
        raise ValueError("not an object")
    if "messages" in record:
        messages = record["messages"] if isinstance(record["messages"], list) else []
        roles = [message.get("role") for message in messages if isinstance(message, Mapping)]
        if roles != ["user", "assistant"] or len(messages) != 2:
            raise ValueError("messages must be one of the user and one of the assistant")
        texts = [message.get("content") for message in messages]
    else:
        texts = [record.get("prompt"), record.get("answer")]
    prompt, answer = texts
    if not isinstance(prompt, str) or not isinstance(answer, str) or not prompt.strip() or not answer.strip():
        raise ValueError("prompt and answer must be texts that are not empty")
    # Half a surrogate pair is JSON and no text: the error is a ValueError too.
    (prompt + answer).encode()
    return prompt, answer


def _draw(train: list[Example], held_out: list[Example], random: Random, split: Split, texts: Texts) -> Example:
    return random.choice(train if split == "train" else held_out)


def _is_answer(example: Example, reply: str) -> bool:
    return reply.strip() == example.answer.strip()
