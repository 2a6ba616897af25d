"""Files are replaced whole or not at all, and readable by whoever may read new files."""

import pytest
import torch

from dgemma.checkpoint.safetensors import replacing, write_json
from dgemma.errors import OutputError


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "kept"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_told(tmp_path):
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
    from safetensors.torch import save_file

    (tmp_path / "plain").touch()
    with replacing(tmp_path / "weights") as temporary:
        save_file({"a": torch.zeros(1)}, temporary)
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode
