"""When kernels are compiled, and when a process that started without them begins to use them."""

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
"""The folder of the kernels that all tests share."""
REQUEST = [{"role": "user", "content": "Fix the mistakes: They was late."}]


@pytest.fixture
def exit_handlers() -> list[Callable[[], None]]:
    """The exit handlers that were registered."""
    return []


class FakeCompilers:
    """Records the compilers that are started, on a machine without compiled kernels."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.ended: int | None = 0
        """Exit code of the compilers, which produced nothing; None while they run."""
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
def compilers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, exit_handlers: list[Callable[[], None]]
) -> Iterator[FakeCompilers]:
    from dgemma.ops.native import machine

    starts = FakeCompilers()
    monkeypatch.setenv("DGEMMA_KERNELS", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", starts.start)
    monkeypatch.setattr(os, "setpriority", lambda _which, pid, priority: starts.quiet.append(pid))
    monkeypatch.setattr(native, "_awaited", set())
    monkeypatch.setattr(compiling, "_compilers", {})
    monkeypatch.setattr(atexit, "register", exit_handlers.append)
    kept = (native._load, compiling.announce, machine._folder, machine.address_of, machine._engine_of)
    for function in kept:
        function.cache_clear()
    yield starts
    for function in kept:
        function.cache_clear()


def test_a_small_model_does_not_wait_for_its_kernels(
    compilers: FakeCompilers, exit_handlers: list[Callable[[], None]]
) -> None:
    """They are compiled after its process has ended, and only once."""
    assert native.load("layers") is None and not native.is_ready("layers")
    network = make_network()
    with torch.inference_mode():
        assert network.fused_layers(KVCache(network.config, max_length=20)) is None
    assert compilers.commands == [] and len(exit_handlers) == 1
    native.load("layers")
    assert len(exit_handlers) == 1
    exit_handlers[0]()
    exit_handlers[0]()
    assert compilers.commands == [[*compiling.COMMAND, "layers"]] and compilers.quiet == [1]


def test_compilers_import_nothing_from_the_current_folder(tmp_path: Path) -> None:
    """The folder may be untrusted, such as a downloaded model."""
    (tmp_path / "numba.py").write_text("print('not ours'); raise SystemExit(9)")
    result = subprocess.run(
        [*compiling.COMMAND, "nosuch"], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "HOME": "/"}
    )
    assert result.returncode != 9 and "not ours" not in result.stdout


def test_machine_code_is_private_to_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dgemma.ops.native import machine

    monkeypatch.setattr(machine, "file_of", lambda kernel: tmp_path / "folder" / f"{kernel}.o")
    machine.save("head", b"code")
    file = tmp_path / "folder" / "head.o"
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o077 == 0
    assert machine._code_of("head") == b"code" and list(file.parent.iterdir()) == [file]
    file.chmod(0o620)
    with pytest.raises(OSError, match="can be written by other users"):
        machine._code_of("head")


def test_without_a_home_nothing_is_written_to_the_current_folder(tmp_path: Path) -> None:
    code = (
        "import os; os.path.expanduser = lambda path: path\n"
        "from dgemma.ops import native; assert native.load('head') is None\n"
        "from dgemma.api import PACE_FILE; assert PACE_FILE is None"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DGEMMA_KERNELS"}
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_usable_kernels_folder_no_compiler_is_started(
    compilers: FakeCompilers, exit_handlers: list[Callable[[], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DGEMMA_KERNELS", str(tmp_path / "file"))
    assert native.load("layers") is None
    exit_handlers[0]()
    assert compilers.commands == []


def test_the_embedded_model_answers_without_kernels(compilers: FakeCompilers) -> None:
    llm = dgemma.load("tiny")
    assert llm.chat(REQUEST, seed=7).text and llm.chat(REQUEST, mode="autoregressive").text
    assert compilers.commands == []


def runs_in_one_call(llm: dgemma.LLM) -> bool:
    network = llm.network
    with torch.inference_mode():
        return network.fused_layers(KVCache(network.config, max_length=20)) is not None and bool(network.fused_head())


@pytest.fixture
def finish_compiling(compilers: FakeCompilers, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that finishes the started compilers: it puts their kernels in place."""
    from dgemma.ops.native import machine

    folder = machine._folder()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("DGEMMA_KERNELS", KERNELS)
        machine._folder.cache_clear()
        shared = machine._folder()
    machine._folder.cache_clear()

    def compile_all() -> None:
        for name in {name for part in compilers.kernels for name in part}:
            shutil.copy(shared / f"{name}.o", folder / f"{name}.o")

    return compile_all


