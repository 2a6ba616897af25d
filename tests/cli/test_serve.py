"""`dgemma serve` as a process: one line when it is ready, replies, and a clean end."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from dgemma.cli.serve import public_name, serve_and_announce
from dgemma.config import EngineConfig
from dgemma.errors import ModelNotFoundError, UsageError
from dgemma.server import ServerConfig


def test_it_says_where_it_is_answers_and_ends(tmp_path):
    command = [sys.executable, "-m", "dgemma", "serve", "--port", "0", "--name", "mine"]
    environment = {**os.environ, "DGEMMA_API_KEY": "s3cret"}
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.fullmatch(r"mine at (http://127\.0\.0\.1:\d+) \(Ctrl-C stops\)\n", line)
        assert found
        asked = urllib.request.Request(f"{found[1]}/v1/models", headers={"Authorization": "Bearer s3cret"})
        with urllib.request.urlopen(asked, timeout=30) as reply:
            assert json.load(reply)["data"][0]["id"] == "mine"
    finally:
        server.send_signal(signal.SIGINT)
        rest, told = server.communicate(timeout=30)
    assert (server.returncode, rest, told) == (130, "", "")


def test_what_cannot_be_served_is_told_in_one_sentence(tmp_path):
    command = [sys.executable, "-m", "dgemma", "serve", "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (2, "") and "set an API key" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "server", "error"),
    [
        ("tiny", ServerConfig(host="192.0.2.1", api_key="k"), UsageError),
        ("tiny", ServerConfig(host="no.such.host.invalid", api_key="k"), UsageError),
        ("nosuch", ServerConfig(port=0), ModelNotFoundError),
    ],
)
def test_an_address_and_a_model_must_be_there(model, server, error):
    with pytest.raises(error):
        serve_and_announce(model, EngineConfig(), server)


def test_a_folder_is_known_by_its_last_part_alone(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    assert public_name(str(folder)) == "my-model"
    assert public_name("tiny") == "tiny" and public_name("google/diffusiongemma-26B-A4B-it").startswith("google/")
