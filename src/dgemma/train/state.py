"""The saved state of a run, and the comparison of its settings with those of the recipe now.

State files are written atomically. A folder takes one run at a time, on systems with file locks. Knows nothing of steps
or losses.
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
"""The exceptions that a damaged state, or one of other sizes, raises when it is loaded."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks `folder` against other training processes. Raises DataError if one holds the lock."""
    if fcntl is None:
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be opened: {error.strerror}.") from error
    try:
        # Any other OSError means that the file system has no locks; the run goes on without one.
        with suppress(OSError):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataError(f"Another run is training into {folder}; choose another folder.") from error
        yield
    finally:
        # Unlocked explicitly: worker processes inherit the descriptor and may end later.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def read_state(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Reads a state written by `write_state`; None if there is none. Raises DataError for a damaged one."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location=device)
        _ = [state[name] for name in ("network", "optimizers", "step", "best")]
    except UNREADABLE as error:
        raise unusable_state(path) from error
    return state


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Writes a state; the old one is replaced only once the new one is complete. Raises OutputError if that fails."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(dict(state), file)
        except RuntimeError as error:
            # Torch may raise an error that says nothing, with the OSError as its context.
            cause = error.__context__
            reason = cause.strerror if isinstance(cause, OSError) else error
            raise OutputError(f"{path} cannot be written: {reason}.") from error


def unusable_state(path: Path, changes: Iterable[str] = ()) -> DataError:
    """The error for a state from which the run cannot resume."""
    details = f" ({'; '.join(changes)})" if changes else ""
    return DataError(f"{path} does not belong to this recipe{details} or is damaged; choose another folder.")


def settings(recipe: Recipe, tasks: Mapping[str, Task], held_out: Texts) -> dict[str, Any]:
    """Everything that a held-out loss depends on, by names for messages: losses compare only between equal settings.
    `tasks` are those of the recipe."""
    tables = {"model": recipe.model, "data": recipe.data, "objective": recipe.objective}
    named = {f"[{table}] {key}": value for table, part in tables.items() for key, value in vars(part).items()}
    # Without folders: the same file may be named from elsewhere.
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
    """A phrase for each difference between two `settings`."""
    changed = [name for name, value in before.items() if name in now and now[name] != value]
    return [
        f"{name} was {before[name]} and is {now[name]}" if name[0] == "[" else f"{name} has changed" for name in changed
    ]


def _checksum(items: Iterable[Any]) -> int:
    found = 0
    for item in items:
        found = crc32(repr(item).encode(), found)
    return found
