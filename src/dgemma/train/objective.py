"""The training objective: corruption of canvases, self-conditioning, and the two cross-entropies.

t is drawn per row of canvases; each canvas token is replaced with probability t by a uniform vocabulary id; the loss is
plain cross-entropy over all canvas tokens, corrupted or not, plus the encoder's next-token cross-entropy (arXiv
2608.00146, supervised stage). Two additions bring the canvases nearer to those that the sampler meets: `ordered` noise,
which keeps a canvas' beginning, and `rollout`, which takes one step of the sampler on the model's own prediction.
Knows nothing of optimisers or files.

Shapes: B rows, T clean slots, S canvas slots, N = T + S, V vocabulary, D hidden.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.config import LayerType
from dgemma.model import DiffusionGemma
from dgemma.train.blocks import PackedBatch, block_mask, sent
from dgemma.train.recipe import ObjectiveRecipe

Forward = Callable[..., tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The loss to minimise and its parts, in nats per token; the parts are detached, nan where no tokens are."""

    total: Tensor
    clean: Tensor
    corrupted: Tensor
    encoder: Tensor


@dataclass(frozen=True, kw_only=True)
class Places:
    """The slots that losses are taken at, as numbers of the flattened batch.

    Found before the batch goes to a GPU, where the CPU would have to wait for their count.

    canvas_N   slots of canvases, of [B, S]
    next_M     clean slots whose next one belongs to the same example, of [B, T - 1]
    """

    canvas_N: Tensor
    next_M: Tensor


def find_places(batch: PackedBatch) -> Places:
    """The places of a batch, on its device."""
    clean = batch.tokens_BT.shape[1]
    owner_BT, owner_BS = batch.owner_BN[:, :clean], batch.owner_BN[:, clean:]
    follows_BT = (owner_BT[:, 1:] == owner_BT[:, :-1]) & (owner_BT[:, 1:] >= 0)
    return Places(canvas_N=(owner_BS >= 0).flatten().nonzero()[:, 0], next_M=follows_BT.flatten().nonzero()[:, 0])


def make_masks(batch: PackedBatch, window: int | None) -> dict[LayerType, Tensor]:
    """The masks of both layer kinds; one tensor for both without a window, as when it covers every position."""
    full = block_mask(batch, None)
    return {"full_attention": full, "sliding_attention": full if window is None else block_mask(batch, window)}


def corrupt(batch: PackedBatch, vocab_size: int, recipe: ObjectiveRecipe, generator: torch.Generator) -> Tensor:
    """Noised canvases [B, S]; t is one per noise draw (its canvases share it), 1 with probability `full_noise`.

    A share `ordered` of the draws has t = 1 from a place on, drawn for each canvas, and a t below 0.1 before it.
    """
    rows, slots = batch.targets_BS.shape
    most = int(batch.draw_BS.max()) + 1
    level = recipe.noise_floor + (1 - recipe.noise_floor) * torch.rand(rows, most, generator=generator)
    level[torch.rand(rows, most, generator=generator) < recipe.full_noise] = 1.0
    t_BS = level.gather(1, batch.draw_BS)
    if recipe.ordered:
        ordered_BS = (torch.rand(rows, most, generator=generator) < recipe.ordered).gather(1, batch.draw_BS)
        canvas_BS = canvas_numbers(batch)
        # Early places are likelier: behind an answer's end there is little to learn.
        place = torch.rand(rows, slots, generator=generator).gather(1, canvas_BS) ** 1.5
        length_BS = torch.zeros(rows, slots).scatter_add_(1, canvas_BS, torch.ones(rows, slots)).gather(1, canvas_BS)
        offset_BS = batch.positions_BN[:, -slots:] - batch.start_BS
        t_ordered_BS = torch.where(offset_BS < place * length_BS, 0.1 * t_BS, 1.0)
        t_BS = torch.where(ordered_BS, t_ordered_BS, t_BS)
    noise_BS = torch.randint(vocab_size, (rows, slots), generator=generator)
    return torch.where(torch.rand(rows, slots, generator=generator) < t_BS, noise_BS, batch.targets_BS)


