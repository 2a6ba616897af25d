"""Atomic replacement of files: a failed write leaves the old file, permissions and owner are kept, and the temporary
name cannot be guessed.
"""

import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dgemma.checkpoint.json_files import write_json
from dgemma.errors import OutputError
from dgemma.files import cache_folder, replacing


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "kept"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_writing_into_a_missing_folder_raises_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="nosuch"):
        write_json({}, tmp_path / "nosuch" / "file.json")


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "private"
    path.write_text("old")
    path.chmod(0o600)
    with replacing(path) as temporary:
        assert temporary.stat().st_mode & 0o777 == 0o600
        temporary.write_text("new")
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o600


def test_weights_get_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "weights") as temporary:
        save_file({"a": torch.zeros(1)}, temporary)
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_temporary_name_is_unpredictable_and_a_symlink_there_is_refused(tmp_path):
    """A symlink planted under a guessed name would redirect the write to its target."""
    names = []
    for _ in range(2):
        with replacing(tmp_path / "file") as temporary:
            names.append(temporary.name)
            assert stat.S_ISREG(temporary.lstat().st_mode)
    assert names[0] != names[1] and not any(str(os.getpid()) in name.split(".") for name in names)
    replacement = replacing(tmp_path / "file")
    (tmp_path / "victim").write_text("whole")
    replacement.temporary.symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError), replacement:
        pass
    assert (tmp_path / "victim").read_text() == "whole"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can change the owner of a file")
def test_a_replaced_file_keeps_its_owner(tmp_path):
    path = tmp_path / "theirs"
    path.write_text("old")
    os.chown(path, 1234, 1235)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="not a regular file"), replacing(tmp_path / "folder"):
        pass
    assert (tmp_path / "folder").is_dir()


@pytest.mark.parametrize(("home", "named", "folder"), [
    ("/h", None, "/h/.cache/dgemma"), ("/h", "", "/h/.cache/dgemma"), ("/h", "relative", "/h/.cache/dgemma"),
    ("/h", "/c", "/c/dgemma"), ("relative", "/c", "/c/dgemma"), ("relative", None, None),
])  # fmt: skip
def test_the_folder_of_caches(monkeypatch, home, named, folder):
    monkeypatch.setenv("HOME", home)
    if named is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert cache_folder() == (None if folder is None else Path(folder))
