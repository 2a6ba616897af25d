"""Which mode and canvas `auto` takes: the arithmetic of the choice, the measuring, and its file."""

import json
import math
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dgemma
from dgemma import chat
from dgemma.decode.graphs import RecordedPasses
from dgemma.decode.lookup import SHORT_COPY
from dgemma.decode.verify import DRAFT_LENGTH, FIRST_LOOK
from dgemma.engine import pace
from dgemma.engine.pace import ROWS, Pace, cached_pace, choose, guess_profile, mean_embedding, measure_pace
from dgemma.errors import CheckpointError, ConfigError
from dgemma.evals.run import examples
from dgemma.profile import CanvasRecord, DenoisingProfile, RequestKind
from tests.engine.requests import content, make_engine, make_request
from tests.test_model import NETWORK


def record(length: int, steps: float, equivalents: float | None = None, accuracy: float = 1.0) -> CanvasRecord:
    return CanvasRecord(
        length=length,
        steps=steps,
        equivalents=steps if equivalents is None else equivalents,
        tokens=length,
        accuracy=accuracy,
    )


def profile(*records: CanvasRecord, answer_tokens: float = 64) -> DenoisingProfile:
    return DenoisingProfile(canvases=records, answer_tokens=answer_tokens)


FLAT = Pace(step_ms={1: 10, 64: 10, 256: 10}, token_ms=10)
"""Memory-bound: every pass costs the same."""
STEEP = Pace(step_ms={1: 10, 64: 640, 256: 2560}, token_ms=10)
"""Compute-bound: every position costs the same."""


def test_diffusion_is_chosen_if_every_pass_costs_the_same():
    choice = choose(profile(record(32, 6), record(64, 8)), FLAT, max_new_tokens=100)
    assert (choice.mode, choice.canvas_length) == ("diffusion", 64)
    assert (choice.diffusion_ms, choice.autoregressive_ms) == (80, 640)


def test_the_cost_of_checked_canvases_includes_drafts_and_checks():
    drafted = CanvasRecord(length=64, steps=6, equivalents=1.5, tokens=24, accuracy=1, checks=6)
    pace = Pace(step_ms={1: 10, 16: 15, 64: 40}, token_ms=10)
    look, a_canvas = pace.step(FIRST_LOOK), 6 * (15 + pace.step(DRAFT_LENGTH))
    for tokens, canvases in ((48, 2), (24, 1), (6, 1), (1, 1), (30, 1.25)):
        choice = choose(profile(drafted, answer_tokens=48), pace, max_new_tokens=tokens)
        assert choice.diffusion_ms == pytest.approx(canvases * look + tokens / 24 * (a_canvas - look))
    assert DenoisingProfile.from_document(profile(drafted).to_document()) == profile(drafted)
    with pytest.raises(ConfigError):
        CanvasRecord(length=64, steps=6, equivalents=1.5, tokens=24, accuracy=1, checks=-1)


def test_autoregressive_is_chosen_if_every_position_costs_the_same():
    choice = choose(profile(record(64, 8)), STEEP, max_new_tokens=100)
    assert choice.mode == "autoregressive"
    assert (choice.diffusion_ms, choice.autoregressive_ms) == (8 * 640, 640)


def test_a_short_answer_takes_the_short_canvas():
    pace = Pace(step_ms={1: 10, 8: 11, 64: 40, 256: 160}, token_ms=10)
    choice = choose(profile(record(8, 3), record(64, 6)), pace, max_new_tokens=8)
    assert (choice.mode, choice.canvas_length) == ("diffusion", 8)


def test_skipped_positions_lower_the_cost_of_a_canvas():
    pace = Pace(step_ms={1: 10, 64: 73, 256: 265}, token_ms=10)
    skipping, plain = (choose(profile(record(64, 8, equivalents)), pace, 64).diffusion_ms for equivalents in (4.0, 8.0))
    assert plain == pytest.approx(8 * 73) and skipping == pytest.approx(8 * 41)


def test_a_less_accurate_canvas_length_is_not_chosen():
    records = (record(32, 8, accuracy=0.9), record(64, 2, accuracy=0.5))
    assert choose(profile(*records), FLAT, 100).canvas_length == 32
    assert choose(profile(*records), FLAT, 100, canvas_length=64).canvas_length == 64


@given(st.dictionaries(st.sampled_from(ROWS), st.floats(0.1, 100), min_size=1), st.floats(1, 2000))
def test_a_pace_gives_a_time_for_any_number_of_positions(step_ms, rows):
    pace = Pace(step_ms=step_ms, token_ms=1)
    assert pace.step(rows) >= min(step_ms.values())
    assert all(pace.step(known) == pytest.approx(ms) for known, ms in step_ms.items())


@given(st.integers(1, 1024))
def test_the_guessed_profile_has_the_models_own_canvas_and_shorter_ones(length):
    lengths = [canvas.length for canvas in guess_profile(length).canvases]
    assert lengths[-1] == length and lengths == sorted(set(lengths))


