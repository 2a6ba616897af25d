"""When kernels are compiled, and when a process that went without them takes them up."""

import atexit
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import dgemma
from dgemma.cache import KVCache
from dgemma.engine import engine
from dgemma.ops import native
from dgemma.ops.native import compiling
from tests.ops.test_native_layers import make_network

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="torch brings another OpenMP there")

KERNELS = os.environ["DGEMMA_KERNELS"]
"""Where those are that all tests use."""
REQUEST = [{"role": "user", "content": "Fix the mistakes: They was late."}]


@pytest.fixture
def ends() -> list[Callable[[], None]]:
    """What is to be done when the process ends."""
    return []


@pytest.fixture
def started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: list[Callable[[], None]]
) -> Iterator[list[list[str]]]:
    """What is started where no kernel has been compiled yet; nothing comes of it."""
    from dgemma.ops.native import machine

    commands: list[list[str]] = []

    def start(command: list[str], **_) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(wait=lambda: 0, kill=lambda: None, poll=lambda: 0)

    monkeypatch.setenv("DGEMMA_KERNELS", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(native, "_asked_for", set())
    monkeypatch.setattr(compiling, "_makers", {})
    monkeypatch.setattr(atexit, "register", ends.append)
    monkeypatch.setattr(atexit, "unregister", lambda one: ends.remove(one) if one in ends else None)
    kept = (native.load, compiling.tell, machine._folder, machine.address_of, machine._engine_of)
    for function in kept:
        function.cache_clear()
    yield commands
    for function in kept:
        function.cache_clear()


def test_a_small_model_does_not_wait_for_its_kernels(started: list[list[str]], ends: list[Callable[[], None]]) -> None:
    """They are compiled when its process has ended, by one process alone."""
    assert native.load("layers") is None and not native.is_ready("layers")
    network = make_network()
    with torch.inference_mode():
        assert network.as_one_call(KVCache(network.config, max_length=20)) is None
    assert started == [] and len(ends) == 1
    native.load("layers")
    assert len(ends) == 1
    ends[0]()
    ends[0]()
    assert started == [[sys.executable, "-m", "dgemma.ops.native", "--nice", "layers"]]


def test_there_may_be_no_place_for_kernels(
    started: list[list[str]], ends: list[Callable[[], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DGEMMA_KERNELS", str(tmp_path / "file"))
    assert native.load("layers") is None
    ends[0]()
    assert started == []


def test_the_embedded_model_answers_before_there_are_kernels(started: list[list[str]]) -> None:
    llm = dgemma.load("tiny")
    assert llm.chat(REQUEST, seed=7).text and llm.chat(REQUEST, mode="autoregressive").text
    assert started == []


def runs_in_one_call(llm: dgemma.LLM) -> bool:
    network = llm.network
    with torch.inference_mode():
        return network.as_one_call(KVCache(network.config, max_length=20)) is not None and bool(network.head_as_one())


@pytest.fixture
def compiled(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Does what those who were started would: puts the kernels in place that they were to make."""
    from dgemma.ops.native import machine

    home = machine._folder()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("DGEMMA_KERNELS", KERNELS)
        machine._folder.cache_clear()
        made = machine._folder()
    machine._folder.cache_clear()

    def compile_all() -> None:
        for name in {name for command in started for name in command[4:]}:
            shutil.copy(made / f"{name}.o", home / f"{name}.o")

    yield compile_all


def test_kernels_are_taken_up_by_the_process_that_went_without_them(
    started: list[list[str]],
    ends: list[Callable[[], None]],
    compiled: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = dgemma.load("tiny"), dgemma.load("tiny")
    expected = first.chat(REQUEST, seed=7).text
    assert second.chat(REQUEST, seed=7).text == expected
    assert started == [], "a process that is soon over compiles when it has ended"
    monkeypatch.setattr(engine, "SHORT_LIVED_S", 0.0)
    first.chat(REQUEST, seed=7)
    first.chat(REQUEST, seed=7)
    wanted = {name for command in started for name in command[4:]}
    assert len(started) == 2 and {"layers", "head"} <= wanted, "each once"
    assert not runs_in_one_call(first) and not native.is_ready("layers")
    compiled()
    assert not native.is_ready("layers"), "what is not in use is no pace of this process"
    for llm in (first, second):
        assert not runs_in_one_call(llm)
        assert llm.chat(REQUEST, seed=7).text == expected
        assert runs_in_one_call(llm)
    assert native.is_ready("layers") and ends == []


@pytest.mark.parametrize("serving", [False, True])
def test_who_has_spent_long_without_kernels_waits_for_them(
    started: list[list[str]],
    compiled: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    serving: bool,
) -> None:
    monkeypatch.setattr(engine, "SHORT_LIVED_S", 0.0)
    llm = dgemma.load("tiny")
    if serving:
        llm.engine.start()
    try:
        llm.chat(REQUEST, seed=7)
        waited: list[float] = []
        monkeypatch.setattr(compiling, "is_at_work", lambda: True)
        monkeypatch.setattr(compiling, "_is_at_work", lambda kernel: True)
        monkeypatch.setattr(time, "sleep", lambda seconds: waited.append(seconds) or compiled())
        llm.chat(REQUEST, seed=7)
        assert waited == [] and caplog.text == ""
        spent = time.process_time() + native._WORTH_CPU_S
        monkeypatch.setattr(time, "process_time", lambda: spent)
        llm.chat(REQUEST, seed=7)
        assert runs_in_one_call(llm) == (not serving)
        assert bool(waited) == ("Compiling kernels" in caplog.text) == (not serving)
    finally:
        llm.engine.close()


def test_a_large_model_waits_for_its_kernels(started: list[list[str]], caplog: pytest.LogCaptureFixture) -> None:
    assert native.load("vocabulary") is None, "nothing came of it, so plain PyTorch stands in"
    assert started == [[sys.executable, "-m", "dgemma.ops.native", "read_slab"]]
    assert "Compiling kernels" in caplog.text
    native.prepare()
    first, second = started[1:]
    assert sum(name.startswith("layers") for name in first) == 2, "of four that take long"
    assert {"head", "layers", "layers_routed", "paths", "product_rows", "read_slab"} < {*first[3:], *second[3:]}


def test_what_several_modules_need_is_compiled_at_the_same_time(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    native.begin("layers_routed", "panels", "vocabulary")
    assert [command[3:] for command in started] == [["layers_routed"], ["product_panels", "gated", "read_slab"]]
    running = {kernel: SimpleNamespace(poll=lambda: None) for command in started for kernel in command[3:]}
    monkeypatch.setattr(compiling, "_makers", running)
    native.begin("panels")
    assert len(started) == 2, "who is at it already"


def test_an_interrupted_wait_leaves_nobody_at_work(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    maker = SimpleNamespace(poll=lambda: None, kill=lambda: ended.append("killed"), wait=lambda: ended.append("ended"))

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compiling, "_makers", {"read_slab": maker})
    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        native.load("vocabulary")
    assert ended == ["killed", "ended"] and started == []


def test_kernels_that_are_not_sound_are_gone_without(started: list[list[str]], tmp_path: Path) -> None:
    from dgemma.ops.native import machine

    for kernel in ("layers", "head"):
        machine.file_of(kernel).parent.mkdir(exist_ok=True)
        machine.file_of(kernel).write_bytes(b"no object file, but longer than the digest of one is")
    assert native.is_ready("layers") and native.load("layers") is None
    assert started == [] and not native.is_ready("layers"), "the next process has them compiled"


def test_kernels_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, started: list[list[str]]) -> None:
    monkeypatch.setenv("DGEMMA_KERNELS", "off")
    assert native.load("layers") is None and native.load("products") is None and not native.is_ready("layers")
    native.prepare()
    assert started == []
