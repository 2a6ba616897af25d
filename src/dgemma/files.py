"""Writes files atomically: a file is complete or does not exist."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from dgemma.errors import OutputError


def cache_folder() -> Path | None:
    """`dgemma` in XDG_CACHE_HOME, or in ~/.cache; None without a home folder."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    # By its specification a relative path counts as unset.
    folder = os.path.expanduser(os.path.join(named if os.path.isabs(named) else "~/.cache", "dgemma"))
    return Path(folder) if os.path.isabs(folder) else None


class replacing:
    """`with replacing(path) as temporary:` write to `temporary`, a file beside `path`. On success it is renamed to
    `path`; otherwise `path` stays as it was. Until then `self.path` may be set to another name in the same folder.

    The new file keeps the permissions of the file it replaces, and its owner if the system allows that. A file that
    replaces none gets the permissions of any new file, even if its writer sets others (safetensors: owner only). Raises
    OutputError for errors of the system, and for a `path` that exists and is not a regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The name is not predictable, so no other process can have put a link there.
        self.temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
        self.mode = 0o644

    def __enter__(self) -> Path:
        if self.path.exists() and not self.path.is_file():
            raise OutputError(f"{self.path} is not a regular file; write to another name.")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            os.close(os.open(self.temporary, flags, 0o666))
            self.mode = stat.S_IMODE(self.temporary.stat().st_mode)
            self.temporary.chmod(self._mode())
        except OSError as error:
            raise self._cannot(error) from error
        return self.temporary

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._restore_owner()
                self.temporary.chmod(self._mode())
                os.replace(self.temporary, self.path)
        except OSError as problem:
            error = problem
        if error is not None:
            self.temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise self._cannot(error) from error

    def _restore_owner(self) -> None:
        """Gives the new file the owner and group of the file it replaces."""
        if self.path.exists() and hasattr(os, "chown"):
            before, now = self.path.stat(), self.temporary.stat()
            if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
                with suppress(PermissionError):
                    os.chown(self.temporary, before.st_uid, before.st_gid)

    def _mode(self) -> int:
        return stat.S_IMODE(self.path.stat().st_mode) & 0o777 if self.path.exists() else self.mode

    def _cannot(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path} cannot be written: {error.strerror or error}.")