def canvas_numbers(batch: PackedBatch) -> Tensor:
    """The number of each slot's canvas within its row, from 0 [B, S]; padding counts as a canvas."""
    slots = batch.start_BS.shape[1]
    marks = (batch.start_BS, batch.draw_BS, batch.owner_BN[:, -slots:])
    new_BS = torch.stack([mark[:, 1:] != mark[:, :-1] for mark in marks]).any(0)
    return F.pad(new_BS.long().cumsum(1), (1, 0))


def take_sampler_step(logits_BSV: Tensor, canvas_BS: Tensor, bound: float, generator: torch.Generator) -> Tensor:
    """The canvases [B, S] after one step of the sampler on these scaled logits, each with the entropy bound on its own.

    `canvas_BS` numbers the canvases (`canvas_numbers`); `generator` is on the CPU.
    """
    rows, slots, vocab_size = logits_BSV.shape
    log_probabilities = logits_BSV.log_softmax(-1)
    entropy_BS = -(log_probabilities.exp() * log_probabilities).sum(-1)
    # By canvas, and within a canvas by entropy.
    order_BS = entropy_BS.argsort(dim=-1)
    order_BS = order_BS.gather(1, canvas_BS.gather(1, order_BS).argsort(dim=-1, stable=True))
    number_BS, ascending = canvas_BS.gather(1, order_BS), entropy_BS.gather(1, order_BS).double()
    before = ascending.cumsum(-1) - ascending
    first = torch.full_like(before, torch.inf).scatter_reduce(1, number_BS, before, "amin")
    taken = before - first.gather(1, number_BS) <= bound
    accepted_BS = torch.zeros_like(taken).scatter(1, order_BS, taken)
    uniform = sent(torch.rand(rows, slots, 1, generator=generator), logits_BSV.device)
    sample_BS = (log_probabilities.exp().cumsum(-1) < uniform).sum(-1).clamp(max=vocab_size - 1)
    noise_BS = sent(torch.randint(vocab_size, (rows, slots), generator=generator), logits_BSV.device)
    return torch.where(accepted_BS, sample_BS, noise_BS)


def losses(
    network: DiffusionGemma,
    forward: Forward,
    batch: PackedBatch,
    recipe: ObjectiveRecipe,
    generator: torch.Generator,
) -> Losses:
    """One batch's losses. `forward` is `network.forward` or a compiled twin; `batch` and `generator` are on the CPU,
    whichever device the network is on, so that a seed draws the same noise on every machine.

    The first rows (a share of `self_conditioning`) see the expectation of a pass without gradient, the others a true
    zero; a share `rollout` of the first ones takes a sampler's step as well. Which examples these are is random since
    packing is; a share of rows that is no whole number is rounded up or down by chance. A batch without canvases has
    the encoder's loss alone.
    """
    device = network.device
    window = network.config.sliding_window
    window = None if int(batch.positions_BN.max()) < window else window
    places = find_places(batch)
    places = Places(canvas_N=sent(places.canvas_N, device), next_M=sent(places.next_M, device))
    if not batch.targets_BS.shape[1]:
        batch = batch.to(device)
        nothing_BSD = torch.zeros(*batch.targets_BS.shape, network.config.hidden_size, device=device)
        masks = make_masks(batch, window)
        clean_hidden, _ = forward(batch.tokens_BT, batch.targets_BS, nothing_BSD, batch.positions_BN, masks)
        to_minimise, encoder = _next_token(network, batch, places, clean_hidden, recipe)
        none = torch.full_like(encoder, torch.nan)
        return Losses(total=recipe.encoder_weight * to_minimise, clean=none, corrupted=none, encoder=encoder)
    noised_BS = sent(corrupt(batch, network.config.vocab_size, recipe, generator), device)
    conditioned = _some(recipe.self_conditioning * len(noised_BS), generator)
    low, high = recipe.temperature
    temperature = sent(low + (high - low) * torch.rand(conditioned, 1, 1, generator=generator), device)
    canvas_BS = sent(canvas_numbers(batch), device)
    batch = batch.to(device)
    masks = make_masks(batch, window)
    soft_BSD = torch.zeros(*noised_BS.shape, network.config.hidden_size, device=device)
    if conditioned:
        _condition(network, forward, batch, canvas_BS, masks, noised_BS, soft_BSD, temperature, recipe, generator)
    clean_hidden, canvas_hidden = forward(batch.tokens_BT, noised_BS, soft_BSD, batch.positions_BN, masks)
    return _combine(network, batch, places, noised_BS, clean_hidden, canvas_hidden, recipe)


