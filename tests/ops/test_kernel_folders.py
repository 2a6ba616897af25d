"""Which folders of compiled kernels are deleted when new ones are compiled."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from dgemma.ops.native import compiling

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are compiled on Linux only")

OLD_S = compiling.KEPT_FOR_S + 3600


def make_folder(parent: Path, name: str, files: tuple[str, ...] = ("head.o",), age_s: float = OLD_S) -> Path:
    folder = parent / name
    folder.mkdir()
    then = time.time() - age_s
    for file in files:
        (folder / file).write_bytes(b"code")
        os.utime(folder / file, (then, then))
    os.utime(folder, (then, then))
    return folder


def test_only_kernels_that_nobody_has_used_for_long_are_deleted(tmp_path):
    current = make_folder(tmp_path, "0" * 16)
    unused = make_folder(tmp_path, "1" * 16, ("head.o", "layers_routed.o", "layers.started", "head.ab1_xyz9"))
    empty = make_folder(tmp_path, "2" * 16, ())
    recent = make_folder(tmp_path, "3" * 16, age_s=compiling.KEPT_FOR_S - 3600)
    compiling.delete_unused(current)
    assert [folder.exists() for folder in (current, unused, empty, recent)] == [True, False, False, True]


def test_kernels_that_are_read_or_compiled_are_kept(tmp_path):
    current, read = make_folder(tmp_path, "0" * 16), make_folder(tmp_path, "1" * 16, ("head.o", "paths.o"))
    os.utime(read / "paths.o", (time.time(), (read / "paths.o").stat().st_mtime))
    compiled = make_folder(tmp_path, "2" * 16)
    then = compiled.stat().st_mtime
    (compiled / "paths.started").touch()
    os.utime(compiled, (then, then))
    begun = make_folder(tmp_path, "3" * 16, ())
    os.utime(begun)
    compiling.delete_unused(current)
    assert (read / "head.o").exists() and (compiled / "head.o").exists() and begun.exists()


def test_a_folder_with_anything_else_is_left_alone(tmp_path, monkeypatch):
    current = make_folder(tmp_path, "0" * 16)
    kept = [
        make_folder(tmp_path, "1" * 16, ("head.o", "notes.txt")),
        make_folder(tmp_path, "2" * 16, ("head.o", ".hidden")),
        make_folder(tmp_path, "backup"),
        make_folder(tmp_path, "A" * 16),
        make_folder(tmp_path, "3" * 17),
    ]
    with_folder = make_folder(tmp_path, "4" * 16)
    make_folder(with_folder, "paths.o", ())
    target = make_folder(tmp_path, "target")
    (tmp_path / ("5" * 16)).symlink_to(target)
    with_link = make_folder(tmp_path, "6" * 16)
    (with_link / "paths.o").symlink_to(target / "head.o")
    for folder in (with_folder, with_link):
        os.utime(folder, (0, 0))
    (tmp_path / ("7" * 16)).write_bytes(b"a file")
    before = sorted(tmp_path.rglob("*"))
    compiling.delete_unused(current)
    assert sorted(tmp_path.rglob("*")) == before and all((folder / "head.o").exists() for folder in kept)
    monkeypatch.setattr(os, "geteuid", lambda: 1 + os.getuid())
    foreign = make_folder(tmp_path, "8" * 16)
    compiling.delete_unused(current)
    assert (foreign / "head.o").exists()


def test_a_folder_that_cannot_be_listed_stops_nothing(tmp_path):
    compiling.delete_unused(tmp_path / "missing" / ("0" * 16))


def test_the_kernels_of_other_versions_are_looked_at_when_new_ones_are_compiled(tmp_path, monkeypatch):
    from dgemma.ops.native import machine

    monkeypatch.setattr(machine, "file_of", lambda kernel: tmp_path / ("0" * 16) / f"{kernel}.o")
    process = SimpleNamespace(pid=1, poll=lambda: 0, wait=lambda: None)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: process)
    monkeypatch.setattr(os, "setpriority", lambda *given: None)
    monkeypatch.setattr(compiling, "_compilers", {})
    unused = make_folder(tmp_path, "1" * 16)
    compiling.begin_quietly(["head"])
    assert not unused.exists() and (tmp_path / ("0" * 16) / "head.started").exists()