def test_measuring_stays_within_its_budget():
    whole, short = measure_pace(NETWORK, budget_s=600), measure_pace(NETWORK, budget_s=0)
    assert set(whole.step_ms) == set(ROWS) and set(short.step_ms) == {1}
    assert all(0 < ms < math.inf for ms in (*whole.step_ms.values(), whole.token_ms, short.token_ms))


def test_the_measuring_budget_is_at_least_the_time_of_some_tokens(monkeypatch):
    monkeypatch.setattr(pace, "_BUDGET_S", 0.0)
    for tokens, measured in ((0, {1}), (10**6, set(ROWS))):
        monkeypatch.setattr(pace, "_BUDGET_TOKENS", tokens)
        assert set(measure_pace(NETWORK).step_ms) == measured


def test_the_time_of_recording_a_pass_is_not_part_of_its_pace():
    def slowly(run):
        time.sleep(0.2)
        return run

    measured = measure_pace(NETWORK, budget_s=5.0, passes=RecordedPasses(NETWORK, capture=slowly))
    assert set(measured.step_ms) == set(ROWS) and max(measured.step_ms.values()) < 200


def test_a_pace_is_measured_once_for_a_machine_and_a_model(tmp_path):
    file = tmp_path / "folder" / "pace.json"
    first = cached_pace(NETWORK, file)
    assert cached_pace(NETWORK, file) == first
    file.write_text("not json")
    assert cached_pace(NETWORK, file).token_ms > 0
    assert len(json.loads(file.read_text())) == 1


def test_a_pace_file_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert cached_pace(NETWORK, tmp_path / "file" / "pace.json").token_ms > 0


def test_auto_gives_the_tokens_of_the_mode_it_chooses():
    engine = make_engine()
    choice = engine.choose(20)
    taken = make_request(mode=choice.mode, canvas_length=choice.canvas_length)
    assert content(engine.submit(make_request(mode="auto"))) == content(make_engine().submit(taken))


def kind(name: str, centre: tuple[float, ...], *records: CanvasRecord, tokens: float = 64) -> RequestKind:
    return RequestKind(name=name, centre=centre, reach=1.0, canvases=records, answer_tokens=tokens)


def test_a_request_near_a_known_kind_is_judged_by_that_kind():
    """The averages favour autoregressive decoding, the kind at (5, 0) favours diffusion."""
    slow, fast = record(64, 80), record(64, 2)
    kinds = (kind("torn", (0.0, 0.0), slow), kind("sure", (5.0, 0.0), fast, tokens=32))
    with_kinds = replace(profile(slow), kinds=kinds)
    assert with_kinds.find_kind([4.5, 0.5]) == kinds[1] and with_kinds.find_kind([3.0, 0.0]) is None
    assert with_kinds.find_kind([1.0]) is None and profile(slow).find_kind([5.0, 0.0]) is None
    chosen = {
        embedding: choose(with_kinds, FLAT, 64, mean_embedding=embedding)
        for embedding in ((0.5, 0.5), (5.0, 0.5), (2.5, 0.0), ())
    }
    assert [choice.mode == "diffusion" for choice in chosen.values()] == [False, True, False, False]
    assert chosen[5.0, 0.5].autoregressive_ms == 32 * FLAT.token_ms


def test_a_request_of_no_known_kind_is_answered_autoregressively():
    fast = record(64, 2)
    with_kinds = replace(profile(fast), kinds=(kind("sure", (5.0, 0.0), fast),))
    chosen = {
        embedding: choose(with_kinds, FLAT, 64, mean_embedding=embedding).mode
        for embedding in ((5.0, 0.0), (0.0, 0.0), ())
    }
    assert chosen == {(5.0, 0.0): "diffusion", (0.0, 0.0): "autoregressive", (): "diffusion"}
    assert choose(profile(fast), FLAT, 64, mean_embedding=(0.0, 0.0)).mode == "diffusion", (
        "without kinds, the averages decide"
    )


def test_a_stored_pace_that_is_too_slow_is_measured_again(tmp_path, monkeypatch):
    """Next to another busy process, passes are measured several times too slow."""
    monkeypatch.setattr(pace, "_FASTER", 0.6)
    file = tmp_path / "pace.json"
    cached_pace(NETWORK, file)
    ((key, entry),) = json.loads(file.read_text()).items()
    for part in ("token_ms", "step_ms"):
        slow = {rows: 1000 * ms for rows, ms in entry["step_ms"].items()} if part == "step_ms" else 1000 * entry[part]
        file.write_text(json.dumps({key: {**entry, part: slow}}))
        measured = cached_pace(NETWORK, file)
        assert measured.token_ms < 900 * entry["token_ms"] and measured.step(8) < 900 * entry["step_ms"]["8"]
    fast = {"token_ms": 1e-9, "step_ms": dict.fromkeys(entry["step_ms"], 1e-9)}
    file.write_text(json.dumps({key: fast}))
    assert cached_pace(NETWORK, file).token_ms == 1e-9, "a slower measurement does not replace a faster one"


