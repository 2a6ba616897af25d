"""Skipping settled positions: skipped ones keep their state, and no canvas finishes without a closing step."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import dgemma
from dgemma import chat
from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode.denoise import SETTLED_NATS, DenoiseStep, denoise
from dgemma.decode.head import HeadReading
from dgemma.decode.stop import StableAndConfident
from dgemma.evals.run import examples
from dgemma.model import DiffusionGemma
from tests.test_model import NETWORK, ids

# Temperatures so low that most positions are certain at once, and settle at different steps.
COLD = SamplerConfig(max_denoising_steps=12, t_min=0.004, t_max=0.012)
LENGTH = 12


def prefix(rows: int = 1) -> KVCache:
    cache = KVCache(NETWORK.config, batch_size=rows, max_length=64)
    NETWORK.encode(ids(rows, 5), cache)
    return cache


def run(seed: int, sampler: SamplerConfig = COLD, rows: int = 1, **options) -> list[DenoiseStep]:
    generator = torch.Generator().manual_seed(seed)
    return list(denoise(NETWORK, prefix(rows), sampler, generator, LENGTH, **options))


@pytest.fixture
def passes(monkeypatch) -> list[Tensor | None]:
    """The `rows` of every pass over a canvas."""
    seen: list[Tensor | None] = []
    original: Callable = DiffusionGemma.denoise

    def recording(self, canvas_BL, cache, soft_BLD=None, rows=None):
        seen.append(rows)
        return original(self, canvas_BL, cache, soft_BLD, rows)

    monkeypatch.setattr(DiffusionGemma, "denoise", recording)
    return seen


@pytest.mark.parametrize("rows", [1, 3])
def test_only_a_full_step_ends_a_canvas(passes, rows):
    skipped = 0
    for seed in range(8):
        passes.clear()
        steps = run(seed, rows=rows)
        done = torch.zeros(rows, dtype=torch.bool)
        for step, computed in zip(steps, passes, strict=True):
            assert step.computed == (LENGTH if computed is None else len(computed))
            skipped += LENGTH - step.computed
            if bool((step.done_B & ~done).any()):
                assert computed is None
            done = step.done_B
        assert passes[-1] is None
    assert skipped > 0


def test_the_last_step_reads_every_position_and_meets_the_stop_rule(passes):
    """With trained weights, whose canvases do end."""
    llm = dgemma.load("tiny")
    rule = StableAndConfident(
        stability=llm.model.sampler.stability_threshold, confidence=llm.model.sampler.confidence_threshold
    )
    ended = skipped = 0
    for seed, example in enumerate(examples("sudoku4", 4, seed=1)):
        passes.clear()
        cache = KVCache(llm.config, max_length=256)
        prompt = chat.render([{"role": "user", "content": example.prompt}], llm.tokenizer)
        llm.network.encode(torch.tensor([prompt]), cache)
        steps = list(denoise(llm.network, cache, llm.model.sampler, torch.Generator().manual_seed(seed), 32))
        skipped += sum(32 - step.computed for step in steps)
        if bool(steps[-1].done_B[0]):
            ended += 1
            assert passes[-1] is None
            earlier = [step.argmax_BL for step in steps[:-1]]
            assert bool(rule.done(earlier, steps[-1].argmax_BL, steps[-1].entropy_BL)[0])
    assert ended > 0 and skipped > 0


def test_skipped_positions_keep_their_state(passes):
    for seed in range(6):
        passes.clear()
        steps = run(seed)
        for before, step, rows in zip(steps, steps[1:], passes[1:], strict=False):
            if rows is not None:
                skipped = torch.ones(LENGTH, dtype=torch.bool).index_fill_(0, rows, False)
                for name in ("argmax_BL", "entropy_BL"):
                    assert torch.equal(getattr(step, name)[:, skipped], getattr(before, name)[:, skipped])
                # It settled: it held its own likeliest token, was nearly certain, and was accepted.
                assert torch.equal(before.canvas_BL[:, skipped], before.argmax_BL[:, skipped])
                assert bool((before.entropy_BL[:, skipped] < SETTLED_NATS).all())
                assert bool(before.accepted_BL[:, skipped].all())


def test_a_partial_pass_equals_a_full_one_while_skipped_positions_do_not_change():
    """With the same canvas and self-conditioning signal, the rows of a partial pass are those of a full one."""
    cache, canvas, soft = prefix(), ids(1, LENGTH, seed=4), torch.zeros(1, LENGTH, NETWORK.config.hidden_size)
    full = NETWORK.denoise(canvas, cache, soft)
    rows = torch.tensor([1, 4, 11])
    torch.testing.assert_close(NETWORK.denoise(canvas, cache, soft, rows), full[:, rows])


def test_skipping_can_be_switched_off(passes):
    for options in ({"skip_settled": False}, {"exact": True}):
        passes.clear()
        steps = run(3, **options)
        assert len(passes) == len(steps) and all(rows is None for rows in passes)
        assert all(step.computed == LENGTH for step in steps)


def test_nothing_settles_while_the_model_is_unsure(passes):
    warm = SamplerConfig(max_denoising_steps=6)
    skipping, plain = run(1, warm), run(1, warm, skip_settled=False)
    assert all(rows is None for rows in passes)
    assert all(torch.equal(a.canvas_BL, b.canvas_BL) for a, b in zip(skipping, plain, strict=True))


def test_positions_after_a_settled_end_token_are_not_computed(passes):
    shorter = 0
    for seed in range(6):
        passes.clear()
        plain = run(seed)
        end = int(plain[-1].argmax_BL[0, 3])
        passes.clear()
        steps = run(seed, end_ids=(end,))
        first = int((steps[-1].argmax_BL[0] == end).int().argmax()) if end in steps[-1].argmax_BL else LENGTH - 1
        for rows in passes:
            if rows is not None and len(rows) and int(rows[-1]) < LENGTH - 1:
                shorter += 1
        if bool(steps[-1].done_B[0]) and passes[-1] is not None:
            assert passes[-1].tolist() == list(range(first + 1))
    assert shorter > 0


def test_the_tail_is_skipped_as_soon_as_an_end_token_is_certain(passes):
    left_out = at_once = 0
    for seed in range(6):
        end = int(run(seed)[-1].argmax_BL[0, 3])
        passes.clear()
        steps = run(seed, end_ids=(end,))
        for number, (before, rows) in enumerate(zip(steps, passes[1:], strict=False)):
            certain = ((before.argmax_BL[0] == end) & (before.entropy_BL[0] < SETTLED_NATS)).nonzero()
            if len(certain) and int(certain[0]) < LENGTH - 1:
                assert rows is not None and int(rows[-1]) <= int(certain[0])
                left_out, at_once = left_out + 1, at_once + (number == 0)
    assert left_out > at_once > 0


def test_a_confident_canvas_is_computed_in_full_by_the_next_step(passes):
    sure = 0
    for seed in range(8):
        passes.clear()
        for step, rows in zip(run(seed), passes[1:], strict=False):
            if float(step.entropy_BL.mean()) < COLD.confidence_threshold and step.computed < LENGTH:
                assert rows is None
                sure += 1
    assert sure > 0


def test_the_skipped_tail_does_not_delay_the_end_of_a_canvas(monkeypatch):
    """Every position up to the end token is certain at once; the positions after it would take one step more."""
    readings = torch.zeros(LENGTH)

    def read(network, hidden_BRD, *arguments, **options):
        rows_R = hidden_BRD[0, :, 0].long()
        readings[rows_R] += 1
        entropy_R = torch.where(rows_R <= 4, 1e-4, 2.0 / 100 ** readings[rows_R])
        argmax_BR = torch.where(rows_R >= 4, 1, 7)[None]
        return HeadReading(
            argmax_BL=argmax_BR, sample_BL=argmax_BR, entropy_BL=entropy_R[None],
            soft_BLD=torch.zeros(1, len(rows_R), NETWORK.config.hidden_size),
        )  # fmt: skip

    def positions(self, canvas_BL, cache, soft_BLD=None, rows=None):
        return (torch.arange(LENGTH) if rows is None else rows)[None, :, None].float()

    monkeypatch.setattr("dgemma.decode.head.read", read)
    monkeypatch.setattr(DiffusionGemma, "denoise", positions)
    steps = run(0, SamplerConfig(max_denoising_steps=48), end_ids=(1,))
    assert [step.computed for step in steps] == [LENGTH, 5] and bool(steps[-1].done_B[0])