@torch.no_grad()
def _condition(
    network: DiffusionGemma,
    forward: Forward,
    batch: PackedBatch,
    canvas_BS: Tensor,
    masks: dict[LayerType, Tensor],
    noised_BS: Tensor,
    soft_BSD: Tensor,
    temperature_R11: Tensor,
    recipe: ObjectiveRecipe,
    generator: torch.Generator,
) -> None:
    """Writes the expectation of a first pass into the first rows of `soft_BSD`, one for each temperature, and moves
    the canvases of some of them in `noised_BS` on by sampler steps, each with a pass of its own."""
    rows = len(temperature_R11)
    rolled = _some(recipe.rollout * rows, generator)
    for _ in range(max(1, recipe.rollout_steps)):
        part = {kind: mask[:rows] for kind, mask in masks.items()}
        _, hidden = forward(batch.tokens_BT[:rows], noised_BS[:rows], soft_BSD[:rows], batch.positions_BN[:rows], part)
        scaled = network.logits(hidden) / temperature_R11[:rows]
        soft_BSD[:rows] = network.expect(scaled.softmax(-1)).float()
        if not rolled:
            return
        noised_BS[:rolled] = take_sampler_step(scaled[:rolled], canvas_BS[:rolled], recipe.entropy_bound, generator)
        rows = rolled = rolled // 2
        if not rows:
            return


def _some(share: float, generator: torch.Generator) -> int:
    """A whole number with that expectation; whole ones draw nothing."""
    whole = int(share)
    return whole if share == whole else whole + int(torch.rand((), generator=generator) < share - whole)


def _combine(
    network: DiffusionGemma,
    batch: PackedBatch,
    places: Places,
    noised_BS: Tensor,
    clean_hidden: Tensor,
    canvas_hidden: Tensor,
    recipe: ObjectiveRecipe,
) -> Losses:
    targets_N = batch.targets_BS.flatten()[places.canvas_N]
    canvas_nll = _cross_entropy(network, canvas_hidden, places.canvas_N, targets_N)
    was_clean = noised_BS.flatten()[places.canvas_N] == targets_N

    to_minimise, encoder = _next_token(network, batch, places, clean_hidden, recipe)
    return Losses(
        total=canvas_nll.mean() + recipe.encoder_weight * to_minimise,
        clean=_mean(canvas_nll.detach(), was_clean),
        corrupted=_mean(canvas_nll.detach(), ~was_clean),
        encoder=encoder,
    )


def _next_token(
    network: DiffusionGemma, batch: PackedBatch, places: Places, clean_hidden: Tensor, recipe: ObjectiveRecipe
) -> tuple[Tensor, Tensor]:
    """The encoder's loss with prompts at their weight, and that of the answers alone, detached."""
    targets_M = batch.tokens_BT[:, 1:].flatten()[places.next_M]
    next_nll = _cross_entropy(network, clean_hidden[:, :-1], places.next_M, targets_M)
    is_answer = batch.answer_BT[:, 1:].flatten()[places.next_M]
    weight = torch.where(is_answer, 1.0, recipe.prompt_weight)
    return (next_nll * weight).sum() / weight.sum(), _mean(next_nll.detach(), is_answer)


def _cross_entropy(network: DiffusionGemma, hidden_BTD: Tensor, places_N: Tensor, targets_N: Tensor) -> Tensor:
    logits_NV = network.logits(hidden_BTD.flatten(0, 1).index_select(0, places_N))
    return F.cross_entropy(logits_NV, targets_N, reduction="none")


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum() / where.sum().clamp(min=1)
