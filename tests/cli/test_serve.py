"""`dgemma serve` as a process: one line when it is ready, replies, and a clean end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from dgemma.cli.serve import public_name, serve_and_announce
from dgemma.config import EngineConfig
from dgemma.errors import ModelNotFoundError, UsageError
from dgemma.server import ServerConfig
from dgemma.server.run import SHUTDOWN_S


def test_serve_prints_its_address_answers_and_exits_on_ctrl_c(tmp_path):
    command = [sys.executable, "-m", "dgemma", "serve", "--port", "0", "--name", "mine"]
    environment = {**os.environ, "DGEMMA_API_KEY": "s3cret"}
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        match = re.fullmatch(r"mine at (http://127\.0\.0\.1:\d+) \(Ctrl-C stops\)\n", line)
        assert match
        request = urllib.request.Request(f"{match[1]}/v1/models", headers={"Authorization": "Bearer s3cret"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            assert json.load(reply)["data"][0]["id"] == "mine"
    finally:
        server.send_signal(signal.SIGINT)
        stdout, stderr = server.communicate(timeout=30)
    assert (server.returncode, stdout, stderr) == (130, "", "")


def test_a_public_address_without_a_key_is_refused_in_one_sentence(tmp_path):
    command = [sys.executable, "-m", "dgemma", "serve", "--host", "0.0.0.0"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (result.returncode, result.stdout) == (2, "") and "set an API key" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "server", "error"),
    [
        ("tiny", ServerConfig(host="192.0.2.1", api_key="k"), UsageError),
        ("tiny", ServerConfig(host="no.such.host.invalid", api_key="k"), UsageError),
        ("nosuch", ServerConfig(port=0), ModelNotFoundError),
    ],
)
def test_an_address_and_a_model_must_exist(model, server, error):
    with pytest.raises(error):
        serve_and_announce(model, EngineConfig(), server)


def test_a_model_folder_is_served_under_its_last_path_component(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    assert public_name(str(folder)) == "my-model"
    assert public_name("tiny") == "tiny" and public_name("google/diffusiongemma-26B-A4B-it").startswith("google/")
    assert public_name("~no-such-user/model") == "~no-such-user/model"


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_ctrl_c_twice_ends_without_output(pause, tmp_path):
    command = [sys.executable, "-m", "dgemma", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert server.stdout is not None and server.stdout.readline()
        server.send_signal(signal.SIGINT)
        time.sleep(pause)
        server.send_signal(signal.SIGINT)
    finally:
        stdout, stderr = server.communicate(timeout=60)
    assert (server.returncode, stdout, stderr) == (130, "", "")


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("waits_for", ["a body", "a schema"])
def test_shutdown_answers_waiting_clients_with_503_at_once(signal_number, waits_for, tmp_path):
    command = [sys.executable, "-m", "dgemma", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().partition(":")[2].partition(":")[2].split()[0])
        body = b"{"
        if waits_for == "a schema":
            # Compiling this takes seconds before it is refused as too large.
            constraint = {"guided_json": {"type": "string", "pattern": "(a|b)*a(a|b){18}$"}}
            body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "x"}], **constraint}).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        length = len(body) if waits_for == "a schema" else 100
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + body)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as reply:
                assert reply.status == 200
            time.sleep(0.5)
            signalled_at = time.monotonic()
            server.send_signal(signal_number)
            connection.settimeout(30)
            reply = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    finally:
        stdout, stderr = server.communicate(timeout=60)
    assert (stdout, stderr) == ("", "") and time.monotonic() - signalled_at < 5 * SHUTDOWN_S
    assert reply.startswith("HTTP/1.1 503") and "shutting down" in reply and "server_error" in reply
    assert server.returncode == (130 if signal_number == signal.SIGINT else -signal.SIGTERM)
