"""docs/server.md and examples/ are run against a real server, as they stand but for the address."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dgemma.server.app import ENDPOINTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
EXAMPLES = sorted(file.name for file in (ROOT / "examples").glob("*.py"))


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("code", blocks("python"), ids=["openai", "anthropic", "choice", "tool"])
def test_the_python_runs(server, capsys, code):
    exec(compile(code.replace(ADDRESS, server.url), "server.md", "exec"), {})
    assert capsys.readouterr().out.strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("code", blocks("bash"), ids=["chat", "schema", "gap", "edit", "drafts"])
def test_the_curl_commands_run(server, code):
    done = subprocess.run(["bash", "-c", code.replace(ADDRESS, server.url)], capture_output=True, text=True, check=True)
    if "-sN" in code:
        assert "event: diffusion.draft\n" in done.stdout and done.stdout.endswith("data: [DONE]\n\n")
    else:
        reply = json.loads(done.stdout)
        assert reply.get("choices") or reply["text"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_run(server, name):
    code = (ROOT / "examples" / name).read_text(encoding="utf-8")
    assert len(code.splitlines()) < 40
    # Some ask the service, the others load the model themselves.
    address = [server.url] if ADDRESS in code else []
    assert bool(address) != ("dgemma.load" in code)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), *address],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.strip() and not done.stderr


def test_every_endpoint_is_told_of():
    told = set(re.findall(r"[ `](/[\w/]*)[`,]", PAGE[: PAGE.index("## First request")]))
    assert told >= {*ENDPOINTS, "/"}
