"""Corruption and the sampler's step inside training, against what decoding does."""

from functools import partial

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.decode.accept import EntropyBound
from dgemma.model import masked_pass
from dgemma.ops import reference as ops
from dgemma.train.blocks import Document, PackedBatch, pack
from dgemma.train.objective import _some, canvas_numbers, corrupt, draw, losses, losses_of, take_sampler_step
from dgemma.train.recipe import ObjectiveRecipe
from tests.test_model import NETWORK, make_network


def packed(rows: int = 1, canvas: int = 8, answer: int = 20, draws: int = 2) -> PackedBatch:
    document = Document(prompt=[3, 4, 5], answer=[7] * answer, canvas_length=canvas, draws=draws)
    return pack([[document, document]] * rows, 2 * document.clean_length + 3, 2 * document.canvas_slots + 5, eos_id=1)


def test_canvases_are_numbered_one_after_another():
    batch = packed()
    # Two documents, two draws, three canvases of 8, then padding.
    expected = [number for number in range(12) for _ in range(8)] + [12] * 5
    assert canvas_numbers(batch).tolist() == [expected]


@settings(max_examples=20)
@given(st.integers(0, 99), st.sampled_from([1e-6, 0.1, 2.0]))
def test_a_sampler_step_accepts_as_decoding_does(seed, bound):
    batch = packed()
    generator = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(1, batch.targets_BS.shape[1], 64, generator=generator)
    sharp = torch.rand(logits.shape[:2], generator=generator) < 0.5
    logits[sharp] = -50.0
    logits[..., 9] = torch.where(sharp, 50.0, logits[..., 9])
    canvas = canvas_numbers(batch)
    uniform = torch.rand(*logits.shape[:2], 1, generator=generator)
    noise = torch.randint(64, logits.shape[:2], generator=generator)
    stepped = take_sampler_step(logits, canvas, bound, uniform, noise)
    for number in range(int(canvas.max()) + 1):
        here = canvas[0] == number
        part = logits[:, here]
        entropy = torch.distributions.Categorical(logits=part).entropy()
        accepted = EntropyBound(bound=bound).accept(entropy)
        # Where it is accepted, the id at which the distribution's sum passes the number drawn; else noise.
        sample = (part.softmax(-1).cumsum(-1) < uniform[:, here]).sum(-1)
        expected = torch.where(accepted, sample, noise[:, here])
        assert (stepped[:, here] == expected).all()
        assert bool((accepted & sharp[:, here]).any()) == bool(sharp[:, here].any())


def test_ordered_noise_keeps_a_beginning_and_noises_the_rest():
    batch = packed(rows=40)
    recipe = ObjectiveRecipe(full_noise=0.0, noise_floor=0.0, ordered=1.0)
    noised = corrupt(batch, 10**6, recipe, torch.Generator().manual_seed(0))
    kept = noised == batch.targets_BS
    offset = batch.positions_BN[:, -kept.shape[1] :] - batch.start_BS
    used = batch.owner_BN[:, -kept.shape[1] :] >= 0
    first, last = kept[used & (offset == 0)].float().mean(), kept[used & (offset == 7)].float().mean()
    assert last < 0.25 < 0.6 < first
    plain = corrupt(batch, 10**6, ObjectiveRecipe(full_noise=1.0), torch.Generator().manual_seed(0))
    assert not (plain == batch.targets_BS).any()


def test_training_works_with_rollouts_and_attention_by_products():
    network = make_network().requires_grad_(True)
    batch = packed(rows=8)
    recipe = ObjectiveRecipe(rollout=1.0, rollout_steps=3, ordered=0.3)

    def run(*arguments):
        layer_pass = partial(masked_pass, attention=ops.attention_by_products)
        return network.forward(*arguments, layer_pass=layer_pass)

    both = [losses(network, forward, batch, recipe, torch.Generator().manual_seed(4)) for forward in (network, run)]
    # The second canvas of a rollout is sampled from logits that differ in the last bits; the encoder's loss is not.
    assert torch.allclose(both[0].encoder, both[1].encoder, rtol=1e-4)
    both[1].total.backward()
    assert all(parameter.grad is not None for parameter in network.layers.parameters())
    assert NETWORK.config == network.config


def test_shares_of_rows_are_kept_on_average_and_a_loss_with_rollouts_has_gradients():
    generator = torch.Generator().manual_seed(0)
    drawn = [_some(0.4, generator) for _ in range(500)]
    assert set(drawn) == {0, 1} and 0.3 < sum(drawn) / 500 < 0.5
    assert _some(3.0, generator) == 3
    network = make_network().requires_grad_(True)
    recipe = ObjectiveRecipe(self_conditioning=0.5, rollout=0.5, rollout_steps=4)
    losses(network, network.forward, packed(rows=4), recipe, generator).total.backward()


def test_a_batch_without_canvases_has_only_the_encoder_loss():
    network = make_network().requires_grad_(True)
    batch = packed(rows=2)
    recipe = ObjectiveRecipe(self_conditioning=0.0, encoder_weight=0.5, prompt_weight=0.25)
    whole = losses(network, network.forward, batch, recipe, torch.Generator().manual_seed(4))
    parts = losses(network, network.forward, batch.without_canvases(), recipe, torch.Generator().manual_seed(4))
    assert torch.allclose(parts.encoder, whole.encoder, rtol=1e-5)
    assert parts.clean.isnan() and parts.corrupted.isnan()
    parts.total.backward()
    # Weights that only canvases use have no gradient at all: from a zero gradient Muon would make a full step.
    assert all(parameter.grad is None for parameter in network.self_conditioning.parameters())
    assert all(layer.self_attn.q_proj.weight.grad is not None for layer in network.all_layers())


def test_losses_with_fixed_slots_equal_those_of_the_used_slots():
    network = make_network()
    recipe = ObjectiveRecipe(rollout=1.0, rollout_steps=2, ordered=0.3, prompt_weight=0.3)
    sizes = set()
    for answer in (20, 13):
        document = Document(prompt=[3, 4, 5], answer=[7] * answer, canvas_length=8, draws=2)
        batch = pack([[document, document]] * 4, 50, 101, eos_id=1)
        used, every = (
            draw(batch, network.config, recipe, torch.Generator().manual_seed(4), fixed=fixed)
            for fixed in (False, True)
        )
        assert len(used.canvas.slots_P) < len(every.canvas.slots_P) == batch.targets_BS.numel()
        with torch.no_grad():
            values = [vars(losses_of(network, network.forward, drawn, recipe)) for drawn in (used, every)]
        for name, value in values[0].items():
            assert torch.allclose(value, values[1][name], rtol=1e-4), name
        sizes.add(tuple(tensor.shape for tensor in every.tensors()))
    assert len(sizes) == 1
