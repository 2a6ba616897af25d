"""What all commands share: errors in one line, Ctrl-C at any time, readers that close the pipe."""

import io
import os
import signal
import subprocess
import sys
from dataclasses import fields
from types import SimpleNamespace

import pytest

from dgemma import __version__, cli
from dgemma.cli import printable
from dgemma.cli.in_place import edit_file, fill_gap
from dgemma.engine.request import Stats
from dgemma.errors import OutputError


def test_importing_the_package_or_asking_for_its_version_imports_no_torch():
    code = "import sys, dgemma, dgemma.cli; assert dgemma.__version__ and 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_exists():
    import dgemma

    assert all(getattr(dgemma, name) is not None for name in dgemma.__all__)
    assert set(dgemma.__all__) <= set(dir(dgemma))
    with pytest.raises(AttributeError, match="nosuch"):
        dgemma.nosuch  # noqa: B018


@pytest.mark.skipif(not hasattr(os, "kill"), reason="signals work differently there")
@pytest.mark.parametrize("caught", ["()", "KeyboardInterrupt"])
@pytest.mark.parametrize("command", [["run", "hi"], ["show", "--debug"], ["run", "--quant", "int8", "hi"]])
def test_an_interrupt_during_the_imports_prints_nothing(tmp_path, caught, command):
    """The command is interrupted while it imports torch, of which an extension module may report another error."""
    (tmp_path / "torch.py").write_text(
        "import os, signal, time\n"
        "try: os.kill(os.getpid(), signal.SIGINT); time.sleep(9)\n"
        f"except {caught}: raise ImportError('initialization failed without raising an exception')\n"
    )
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from dgemma.cli import main; main()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    result = subprocess.run([sys.executable, "-c", code, *command], env=environment, capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


def test_the_imports_restore_signal_handlers(monkeypatch):
    monkeypatch.setattr(cli, "import_module", lambda name: SimpleNamespace(app=name))
    before = signal.getsignal(signal.SIGINT)
    for handler in (signal.default_int_handler, signal.SIG_IGN):
        signal.signal(signal.SIGINT, handler)
        assert cli._imported_app() == "dgemma.cli.app" and signal.getsignal(signal.SIGINT) is handler
    signal.signal(signal.SIGINT, before)


def test_control_characters_in_errors_are_escaped(monkeypatch, capsys):
    assert printable("one\ntwo, drei: \u00fc\u4f60") == "one\ntwo, drei: \u00fc\u4f60"

    def app() -> None:
        raise OutputError("unexpected: \x1b]0;pwn\x07\r\x9b2J")

    monkeypatch.setattr(cli, "_imported_app", lambda: app)
    with pytest.raises(SystemExit) as raised:
        cli.main()
    assert raised.value.code == 1
    assert capsys.readouterr().err == "dgemma: unexpected: \\x1b]0;pwn\\x07\\r\\x9b2J\n"


@pytest.mark.skipif(os.name == "nt", reason="pipes end differently there")
@pytest.mark.parametrize("arguments", [["--json"], []], ids=["text", "table"])
def test_a_closed_pipe_exits_with_141_as_other_tools_do(arguments):
    command = [sys.executable, "-m", "dgemma", "show", "tiny", *arguments]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None and running.stderr is not None
    running.stdout.close()
    errors = running.stderr.read()
    running.stderr.close()
    assert (errors, running.wait(timeout=60)) == (b"", 141)


def test_the_version_is_printed():
    result = subprocess.run([sys.executable, "-m", "dgemma", "--version"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"dgemma {__version__}\n", "")


def test_a_gap_may_come_from_standard_input(monkeypatch, capsys):
    """The text ends with the newline that `echo` writes."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("The c\u00e4t ___ there.\n".encode())))
    counts = dict.fromkeys((field.name for field in fields(Stats)), 0) | {"mode": "diffusion"}
    reply = SimpleNamespace(stats=Stats(**counts))  # pyright: ignore[reportArgumentType]

    def infill(before: str, after: str, **_: object) -> SimpleNamespace:
        return SimpleNamespace(text=f"[{before}|{after}]", **vars(reply))

    model = SimpleNamespace(infill=infill)
    fill_gap("-", load=lambda: model, mark="___", length=None, max_new_tokens=4, only=True, instruction=None, seed=0)
    assert capsys.readouterr().out == "[The c\u00e4t | there.]\n"


class MeddlingModel:
    """Changes the file while it revises its text."""

    tokenizer = None

    def __init__(self, file):
        self.file = file

    def edit(self, text, **options):
        with self.file.open("a") as other:
            other.write("another line\n")
        return SimpleNamespace(text=text.replace("teh", "the"), finish_reason="stop")


def run_edit(file, model) -> None:
    edit_file(file, load=lambda: model, instruction="Fix", strength=0.5, write=True, diff=False, seed=0)


def test_a_file_that_changes_during_the_edit_is_not_overwritten(tmp_path):
    file = tmp_path / "shared.txt"
    file.write_text("teh cat\n")
    with pytest.raises(OutputError, match="changed during the edit and was not overwritten"):
        run_edit(file, MeddlingModel(file))
    assert file.read_text() == "teh cat\nanother line\n" and list(tmp_path.iterdir()) == [file]


def test_a_file_that_must_not_be_replaced_is_refused_before_a_model_is_loaded(tmp_path, capsys):
    file, pipe, other = tmp_path / "kept.txt", tmp_path / "pipe", tmp_path / "other.txt"
    file.write_text("teh cat\n")
    file.chmod(0o444)
    with pytest.raises(OutputError, match="write-protected"):
        run_edit(file, None)
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)
        with pytest.raises(OutputError, match="not a regular file"):
            run_edit(pipe, None)
    file.chmod(0o644)
    os.link(file, other)
    run_edit(
        file, SimpleNamespace(tokenizer=None, edit=lambda text, **_: SimpleNamespace(text=text, finish_reason="stop"))
    )
    assert "hard links" in capsys.readouterr().err
