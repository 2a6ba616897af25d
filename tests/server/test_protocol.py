"""What HTTP itself defines: whole addresses, methods, upgrades, names of replies, and what of it reaches the log."""

import http.client
import logging
import re

import pytest

from dgemma.server import ServerConfig, models, openai_chat
from dgemma.server.errors import INTERNAL_ERROR
from tests.server.serving import FAST, QUESTION, running

ASKED = {"model": "tiny", "messages": QUESTION, "max_tokens": 4, **FAST}


@pytest.fixture(scope="module")
def ask(server):
    """One request, its target as it stands -> status, head and body."""
    host, port = server.url.removeprefix("http://").split(":")

    def send(method, target, **headers):
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            connection.request(method, target, headers={"Host": "localhost", **headers})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    return send


@pytest.mark.parametrize(
    "target", ["http://localhost/health", "HTTP://127.0.0.1:5/health", "https://[::1]:5/health", "/health?http://a"]
)
def test_a_whole_address_is_answered_as_its_path(ask, target):
    assert ask("GET", target)[0] == 200


def test_a_whole_address_without_a_path_is_the_page(ask):
    assert ask("GET", "http://localhost")[2] == ask("GET", "/")[2]


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/health",
        "http://localhost@evil.example/health",
        "http://localhost%2f.evil.example/health",
        "http://localhost:80@evil.example/health",
        "http://localhost:evil.example/health",
        "http://[::1]evil.example/health",
        "http:///health",
    ],
)
def test_the_host_in_a_whole_address_is_the_one_that_is_asked_for(ask, target):
    assert ask("GET", target)[0] == 403
    assert ask("GET", "http://localhost/health", Host="evil.example")[0] == 200


@pytest.mark.parametrize("host", ["localhost:80@evil.example", "localhost:x", "[::1]x", "[::1]@evil.example", ""])
def test_what_stands_behind_a_name_is_a_port(ask, host):
    assert ask("GET", "/health", Host=host)[0] == 403
    assert ask("GET", "/health", Host="[::1]:80")[0] == ask("GET", "/health", Host="localhost:")[0] == 200


def test_a_key_is_required_for_whole_addresses_too(llm):
    with running(llm, ServerConfig(api_key="k")) as server:
        host, port = server.url.removeprefix("http://").split(":")
        for target, status in (("http://localhost/v1/models", 401), ("http://localhost/health", 200)):
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            connection.request("GET", target)
            assert connection.getresponse().status == status
            connection.close()


@pytest.mark.parametrize("path", ["/health", "/metrics", "/v1/models", "/v1/models/tiny", "/"])
def test_an_address_that_only_tells_names_both_ways_to_ask(ask, path):
    status, headers, _ = ask("PUT", path)
    assert status == 405 and set(headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert ask("HEAD", path)[0] == 200


def test_an_upgrade_is_answered_without_one_and_is_no_matter_for_the_log(ask, caplog):
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(caplog.handler)
    try:
        for kind in ("websocket", "h2c"):
            status, headers, _ = ask("GET", "/health", Connection="Upgrade", Upgrade=kind)
            assert status == 200 and "upgrade" not in headers
        assert not caplog.messages
        logger.warning("something else")
        assert set(caplog.messages) == {"something else"}
    finally:
        logger.removeHandler(caplog.handler)


def test_writing_to_a_client_that_is_gone_is_no_matter_for_the_log(server, caplog):
    for line in ("socket.send() raised exception.", "something else"):
        logging.getLogger("asyncio").warning(line)
    assert caplog.messages == ["something else"]


def test_every_reply_has_a_name_of_its_own(server):
    http = server.http()
    replies = [
        http.post("/v1/chat/completions", json=ASKED),
        http.post("/v1/chat/completions", json={**ASKED, "stream": True}),
        http.post("/v1/chat/completions", json={}),
        http.get("/health", headers={"host": "evil.example", "x-request-id": "mine"}),
        http.get("/nosuch"),
        http.get("/"),
    ]
    names = [reply.headers["x-request-id"] for reply in replies]
    assert all(re.fullmatch("req_[0-9a-f]{24}", name) for name in names) and len(set(names)) == len(names)
    assert not any("request-id" in reply.headers for reply in replies)
    for body in ({**ASKED, "max_tokens": 1}, {**ASKED, "stream": True}, {}):
        headers = http.post("/v1/messages", json=body).headers
        assert headers["request-id"] == headers["x-request-id"]
    fields = {"model": "tiny", "messages": QUESTION, "max_tokens": 1}
    assert server.openai().chat.completions.create(**fields)._request_id.startswith("req_")
    assert server.anthropic().messages.create(**fields)._request_id.startswith("req_")


def test_what_nobody_foresaw_has_a_name_too(llm, monkeypatch):
    def fail(*given):
        raise RuntimeError("/home/somebody")

    monkeypatch.setattr(models, "check_model", fail)
    monkeypatch.setattr(openai_chat, "parse_body", fail)
    with running(llm) as server:
        for method, path in (("GET", "/v1/models/tiny"), ("POST", "/v1/chat/completions")):
            reply = server.http().request(method, path, json=ASKED if method == "POST" else None)
            assert reply.status_code == 500 and reply.headers["x-request-id"].startswith("req_")
            assert reply.json()["error"]["message"] == INTERNAL_ERROR
