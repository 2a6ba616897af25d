"""Requests and answers of one's own, from a file of JSON lines, as a task beside those that the package brings.

A line is `{"prompt": "...", "answer": "..."}` or, as other trainers take it, `{"messages": [...]}` with one message of
the user and one of the assistant. White space around both texts goes, as it does where a model is asked. One prompt in
fifty is held out with all its answers, by its own checksum, so that a longer file moves none of them. Where no checksum
says so, as in many small files, the prompt with the lowest one is held out, and a longer file may hold out another.
Knows nothing of tokens or models.
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
        tuple(Example(task=name, prompt=prompt, answer=answer, kind="pair") for prompt, answer in pairs)
        for pairs in split_pairs(read_pairs(path))
    )
    return task_of(name, train, held_out)


def task_of(name: str, train: tuple[Example, ...], held_out: tuple[Example, ...]) -> Task:
    """Examples as a task, those for training and those that are held out."""
    make = partial(_draw, train, held_out)
    return Task(name=name, make=make, is_correct=_is_answer, trained=train, held_out=held_out)


def read_pairs(path: str | Path) -> list[Pair]:
    """The file's pairs in its order, each once; empty lines are passed over.

    Raises DataError that names the line at fault.
    """
    pairs: dict[Pair, None] = {}
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            pairs[_pair(json.loads(line))] = None
        except (ValueError, RecursionError) as error:
            raise DataError(
                f'Line {number} of {path} is no example ({error}); write {{"prompt": "...", "answer": "..."}}.'
            ) from error
    if not pairs:
        raise DataError(f"The file {path} holds no examples.")
    return list(pairs)


def split_pairs(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(for training, held out), no prompt in both; a single prompt is in both."""
    checksums = {prompt: crc32(prompt.encode()) for prompt, _ in pairs}
    limit = max(_HELD_OUT_SHARE * 2**32, min(checksums.values()))
    train = [pair for pair in pairs if checksums[pair[0]] > limit]
    return train or list(pairs), [pair for pair in pairs if checksums[pair[0]] <= limit]


def _text(path: str | Path) -> str:
    """The text of a file of examples, without the mark that some editors begin it with."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"The examples {path} cannot be read: {error.strerror}.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The place counts from behind the mark, before which no line ends.
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
            raise ValueError("messages must be one of the user and one of the assistant")
        texts = [message.get("content") for message in messages]
    else:
        texts = [record.get("prompt"), record.get("answer")]
    prompt, answer = texts
    if not isinstance(prompt, str) or not isinstance(answer, str) or not prompt.strip() or not answer.strip():
        raise ValueError("prompt and answer must be texts that are not empty")
    # Half a surrogate pair is JSON and no text: the error is a ValueError too.
    (prompt + answer).encode()
    return prompt.strip(), answer.strip()


def _draw(train: Sequence[Example], held_out: Sequence[Example], random: Random, split: Split, texts: Texts) -> Example:
    return random.choice(train if split == "train" else held_out)


def _is_answer(example: Example, reply: str) -> bool:
    return reply.strip() == example.answer.strip()
