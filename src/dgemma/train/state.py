"""What a run keeps between two starts, and how it differs from what the recipe says now.

Promises that a state is whole or not there, and that one folder has one run at a time where the system has locks.
Knows nothing of steps or losses.
"""

import os
import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import torch

from dgemma.errors import DataError, OutputError
from dgemma.evals.example import Texts
from dgemma.evals.tasks import Task
from dgemma.files import replacing
from dgemma.train.recipe import Recipe

try:
    import fcntl
except ImportError:  # Windows has other locks.
    fcntl = None

UNREADABLE = (RuntimeError, LookupError, TypeError, EOFError, ValueError, OSError, pickle.UnpicklingError)
"""What a damaged state or one of other sizes raises."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from training into `folder`. Raises DataError where one does."""
    if fcntl is None:
        yield
        return
    try:
        place = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be opened: {error.strerror}.") from error
    try:
        # Of a folder on a file system without locks nothing is known.
        with suppress(OSError):
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataError(f"Another run is training into {folder}; choose another folder.") from error
        yield
    finally:
        # Processes that make batches have the folder open too, and may end later.
        with suppress(OSError):
            fcntl.flock(place, fcntl.LOCK_UN)
        os.close(place)


def read_state(path: Path, device: torch.device) -> dict[str, Any] | None:
    """What `write_state` wrote, None where there is nothing. Raises DataError for what is damaged."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location=device)
        _ = [state[name] for name in ("network", "optimizers", "step", "best")]
    except UNREADABLE as error:
        raise unusable(path) from error
    return state


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Writes a state, replacing the old one only when complete. Raises OutputError where that cannot be."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(dict(state), file)
        except RuntimeError as error:
            # Torch may hide the error of the file behind one of its own, which tells nothing.
            cause = error.__context__
            reason = cause.strerror if isinstance(cause, OSError) else error
            raise OutputError(f"{path} cannot be written: {reason}.") from error


def unusable(path: Path, changes: Iterable[str] = ()) -> DataError:
    """That a state cannot be gone on from."""
    told = f" ({'; '.join(changes)})" if changes else ""
    return DataError(f"{path} does not belong to this recipe{told} or is damaged; choose another folder.")


def settings(recipe: Recipe, tasks: Mapping[str, Task], held_out: Texts) -> dict[str, Any]:
    """All that decides what a held-out loss is a loss of, by names for people; `tasks` are those of the recipe."""
    tables = {"model": recipe.model, "data": recipe.data, "objective": recipe.objective}
    named = {f"[{table}] {key}": value for table, part in tables.items() for key, value in vars(part).items()}
    # The same file has another name from another folder.
    mix = (f"{Path(name).name} = {float(weight)}" for name, weight in recipe.data.tasks.items())
    named["[data] tasks"] = ", ".join(mix)
    named["[run] held_out_rows"] = recipe.run.held_out_rows
    for name, task in tasks.items():
        if task.held_out:
            pairs = ((example.prompt, example.answer) for example in (*task.trained, *task.held_out))
            named[f"the content of {Path(name).name}"] = _checksum(pairs)
    named["the held-out text of --data"] = _checksum(vars(held_out).values())
    return named


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of two `settings` is not the same, in words."""
    other = [name for name, value in before.items() if name in now and now[name] != value]
    return [
        f"{name} was {before[name]} and is {now[name]}" if name[0] == "[" else f"{name} is another" for name in other
    ]


def _checksum(items: Iterable[Any]) -> int:
    found = 0
    for item in items:
        found = crc32(repr(item).encode(), found)
    return found
