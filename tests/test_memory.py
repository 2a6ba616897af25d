"""Total, available and peak memory: within a container, on systems that do not report it, and with a file cache."""

import sys

from dgemma import memory


def test_total_memory_is_the_smaller_of_installed_and_container_limit(tmp_path, monkeypatch):
    installed = memory.total_bytes()
    assert 1 << 28 < installed < memory.UNKNOWN and 0 < memory.available_bytes() <= installed
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_GROUPS", [(tmp_path, *names) for _, *names in memory._GROUPS])
    limit.write_text("max\n")
    (tmp_path / "memory.current").write_text("41943040\n")
    assert memory.total_bytes() >= installed
    limit.write_text("104857600\n")
    assert memory.total_bytes() == 100 << 20
    assert memory.available_bytes() == 60 << 20
    (tmp_path / "memory.stat").write_text("anon 20971520\ninactive_file 8388608\nactive_file 2097152\nfile 999\n")
    assert memory.available_bytes() == 70 << 20
    (tmp_path / "memory.current").write_text("209715200\n")
    assert memory.available_bytes() == 0


def test_memory_is_unknown_if_the_system_does_not_report_it(monkeypatch, tmp_path):
    monkeypatch.delattr(memory.os, "sysconf")
    monkeypatch.setattr(memory, "_GROUPS", ())
    monkeypatch.setattr(memory, "_STATE", tmp_path / "not there")
    assert memory.available_bytes() == memory.total_bytes() == memory.UNKNOWN


def test_file_cache_counts_as_available_memory(monkeypatch, tmp_path):
    (tmp_path / "meminfo").write_text(
        "MemTotal:       24660532 kB\nMemFree:          512 kB\nMemAvailable:       2048 kB\n"
    )
    monkeypatch.setattr(memory, "_STATE", tmp_path / "meminfo")
    assert memory.available_bytes() == 2 << 20


def test_a_buffer_in_large_pages_has_the_requested_size():
    for size in (1, 5_000_000):
        buffer = memory.in_large_pages(size)
        if buffer is not None:
            buffer[0] = buffer[size - 1] = 7
            assert len(buffer) == size and buffer[size - 1] == 7


def test_peak_memory_is_zero_without_the_resource_module(monkeypatch):
    assert memory.peak_mb() > 10
    monkeypatch.setitem(sys.modules, "resource", None)
    assert memory.peak_mb() == 0
