"""The service as a whole: keys, hosts, models, metrics, limits, and clients that leave."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import anthropic
import httpx2
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dgemma.api import LLM
from dgemma.config import EngineConfig
from dgemma.errors import ConfigError, UsageError
from dgemma.server import ServerConfig, create_app
from dgemma.server.run import listen
from dgemma.tokenizer import UNK
from tests.server.serving import FAST, QUESTION, running

CHAT = {"model": "tiny", "messages": QUESTION, "max_tokens": 4, **FAST}
LONG = {"model": "tiny", "messages": QUESTION, "max_tokens": 3000, "canvas_length": 64, "max_denoising_steps": 48}
SECONDS_TO_SETTLE = 20


def metrics(http):
    families = text_string_to_metric_families(http.get("/metrics").text)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def eventually(condition):
    """Waits until the condition holds; the limit is for a machine that does other things as well."""
    end = time.monotonic() + SECONDS_TO_SETTLE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def endless(llm, **limits):
    """The same model with an end token that it does not write, so that replies go on until they are stopped."""
    never = (llm.tokenizer.special_id(UNK),)
    return LLM(replace(llm.model, sampler=replace(llm.model.sampler, eos_token_ids=never)), EngineConfig(**limits))


@pytest.fixture(scope="module")
def talkative(llm):
    """A server whose replies do not end."""
    model = endless(llm)
    with running(model) as server:
        yield server
    model.engine.close()


@pytest.fixture(scope="module")
def narrow(llm):
    """Another one, on an engine with one place and one in the line."""
    model = endless(llm, max_active=1, max_waiting=1)
    with running(model) as server:
        yield server
    model.engine.close()


def test_an_app_that_ends_gives_the_engine_back(llm):
    def threads() -> int:
        return sum(one.name == "dgemma-engine" for one in threading.enumerate())

    before = threads()
    for own_thread in (False, True):
        model = LLM(llm.model, EngineConfig())
        if own_thread:
            model.engine.start()
        with running(model) as server:
            assert server.http().get("/health").is_success and threads() == before + 1
        # A thread that was there before is not the app's to end.
        assert threads() == before + own_thread
        assert model.chat("Hello", max_new_tokens=2).token_ids
        model.engine.close()
        assert threads() == before


def test_models_are_shown_to_both_clients(server):
    for client in (server.openai(), server.anthropic()):
        assert [model.id for model in client.models.list()] == ["tiny"]
        assert client.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError):
        server.openai().models.retrieve("nosuch")


def test_anthropics_clients_are_told_the_limits(llm):
    with running(llm, ServerConfig(max_prompt_tokens=100)) as server:
        for model in (*server.anthropic().models.list(), server.anthropic().models.retrieve("tiny")):
            assert (model.max_input_tokens, model.max_tokens) == (100, 4096)
        assert not {"max_input_tokens", "max_tokens"} & set(server.openai().models.retrieve("tiny").model_extra)
    with running(llm) as server:
        assert server.anthropic().models.retrieve("tiny").max_input_tokens == 4095


def test_a_key_is_required_where_one_is_set(llm):
    with running(llm, ServerConfig(api_key="s3cret", model_name="owner/name")) as server:
        for key in ("wrong", "s3cre", "s3crets"):
            with pytest.raises(openai.AuthenticationError, match="wrong"):
                server.openai(key).models.list()
        with pytest.raises(anthropic.AuthenticationError):
            server.anthropic("wrong").messages.create(model="tiny", max_tokens=1, messages=QUESTION)
        assert server.openai("s3cret").models.retrieve("owner/name").id == "owner/name"
        assert server.anthropic("s3cret").models.retrieve("owner/name").id == "owner/name"
        http = server.http()
        assert [http.get(path).status_code for path in ("/v1/models", "/metrics", "/health")] == [401, 401, 200]
        # The scheme's case does not matter, and one right key of two is enough.
        right = {"authorization": "bearer s3cret", "x-api-key": "wrong"}
        assert http.get("/v1/models", headers=right).status_code == 200
        # The key is asked for before anything of the body is read.
        assert http.post("/v1/chat/completions", content=b"{").status_code == 401


def test_clients_do_not_retry_what_is_refused_again(llm):
    """Claude Code sends a request with a wrong key again and again unless it is told not to."""
    with running(llm, ServerConfig(api_key="k", max_body_bytes=2000)) as server:
        http = server.http()
        key, large = {"x-api-key": "k"}, {**CHAT, "user": "x" * 3000}
        for path in ("/v1/messages", "/v1/chat/completions"):
            replies = [
                http.post(path, json=CHAT),
                http.post(path, json=CHAT, headers={"host": "evil.example"}),
                http.post(path, json={}, headers=key),
                http.post(path, content=b"{", headers=key),
                http.post(path, json={**CHAT, "model": "other"}, headers=key),
                http.post(f"{path}/nosuch", json=CHAT, headers=key),
                http.get(path, headers=key),
                http.post(path, json=large, headers=key),
            ]
            assert [reply.status_code for reply in replies] == [401, 403, 400, 400, 404, 404, 405, 413]
            assert {reply.headers.get("x-should-retry") for reply in replies} == {"false"}
            assert "x-should-retry" not in http.post(path, json={**CHAT, "max_tokens": 1}, headers=key).headers


def test_only_a_key_opens_the_service_to_others():
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(ConfigError, match="API key"):
            ServerConfig(host=host)
        assert not ServerConfig(host=host, api_key="k").local
    for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        assert ServerConfig(host=host).local


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70000},
        {"api_key": ""},
        {"api_key": "schlüssel"},
        {"model_name": ""},
        {"max_body_bytes": 0},
        {"max_prompt_tokens": 0},
        {"send_timeout_s": -1.0},
        {"keep_alive_s": 0.0},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(wrong):
    with pytest.raises(ConfigError):
        ServerConfig(**wrong)


def test_another_sites_name_for_this_machine_is_refused(server):
    http = server.http()
    assert http.get("/v1/models", headers={"host": "evil.example:8000"}).status_code == 403
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert http.get("/health", headers={"host": host}).status_code == 200


def test_no_other_site_may_read_replies(server):
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    preflight = server.http().options("/v1/chat/completions", headers=headers)
    reply = server.http().post("/v1/chat/completions", json=CHAT, headers=headers)
    assert preflight.status_code == 405 and reply.status_code == 200
    assert not any(name.startswith("access-control") for answer in (preflight, reply) for name in answer.headers)


def test_metrics_count_what_is_done(server):
    http = server.http()
    before = metrics(http)
    reply = http.post("/v1/chat/completions", json=CHAT).json()
    http.post("/v1/chat/completions", json={})
    http.get("/made/up")
    after = metrics(http)

    def grown(name, *labels):
        return after[(name, labels)] - before.get((name, labels), 0)

    assert grown("dgemma_requests_total", "/v1/chat/completions", "200") == 1
    assert grown("dgemma_requests_total", "/v1/chat/completions", "400") == 1
    assert grown("dgemma_requests_total", "other", "404") == 1
    assert grown("dgemma_replies_total", "diffusion") == 1
    assert grown("dgemma_completion_tokens_total") == reply["usage"]["completion_tokens"]
    assert grown("dgemma_denoise_steps_total") == reply["usage"]["diffusion"]["denoise_steps"]
    assert grown("dgemma_reply_seconds_count") == 1
    assert grown("dgemma_engine_refused_total") == grown("dgemma_engine_cancelled_total") == 0
    assert after[("dgemma_engine_kv_bytes", ())] <= after[("dgemma_engine_kv_budget_bytes", ())]


def test_requests_at_the_same_time_are_answered_as_alone(server):
    http = server.http()

    def ask(seed):
        return http.post("/v1/chat/completions", json={**CHAT, "max_tokens": 16, "seed": seed}).json()["choices"]

    alone = [ask(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(ask, range(6))) == alone


def test_a_client_that_leaves_a_stream_stops_the_work(talkative):
    engine, http = talkative.llm.engine, talkative.http()
    left = metrics(http)[("dgemma_replies_left_total", ())]
    for path, body in (
        ("/v1/chat/completions", {**LONG, "diffusing": True}),
        ("/v1/responses", {**{k: v for k, v in LONG.items() if k not in ("messages", "max_tokens")}, "input": "hi"}),
        ("/v1/messages", LONG),
    ):
        with http.stream("POST", path, json={**body, "stream": True}) as reply:
            lines = reply.iter_lines()
            next(lines)
            # The first event may leave before the engine's thread has taken the request up.
            eventually(lambda: engine.snapshot().active == 1)
        eventually(lambda: engine.snapshot().active == 0)
    eventually(lambda: metrics(http)[("dgemma_replies_left_total", ())] == left + 3)


def test_a_client_that_leaves_before_the_reply_stops_the_work(talkative):
    engine, http = talkative.llm.engine, talkative.http()
    with pytest.raises(httpx2.ReadTimeout):
        http.post("/v1/chat/completions", json={**LONG, "n": 2}, timeout=0.5)
    eventually(lambda: engine.snapshot().active == 0)
    assert http.post("/v1/chat/completions", json=CHAT).status_code == 200


def test_a_server_that_stops_ends_open_streams(llm):
    model = endless(llm)
    with ExitStack() as outlive, ThreadPoolExecutor(1) as thread:
        http = outlive.enter_context(httpx2.Client(timeout=60))
        with running(model) as server:
            url = f"{server.url}/v1/chat/completions"
            lines = outlive.enter_context(http.stream("POST", url, json={**LONG, "stream": True})).iter_lines()
            next(lines)
            eventually(lambda: model.engine.snapshot().active == 1)
            rest = thread.submit(lambda: "".join(lines))
        assert "The server is shutting down" in rest.result(30)
    assert model.engine.snapshot().active == 0
    model.engine.close()


def test_a_full_line_is_told_when_to_come_back(narrow):
    http, engine = narrow.http(), narrow.llm.engine
    with http.stream("POST", "/v1/chat/completions", json={**LONG, "stream": True}) as first:
        first_lines = first.iter_lines()
        next(first_lines)
        with http.stream("POST", "/v1/messages", json={**LONG, "stream": True}) as second:
            second_lines = second.iter_lines()
            next(second_lines)
            eventually(lambda: engine.snapshot().waiting == 1)
            with pytest.raises(openai.RateLimitError) as caught:
                narrow.openai().chat.completions.create(model="tiny", messages=QUESTION)
            assert int(caught.value.response.headers["retry-after"]) >= 1
            assert "x-should-retry" not in caught.value.response.headers
            with pytest.raises(anthropic.RateLimitError) as refused:
                narrow.anthropic().messages.create(model="tiny", messages=QUESTION, max_tokens=1)
            assert refused.value.type == "rate_limit_error"
        # One that leaves the line leaves it at once.
        eventually(lambda: engine.snapshot().waiting == 0)
    eventually(lambda: engine.snapshot().active == 0)
    assert http.post("/v1/chat/completions", json=CHAT).status_code == 200
    # Replies that can never all have a place are no matter of waiting.
    refused = http.post("/v1/chat/completions", json={**CHAT, "n": 3})
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "n"
    eventually(lambda: engine.snapshot().waiting == engine.snapshot().active == 0)


def test_a_limit_on_the_prompt_is_kept(llm):
    with running(llm, ServerConfig(max_prompt_tokens=20, max_body_bytes=2000, max_choices=2)) as server:
        http = server.http()
        assert "tokens > 20 maximum" in http.post("/v1/chat/completions", json=CHAT).json()["error"]["message"]
        small = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1, **FAST}
        assert http.post("/v1/chat/completions", json=small).status_code == 200
        assert http.post("/v1/chat/completions", json={**small, "user": "x" * 2000}).status_code == 413
        assert http.post("/v1/chat/completions", json={**small, "n": 3}).json()["error"]["param"] == "n"


def test_who_names_no_limit_gets_the_usual_one(llm):
    model = endless(llm)
    unlimited = {**{name: value for name, value in CHAT.items() if name != "max_tokens"}, "max_denoising_steps": 1}
    with running(model, ServerConfig(default_max_tokens=20)) as server:
        reply = server.http().post("/v1/chat/completions", json=unlimited).json()
        assert reply["usage"]["completion_tokens"] == 20 and reply["choices"][0]["finish_reason"] == "length"
    model.engine.close()
    assert ServerConfig().default_max_tokens == 2048
    with pytest.raises(ConfigError, match="default_max_tokens"):
        ServerConfig(default_max_tokens=0)


@pytest.mark.parametrize("way", [FAST, {"mode": "autoregressive"}, {"mode": "auto", "max_denoising_steps": 1}])
@pytest.mark.parametrize("limits", [{"max_context": 90}, {"kv_budget_mb": 3.0}, {"kv_budget_mb": 3.0, "max_active": 1}])
def test_a_limit_by_default_is_no_reason_for_a_refusal(llm, limits, way):
    """An explicit one of as many tokens is, where the memory for caches cannot hold them."""
    model = endless(llm, **limits)
    unlimited = {"model": "tiny", "messages": QUESTION, **way}
    with running(model, ServerConfig(default_max_tokens=3000)) as server:
        http = server.http()
        reply = http.post("/v1/chat/completions", json=unlimited)
        assert reply.status_code == 200, reply.text
        usage = reply.json()["usage"]
        if "max_context" in limits:
            assert usage["total_tokens"] == 90
        else:
            assert http.post("/v1/chat/completions", json={**unlimited, "max_tokens": 3000}).status_code == 400
            # As many as there is room for, and not one more; "auto" might have taken a canvas of twice the length.
            spare = 200 if way.get("mode") == "auto" else 1
            more = {**unlimited, "max_tokens": usage["completion_tokens"] + spare}
            assert "needs a cache" in http.post("/v1/chat/completions", json=more).json()["error"]["message"]
    model.engine.close()


def test_what_nobody_foresaw_is_told_without_details(llm, caplog):
    broken = LLM(llm.model, EngineConfig())
    with running(broken) as server:
        broken.engine.close()
        reply = server.http().post("/v1/chat/completions", json=CHAT)
        assert reply.status_code in (400, 503) and "/" not in reply.json()["error"]["message"]


def test_a_model_without_a_tokenizer_is_not_served(llm):
    with pytest.raises(UsageError, match="tokenizer"):
        create_app(LLM(replace(llm.model, tokenizer=None), EngineConfig()), ServerConfig())


def test_a_port_in_use_is_told():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}"):
            listen("127.0.0.1", port)


def test_the_description_of_the_interface_is_served(server):
    paths = server.http().get("/openapi.json").json()["paths"]
    told = paths["/health"]["get"]["responses"]["4XX"]["description"]
    assert all(str(status) in told for status in (400, 401, 403, 404, 405, 413, 429))
    assert {"/v1/chat/completions", "/v1/messages"} <= set(paths)
    assert {status for path in paths.values() for way in path.values() for status in way["responses"]} == {
        "200", "4XX", "5XX"
    }  # fmt: skip


def test_a_reply_that_a_stop_string_ends_leaves_its_place_at_once(llm):
    model = endless(llm, max_active=1, max_waiting=0)
    with running(model) as server:
        http = server.http()
        asked = {**CHAT, "max_tokens": 200, "stop": ["0", "1", "2", "3", "a", "e"]}
        assert [http.post("/v1/chat/completions", json=asked).status_code for _ in range(4)] == [200] * 4
        snapshot = model.engine.snapshot()
        assert (snapshot.finished, snapshot.cancelled) == (4, 0)
    model.engine.close()


def test_calls_without_arguments_may_have_an_empty_text_of_them(server):
    call = {"id": "a", "type": "function", "function": {"name": "now", "arguments": ""}}
    told = [
        *CHAT["messages"],
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "9"},
    ]
    assert server.http().post("/v1/chat/completions", json={**CHAT, "messages": told}).status_code == 200


def test_neutral_values_pass(server):
    neutral = {"logprobs": False, "top_logprobs": 0, "stream_options": {"include_usage": False}}
    neutral |= {"prompt_cache_retention": "24h", "prompt_cache_options": None, "moderation": None}
    assert server.http().post("/v1/chat/completions", json={**CHAT, **neutral}).status_code == 200


def test_a_missing_field_goes_by_its_own_name(server):
    told = server.http().post("/v1/chat/completions", json={**CHAT, "response_format": {"type": "json_schema"}})
    assert told.json()["error"]["param"] == "response_format.json_schema"


def test_a_sentence_does_not_repeat_all_that_it_quotes(server):
    form = {
        "type": "json_schema",
        "json_schema": {"name": "f", "schema": {"type": "string", "pattern": "(" + "x" * 10_000}},
    }
    told = server.http().post("/v1/chat/completions", json={**CHAT, "response_format": form})
    assert told.status_code == 400 and len(told.content) < 1000


def test_instructions_without_a_word_take_no_room(server):
    user = {"role": "user", "content": "Hello"}
    bodies = [
        {**CHAT, "messages": [user]},
        {**CHAT, "messages": [{"role": "system", "content": ""}, user]},
    ]
    plain, empty = (server.http().post("/v1/chat/completions", json=body).json() for body in bodies)
    assert plain["usage"]["prompt_tokens"] == empty["usage"]["prompt_tokens"]
    asked = {"model": "tiny", "messages": [user], "system": ""}
    assert (
        server.http().post("/v1/messages/count_tokens", json=asked).json()["input_tokens"]
        == plain["usage"]["prompt_tokens"]
    )