def test_request_kinds_survive_the_round_trip():
    original = replace(profile(record(8, 3)), kinds=(kind("one", (0.25, -1.0), record(8, 2), record(64, 3)),))
    document = json.loads(json.dumps(original.to_document()))
    assert DenoisingProfile.from_document(document) == original
    for broken in ({"centre": "near"}, {"centre": ["a"]}, {"name": 3}, {"canvases": 1}):
        with pytest.raises(CheckpointError, match=r"denoising\.json"):
            DenoisingProfile.from_document({**document, "kinds": [{**document["kinds"][0], **broken}]})
    for broken in ({"reach": -1}, {"canvases": []}, {"centre": []}, {"answer_tokens": 0}):
        with pytest.raises(ConfigError):
            DenoisingProfile.from_document({**document, "kinds": [{**document["kinds"][0], **broken}]})


def test_the_embedded_profile_recognises_its_kinds_of_requests():
    """With prompts that its profile was not measured on."""
    llm = dgemma.load("tiny")
    for task in ("sudoku4", "sudoku9", "fix"):
        for example in examples(task, 10, seed=23):
            messages = [{"role": "user", "content": example.prompt}]
            ids = chat.render(messages, llm.tokenizer, template=llm.model.chat_template)
            kind_found = llm.engine.profile.find_kind(mean_embedding(llm.network, ids))
            assert kind_found is None or kind_found.name == task
            assert kind_found is not None or task == "sudoku9", "only a sudoku9 may be outside the reach of its kind"


def test_a_profile_survives_the_round_trip_and_a_damaged_one_is_refused():
    original = profile(record(8, 3), record(64, 6.5, 4.25))
    assert DenoisingProfile.from_document(json.loads(json.dumps(original.to_document()))) == original
    with pytest.raises(CheckpointError, match="no list `canvases`"):
        DenoisingProfile.from_document({"answer_tokens": 3})
    with pytest.raises(CheckpointError, match="lacks `steps`"):
        DenoisingProfile.from_document({"answer_tokens": 3, "canvases": [{"length": 8}]})
    with pytest.raises(ConfigError, match="between 0 and its steps"):
        record(8, 3, 4)


def test_an_entry_without_a_step_is_measured_again(tmp_path):
    file = tmp_path / "pace.json"
    cached_pace(NETWORK, file)
    (key,) = json.loads(file.read_text())
    file.write_text(json.dumps({key: {"step_ms": {}, "token_ms": 1.0}}))
    assert cached_pace(NETWORK, file).step_ms


def test_copies_from_the_prompt_are_used_where_they_save_time():
    pace = Pace(step_ms={1: 10, 8: 25, 64: 200}, token_ms=10)
    never = record(64, 80)
    copying = replace(kind("copying", (0.0,), never, tokens=40), copies=4, copied=20)
    failing = replace(kind("failing", (5.0,), never, tokens=40), copies=4, copied=5)
    known = replace(profile(never), kinds=(copying, failing))
    found = {at: choose(known, pace, 1000, mean_embedding=(at,)) for at in (0.0, 5.0, 2.5)}
    assert [choice.copy_length for choice in found.values()] == [SHORT_COPY, 0, SHORT_COPY]
    # Twenty tokens of forty are copied; each of four tries takes fifteen milliseconds more than a token.
    assert found[0.0].autoregressive_ms == 200 + 4 * 15 and found[5.0].autoregressive_ms == 400
    assert choose(known, pace, 10, mean_embedding=(0.0,)).autoregressive_ms == (200 + 4 * 15) / 4
    assert choose(known, replace(pace, step_ms={1: 10, 8: 45}), 1000, mean_embedding=(2.5,)).copy_length == 0


def test_the_copies_of_a_kind_survive_the_round_trip():
    copying = replace(kind("one", (0.25,), record(8, 2)), copies=2.5, copied=7.25)
    document = json.loads(json.dumps(replace(profile(record(8, 3)), kinds=(copying,)).to_document()))
    assert DenoisingProfile.from_document(document).kinds == (copying,)
    (written,) = document["kinds"]
    for broken in ({"copies": -1}, {"copied": -1}, {"copied": 65}):
        with pytest.raises(ConfigError):
            DenoisingProfile.from_document({**document, "kinds": [{**written, **broken}]})
    without = {name: value for name, value in written.items() if name not in ("copies", "copied")}
    (kept,) = DenoisingProfile.from_document({**document, "kinds": [without]}).kinds
    assert (kept.copies, kept.copied) == (0, 0), "files of earlier versions say nothing of copies"
