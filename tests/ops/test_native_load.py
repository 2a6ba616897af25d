"""When kernels are compiled, and when a process that went without them takes them up."""

import atexit
import json
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


class Starts:
    """What is started where no kernel has been compiled yet."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.ended: int | None = 0
        """What those who are started have ended with, nothing made; None while they are at work."""
        self.killed: list[int] = []
        self.quiet: list[int] = []

    @property
    def kernels(self) -> list[list[str]]:
        return [command[len(compiling.COMMAND) :] for command in self.commands]

    def start(self, command: list[str], **_) -> SimpleNamespace:
        self.commands.append(command)
        pid = len(self.commands)

        def kill() -> None:
            self.killed.append(pid)
            process.poll = lambda: -9

        process = SimpleNamespace(pid=pid, poll=lambda: self.ended, kill=kill, wait=lambda: None)
        return process


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: list[Callable[[], None]]) -> Iterator[Starts]:
    from dgemma.ops.native import machine

    starts = Starts()
    monkeypatch.setenv("DGEMMA_KERNELS", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", starts.start)
    monkeypatch.setattr(os, "setpriority", lambda _which, pid, priority: starts.quiet.append(pid))
    monkeypatch.setattr(native, "_awaited", set())
    monkeypatch.setattr(compiling, "_compilers", {})
    monkeypatch.setattr(atexit, "register", ends.append)
    kept = (native._load, compiling.announce, machine._folder, machine.address_of, machine._engine_of)
    for function in kept:
        function.cache_clear()
    yield starts
    for function in kept:
        function.cache_clear()


def test_a_small_model_does_not_wait_for_its_kernels(started: Starts, ends: list[Callable[[], None]]) -> None:
    """They are compiled when its process has ended, by one process alone."""
    assert native.load("layers") is None and not native.is_ready("layers")
    network = make_network()
    with torch.inference_mode():
        assert network.fused_layers(KVCache(network.config, max_length=20)) is None
    assert started.commands == [] and len(ends) == 1
    native.load("layers")
    assert len(ends) == 1
    ends[0]()
    ends[0]()
    assert started.commands == [[*compiling.COMMAND, "layers"]] and started.quiet == [1]


def test_compilers_take_no_modules_from_the_current_folder(tmp_path: Path) -> None:
    """It may be somebody else's, such as a model that was fetched."""
    (tmp_path / "numba.py").write_text("print('not ours'); raise SystemExit(9)")
    shown = subprocess.run(
        [*compiling.COMMAND, "nosuch"], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "HOME": "/"}
    )
    assert shown.returncode != 9 and "not ours" not in shown.stdout


def test_machine_code_is_this_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dgemma.ops.native import machine

    monkeypatch.setattr(machine, "file_of", lambda kernel: tmp_path / "folder" / f"{kernel}.o")
    machine.save("head", b"code")
    file = tmp_path / "folder" / "head.o"
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o077 == 0
    assert machine._code_of("head") == b"code" and list(file.parent.iterdir()) == [file]
    file.chmod(0o620)
    with pytest.raises(OSError, match="can be written by other users"):
        machine._code_of("head")


