"""A container's limit is the memory that there is."""

from dgemma import memory


def test_the_least_of_what_is_built_in_and_what_is_allowed_counts(tmp_path, monkeypatch):
    built_in = memory.total_bytes()
    assert 1 << 28 < built_in < memory.UNKNOWN and 0 < memory.free_bytes() <= memory.UNKNOWN
    limit, unlimited = tmp_path / "memory.max", tmp_path / "unlimited"
    limit.write_text("104857600\n")
    unlimited.write_text("max\n")
    monkeypatch.setattr(memory, "_LIMITS", (unlimited, tmp_path / "not there"))
    assert memory.total_bytes() >= built_in
    monkeypatch.setattr(memory, "_LIMITS", (unlimited, limit))
    assert memory.total_bytes() == 100 << 20


def test_a_system_that_does_not_tell_is_taken_to_have_enough(monkeypatch):
    monkeypatch.delattr(memory.os, "sysconf")
    monkeypatch.setattr(memory, "_LIMITS", ())
    assert memory.free_bytes() == memory.total_bytes() == memory.UNKNOWN