def test_a_process_without_kernels_uses_them_once_they_are_compiled(
    compilers: FakeCompilers, finish_compiling: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = dgemma.load("tiny"), dgemma.load("tiny")
    expected = first.chat(REQUEST, seed=7).text
    assert second.chat(REQUEST, seed=7).text == expected
    assert compilers.commands == [], "a short-lived process compiles when it has ended"
    monkeypatch.setattr(engine, "SHORT_LIVED_S", 0.0)
    compilers.ended = None
    first.chat(REQUEST, seed=7)
    first.chat(REQUEST, seed=7)
    assert len(compilers.commands) == 2 and compilers.quiet == [1, 2], "each once"
    assert {"layers", "head"} <= {name for part in compilers.kernels for name in part}
    assert not runs_in_one_call(first)
    finish_compiling()
    assert not runs_in_one_call(first), "unchanged to the end of a request"
    assert first.chat(REQUEST, seed=7).text == expected and runs_in_one_call(first)
    assert second.chat(REQUEST, seed=7).text == expected and runs_in_one_call(second)
    assert native.is_ready("layers")


def test_a_network_with_routed_experts_uses_kernels_once_they_are_compiled(
    compilers: FakeCompilers, finish_compiling: Callable[[], None]
) -> None:
    network = make_network(num_experts=12)
    caches = [KVCache(network.config, max_length=20) for _ in range(2)]
    with torch.inference_mode():
        network.encode(torch.tensor([[1, 2, 3]]), caches[0])
        native.compile_wanted()
        finish_compiling()
        assert network.fused_layers(caches[0]) is None
        before = native.arrivals
        assert native.look_for_arrivals() == before + 1 == native.look_for_arrivals()
        network.encode(torch.tensor([[4]]), caches[0])
        assert network.fused_layers(caches[0]) is not None
        whole = network.encode(torch.tensor([[1, 2, 3, 4]]), caches[1])
        again = network.encode(torch.tensor([[5]]), caches[0]), network.encode(torch.tensor([[5]]), caches[1])
    torch.testing.assert_close(*again, rtol=1e-4, atol=1e-5)
    assert whole.isfinite().all()


@pytest.mark.parametrize("serving", [False, True])
def test_a_process_that_ran_long_without_kernels_waits_for_them(
    compilers: FakeCompilers,
    finish_compiling: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    serving: bool,
) -> None:
    monkeypatch.setattr(engine, "SHORT_LIVED_S", 0.0)
    monkeypatch.setattr(native, "_compiling_since_s", None)
    compilers.ended = None
    llm = dgemma.load("tiny")
    if serving:
        llm.engine.start()
    try:
        llm.chat(REQUEST, seed=7)
        waited: list[float] = []
        monkeypatch.setattr(time, "sleep", lambda seconds: waited.append(seconds) or finish_compiling())
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


def test_slow_compilers_are_waited_for_once_and_not_killed(
    compilers: FakeCompilers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may finish later, so they are not killed."""
    compilers.ended = None
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
    assert now[0] - before == 60 and compilers.killed == [] and native.load("layers") is None


def test_a_kernel_that_fails_to_compile_is_tried_once_and_blocks_no_other(
    compilers: FakeCompilers, finish_compiling: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dgemma.ops.native import machine

    assert native.load("layers") is None and native.load("head") is None
    native.compile_wanted()
    finish_compiling()
    machine.file_of("layers").unlink()
    monkeypatch.setattr(time, "time", lambda: 1e12)  # marks of other compilers are old
    arrivals = native.look_for_arrivals()
    assert native.load("head") is not None and native.load("layers") is None
    native.compile_wanted()
    assert native.look_for_arrivals() == arrivals and len(compilers.commands) == 2


def test_ctrl_c_while_compilers_are_started_affects_no_other_request(
    compilers: FakeCompilers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_after_s: float) -> None:
        raise KeyboardInterrupt

    llm = dgemma.load("tiny")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(native, "compile_wanted", interrupt)
        with pytest.raises(KeyboardInterrupt):
            llm.chat(REQUEST, seed=7)
    assert llm.chat(REQUEST, seed=7).text and llm.engine.snapshot().active == 0


def test_paces_with_and_without_kernels_are_stored_separately(
    compilers: FakeCompilers, finish_compiling: Callable[[], None], tmp_path: Path
) -> None:
    slow, fast = dgemma.load("tiny"), dgemma.load("tiny")
    file = tmp_path / "pace.json"
    for llm in (slow, fast):
        llm.engine._modes._file = file
    before = slow.engine.choose(50)
    native.compile_wanted()
    finish_compiling()
    after = slow.engine.choose(50)
    assert fast.engine.choose(50) == after != before
    assert len(json.loads(file.read_text())) == 2
    assert slow.network.are_fused == fast.network.are_fused == (True, True)


def test_a_large_model_waits_for_its_kernels(compilers: FakeCompilers, caplog: pytest.LogCaptureFixture) -> None:
    assert native.load("vocabulary") is None, "the compiler produced nothing, so plain PyTorch runs"
    assert compilers.kernels == [["read_slab"]] and compilers.quiet == []
    assert "Compiling kernels" in caplog.text
    native.prepare()
    first, second = compilers.kernels[1:]
    assert sum(name.startswith("layers") for name in first) == 2, "two of the four that take long"
    assert {"head", "layers", "layers_routed", "paths", "product_rows"} < {*first, *second}
    assert "read_slab" not in {*first, *second}, "it has failed before"


def test_kernels_of_several_modules_are_compiled_in_parallel(compilers: FakeCompilers) -> None:
    compilers.ended = None
    native.begin("layers_routed", "panels", "vocabulary")
    assert compilers.kernels == [["layers_routed"], ["product_panels", "gated", "read_slab"]]
    native.begin("panels")
    assert len(compilers.commands) == 2, "its compiler already runs"


def test_an_interrupted_wait_kills_its_compilers(compilers: FakeCompilers, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    compilers.ended = None
    native.begin("layers_routed", "panels")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            native.load("panels", wait=True)
    assert set(compilers.killed) == {1, 2}
    native.begin("panels")
    assert len(compilers.commands) == 4, "what was interrupted has not failed"


def test_compilers_that_are_waited_for_end_with_the_process(
    compilers: FakeCompilers, exit_handlers: list[Callable[[], None]]
) -> None:
    compilers.ended = None
    assert native.load("head") is None
    native.compile_wanted()
    native.begin("panels")
    for end in exit_handlers:
        end()
    assert compilers.killed == [2, 3] and compilers.quiet == [1]


def test_damaged_kernels_are_not_used(compilers: FakeCompilers, tmp_path: Path) -> None:
    from dgemma.ops.native import machine

    for kernel in ("layers", "head"):
        machine.file_of(kernel).parent.mkdir(exist_ok=True)
        machine.file_of(kernel).write_bytes(b"no object file, but longer than the digest of one is")
    assert native.is_ready("layers") and native.load("layers") is None
    assert compilers.commands == [] and not native.is_ready("layers"), "the next process compiles them"


def test_kernels_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, compilers: FakeCompilers) -> None:
    monkeypatch.setenv("DGEMMA_KERNELS", "off")
    assert native.load("layers") is None and native.load("products") is None and not native.is_ready("layers")
    native.prepare()
    assert compilers.commands == []