def test_without_a_home_nothing_is_kept_in_the_current_folder(tmp_path: Path) -> None:
    code = (
        "import os; os.path.expanduser = lambda path: path\n"
        "from dgemma.ops import native; assert native.load('head') is None\n"
        "from dgemma.api import PACE_FILE; assert PACE_FILE is None"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DGEMMA_KERNELS"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_there_may_be_no_place_for_kernels(
    started: Starts, ends: list[Callable[[], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DGEMMA_KERNELS", str(tmp_path / "file"))
    assert native.load("layers") is None
    ends[0]()
    assert started.commands == []


def test_the_embedded_model_answers_before_there_are_kernels(started: Starts) -> None:
    llm = dgemma.load("tiny")
    assert llm.chat(REQUEST, seed=7).text and llm.chat(REQUEST, mode="autoregressive").text
    assert started.commands == []


def runs_in_one_call(llm: dgemma.LLM) -> bool:
    network = llm.network
    with torch.inference_mode():
        return network.fused_layers(KVCache(network.config, max_length=20)) is not None and bool(network.fused_head())


@pytest.fixture
def compiled(started: Starts, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Does what those who were started would: puts the kernels in place that they were to make."""
    from dgemma.ops.native import machine

    home = machine._folder()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("DGEMMA_KERNELS", KERNELS)
        machine._folder.cache_clear()
        made = machine._folder()
    machine._folder.cache_clear()

    def compile_all() -> None:
        for name in {name for part in started.kernels for name in part}:
            shutil.copy(made / f"{name}.o", home / f"{name}.o")

    return compile_all


def test_kernels_are_taken_up_by_the_process_that_went_without_them(
    started: Starts, compiled: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = dgemma.load("tiny"), dgemma.load("tiny")
    expected = first.chat(REQUEST, seed=7).text
    assert second.chat(REQUEST, seed=7).text == expected
    assert started.commands == [], "a process that is soon over compiles when it has ended"
    monkeypatch.setattr(engine, "SHORT_LIVED_S", 0.0)
    started.ended = None
    first.chat(REQUEST, seed=7)
    first.chat(REQUEST, seed=7)
    assert len(started.commands) == 2 and started.quiet == [1, 2], "each once"
    assert {"layers", "head"} <= {name for part in started.kernels for name in part}
    assert not runs_in_one_call(first)
    compiled()
    assert not runs_in_one_call(first), "the same to the end of a request"
    assert first.chat(REQUEST, seed=7).text == expected and runs_in_one_call(first)
    assert second.chat(REQUEST, seed=7).text == expected and runs_in_one_call(second)
    assert native.is_ready("layers")


def test_a_small_network_with_many_experts_takes_them_up_too(started: Starts, compiled: Callable[[], None]) -> None:
    network = make_network(num_experts=12)
    caches = [KVCache(network.config, max_length=20) for _ in range(2)]
    with torch.inference_mode():
        network.encode(torch.tensor([[1, 2, 3]]), caches[0])
        native.compile_wanted()
        compiled()
        assert network.fused_layers(caches[0]) is None
        before = native.arrivals
        assert native.look_for_arrivals() == before + 1 == native.look_for_arrivals()
        network.encode(torch.tensor([[4]]), caches[0])
        assert network.fused_layers(caches[0]) is not None
        both = network.encode(torch.tensor([[1, 2, 3, 4]]), caches[1])
        again = network.encode(torch.tensor([[5]]), caches[0]), network.encode(torch.tensor([[5]]), caches[1])
    torch.testing.assert_close(*again, rtol=1e-4, atol=1e-5)
    assert both.isfinite().all()


@pytest.mark.parametrize("serving", [False, True])
def test_who_has_spent_long_without_kernels_waits_for_them(
    started: Starts,
    compiled: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    serving: bool,
) -> None:
    monkeypatch.setattr(engine, "SHORT_LIVED_S", 0.0)
    monkeypatch.setattr(native, "_compiling_since_s", None)
    started.ended = None
    llm = dgemma.load("tiny")
    if serving:
        llm.engine.start()
    try:
        llm.chat(REQUEST, seed=7)
        waited: list[float] = []
        monkeypatch.setattr(time, "sleep", lambda seconds: waited.append(seconds) or compiled())
        llm.chat(REQUEST, seed=7)
        assert waited == [] and caplog.text == ""
        spent = time.process_time() + native._WAIT_AFTER_S, time.monotonic() + native._WAIT_AFTER_S
        monkeypatch.setattr(time, "process_time", lambda: spent[0])
        llm.chat(REQUEST, seed=7)
        assert waited == [], "it may have been idle"
        monkeypatch.setattr(time, "monotonic", lambda: spent[1])
        llm.chat(REQUEST, seed=7)
        assert runs_in_one_call(llm) == (not serving)
        assert bool(waited) == ("Compiling kernels" in caplog.text) == (not serving)
    finally:
        llm.engine.close()


def test_compilers_that_others_keep_from_the_processor_are_waited_for_once(
    started: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have ended tomorrow; nobody ends them."""
    started.ended = None
    assert native.load("layers") is None
    native.compile_wanted()
    now = [time.monotonic() + 60]
    monkeypatch.setattr(time, "process_time", lambda: now[0])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + 1))
    for _ in range(3):
        before = now[0]
        native.look_for_arrivals(wait=True)
        now[0] += 60
    assert now[0] - before == 60 and started.killed == [] and native.load("layers") is None


def test_what_cannot_be_compiled_is_tried_once_and_keeps_nothing_else_away(
    started: Starts, compiled: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dgemma.ops.native import machine

    assert native.load("layers") is None and native.load("head") is None
    native.compile_wanted()
    compiled()
    machine.file_of("layers").unlink()
    monkeypatch.setattr(time, "time", lambda: 1e12)  # marks of others are old
    arrivals = native.look_for_arrivals()
    assert native.load("head") is not None and native.load("layers") is None
    native.compile_wanted()
    assert native.look_for_arrivals() == arrivals and len(started.commands) == 2


def test_ctrl_c_while_compilers_are_started_costs_no_other_request(
    started: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_after_s: float) -> None:
        raise KeyboardInterrupt

    llm = dgemma.load("tiny")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(native, "compile_wanted", interrupt)
        with pytest.raises(KeyboardInterrupt):
            llm.chat(REQUEST, seed=7)
    assert llm.chat(REQUEST, seed=7).text and llm.engine.snapshot().active == 0


def test_a_pace_is_that_of_the_passes_it_was_measured_on(
    started: Starts, compiled: Callable[[], None], tmp_path: Path
) -> None:
    slow, fast = dgemma.load("tiny"), dgemma.load("tiny")
    file = tmp_path / "pace.json"
    for llm in (slow, fast):
        llm.engine._modes._file = file
    before = slow.engine.choose(50)
    native.compile_wanted()
    compiled()
    after = slow.engine.choose(50)
    assert fast.engine.choose(50) == after != before
    assert len(json.loads(file.read_text())) == 2
    assert slow.network.are_fused == fast.network.are_fused == (True, True)


def test_a_large_model_waits_for_its_kernels(started: Starts, caplog: pytest.LogCaptureFixture) -> None:
    assert native.load("vocabulary") is None, "nothing came of it, so plain PyTorch runs"
    assert started.kernels == [["read_slab"]] and started.quiet == []
    assert "Compiling kernels" in caplog.text
    native.prepare()
    first, second = started.kernels[1:]
    assert sum(name.startswith("layers") for name in first) == 2, "of four that take long"
    assert {"head", "layers", "layers_routed", "paths", "product_rows"} < {*first, *second}
    assert "read_slab" not in {*first, *second}, "it came to nothing"


def test_what_several_modules_need_is_compiled_at_the_same_time(started: Starts) -> None:
    started.ended = None
    native.begin("layers_routed", "panels", "vocabulary")
    assert started.kernels == [["layers_routed"], ["product_panels", "gated", "read_slab"]]
    native.begin("panels")
    assert len(started.commands) == 2, "who is at it already"


def test_an_interrupted_wait_leaves_nobody_at_work(started: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    started.ended = None
    native.begin("layers_routed", "panels")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            native.load("panels", wait=True)
    assert set(started.killed) == {1, 2}
    native.begin("panels")
    assert len(started.commands) == 4, "what was interrupted has not failed"


def test_compilers_that_are_waited_for_end_with_the_process(started: Starts, ends: list[Callable[[], None]]) -> None:
    started.ended = None
    assert native.load("head") is None
    native.compile_wanted()
    native.begin("panels")
    for end in ends:
        end()
    assert started.killed == [2, 3] and started.quiet == [1]


def test_kernels_that_are_not_sound_are_gone_without(started: Starts, tmp_path: Path) -> None:
    from dgemma.ops.native import machine

    for kernel in ("layers", "head"):
        machine.file_of(kernel).parent.mkdir(exist_ok=True)
        machine.file_of(kernel).write_bytes(b"no object file, but longer than the digest of one is")
    assert native.is_ready("layers") and native.load("layers") is None
    assert started.commands == [] and not native.is_ready("layers"), "the next process has them compiled"


def test_kernels_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, started: Starts) -> None:
    monkeypatch.setenv("DGEMMA_KERNELS", "off")
    assert native.load("layers") is None and native.load("products") is None and not native.is_ready("layers")
    native.prepare()
    assert started.commands == []
