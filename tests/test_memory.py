"""A container's limit is the memory that there is."""

import sys

from dgemma import memory


def test_the_least_of_what_is_built_in_and_what_is_allowed_counts(tmp_path, monkeypatch):
    built_in = memory.total_bytes()
    assert 1 << 28 < built_in < memory.UNKNOWN and 0 < memory.available_bytes() <= built_in
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_GROUPS", [(tmp_path, *names) for _, *names in memory._GROUPS])
    limit.write_text("max\n")
    (tmp_path / "memory.current").write_text("41943040\n")
    assert memory.total_bytes() >= built_in
    limit.write_text("104857600\n")
    assert memory.total_bytes() == 100 << 20
    assert memory.available_bytes() == 60 << 20
    (tmp_path / "memory.stat").write_text("anon 20971520\ninactive_file 8388608\nactive_file 2097152\nfile 999\n")
    assert memory.available_bytes() == 70 << 20
    (tmp_path / "memory.current").write_text("209715200\n")
    assert memory.available_bytes() == 0


def test_a_system_that_does_not_tell_is_taken_to_have_enough(monkeypatch, tmp_path):
    monkeypatch.delattr(memory.os, "sysconf")
    monkeypatch.setattr(memory, "_GROUPS", ())
    monkeypatch.setattr(memory, "_STATE", tmp_path / "not there")
    assert memory.available_bytes() == memory.total_bytes() == memory.UNKNOWN


def test_memory_that_files_were_read_into_can_be_had(monkeypatch, tmp_path):
    (tmp_path / "meminfo").write_text(
        "MemTotal:       24660532 kB\nMemFree:          512 kB\nMemAvailable:       2048 kB\n"
    )
    monkeypatch.setattr(memory, "_STATE", tmp_path / "meminfo")
    assert memory.available_bytes() == 2 << 20


def test_large_pages():
    for size in (1, 5_000_000):
        room = memory.in_large_pages(size)
        if room is not None:
            room[0] = room[size - 1] = 7
            assert len(room) == size and room[size - 1] == 7


def test_a_system_without_a_count_of_the_peak(monkeypatch):
    assert memory.peak_mb() > 10
    monkeypatch.setitem(sys.modules, "resource", None)
    assert memory.peak_mb() == 0
