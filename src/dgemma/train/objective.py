"""The training objective: corruption of canvases, self-conditioning, and the two cross-entropies.

A noise level t is drawn for each noise draw; each of its canvas tokens is replaced, with probability t, by a uniformly
random vocabulary id. The loss is plain cross-entropy over all canvas tokens, corrupted or not, plus the encoder's
next-token cross-entropy (arXiv 2608.00146, supervised stage). Two additions make the canvases more like those that the
sampler sees: `ordered` noise keeps a canvas's beginning, and `rollout` takes sampler steps on the model's own
prediction. Knows nothing of optimisers or files.

Shapes: B rows, T clean slots, S canvas slots, N = T + S, P slots of a loss, V vocabulary, D hidden.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from dgemma.config import LayerType, ModelConfig
from dgemma.model import DiffusionGemma
from dgemma.train.blocks import PackedBatch, block_mask, sent
from dgemma.train.recipe import ObjectiveRecipe

Forward = Callable[..., tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The loss to minimise and its parts, in nats per token; a part is detached, and nan if it has no tokens."""

    total: Tensor
    clean: Tensor
    corrupted: Tensor
    encoder: Tensor


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A batch with all of its random draws, made on the CPU: so they are the same on every machine, and the step on the
    GPU never waits for one.

    batch              the packed examples, canvases not corrupted
    noised_BS          the canvases as the first pass sees them
    canvas_BS          the number of each slot's canvas within its row
    temperature_R11    the self-conditioning temperature of the first R rows, those that are self-conditioned
    sampler_draws      for each sampler step, the draws of the rows that take it: uniform [rows, S, 1], noise [rows, S]
    canvas, clean      the slots of the canvas loss and of the next-token loss
    covered            whether the sliding window covers every position
    """

    batch: PackedBatch
    noised_BS: Tensor
    canvas_BS: Tensor
    temperature_R11: Tensor
    sampler_draws: tuple[tuple[Tensor, Tensor], ...]
    canvas: "LossSlots"
    clean: "LossSlots"
    covered: bool

    def to(self, device: torch.device) -> "Drawn":
        """The same draws on `device`."""
        return replace(
            self,
            batch=self.batch.to(device),
            noised_BS=sent(self.noised_BS, device),
            canvas_BS=sent(self.canvas_BS, device),
            temperature_R11=sent(self.temperature_R11, device),
            sampler_draws=tuple((sent(uniform, device), sent(noise, device)) for uniform, noise in self.sampler_draws),
            canvas=self.canvas.to(device),
            clean=self.clean.to(device),
        )

    def tensors(self) -> list[Tensor]:
        """All tensors, always in the same order."""
        loss_slots = [value for part in (self.canvas, self.clean) for value in vars(part).values()]
        sampler_draws = [value for pair in self.sampler_draws for value in pair]
        return [
            *vars(self.batch).values(),
            self.noised_BS,
            self.canvas_BS,
            self.temperature_R11,
            *sampler_draws,
            *loss_slots,
        ]


@dataclass(frozen=True, kw_only=True)
class LossSlots:
    """The slots that a loss is taken at.

    slots_P     indices into the flattened batch   targets_P   the ids to predict
    weight_P    weights in the loss                shown_P     1 for slots that count in the reported mean, else 0
    """

    slots_P: Tensor
    targets_P: Tensor
    weight_P: Tensor
    shown_P: Tensor

    def to(self, device: torch.device) -> "LossSlots":
        """The same slots on `device`."""
        return LossSlots(**{name: sent(value, device) for name, value in vars(self).items()})


def draw(
    batch: PackedBatch, config: ModelConfig, recipe: ObjectiveRecipe, generator: torch.Generator, fixed: bool = False
) -> Drawn:
    """Draws noise, temperatures and sampler steps for one batch; `batch` and `generator` are on the CPU.

    With `fixed`, losses are taken at every slot, with weight 0 at padding, so that all batches of one size have tensors
    of one size.
    """
    rows, slots = batch.targets_BS.shape
    noised_BS, conditioned = batch.targets_BS, 0  # conditioned, rolled: numbers of rows
    if slots:
        noised_BS = corrupt(batch, config.vocab_size, recipe, generator)
        conditioned = _some(recipe.self_conditioning * rows, generator)
    low, high = recipe.temperature
    temperature = low + (high - low) * torch.rand(conditioned, 1, 1, generator=generator)
    sampler_draws = []
    rolled = _some(recipe.rollout * conditioned, generator) if conditioned else 0
    for _ in range(recipe.rollout_steps):
        if not rolled:
            break
        uniform = torch.rand(rolled, slots, 1, generator=generator)
        sampler_draws.append((uniform, torch.randint(config.vocab_size, (rolled, slots), generator=generator)))
        rolled //= 2
    clean = batch.tokens_BT.shape[1]
    owner_BT, owner_BS = batch.owner_BN[:, :clean], batch.owner_BN[:, clean:]
    follows_BT = (owner_BT[:, 1:] == owner_BT[:, :-1]) & (owner_BT[:, 1:] >= 0)
    answer_BT = batch.answer_BT[:, 1:]
    weight_BT = torch.where(answer_BT, 1.0, recipe.prompt_weight)
    used_BS = owner_BS >= 0
    return Drawn(
        batch=batch,
        noised_BS=noised_BS,
        canvas_BS=canvas_numbers(batch),
        temperature_R11=temperature,
        sampler_draws=tuple(sampler_draws),
        canvas=_loss_slots(used_BS, batch.targets_BS, torch.ones(used_BS.shape), used_BS, fixed),
        clean=_loss_slots(follows_BT, batch.tokens_BT[:, 1:], weight_BT, answer_BT, fixed),
        covered=int(batch.positions_BN.max()) < config.sliding_window,
    )


def _loss_slots(where: Tensor, targets: Tensor, weight: Tensor, shown: Tensor, fixed: bool) -> LossSlots:
    slots_P = torch.arange(where.numel()) if fixed else where.flatten().nonzero()[:, 0]
    used_P = where.flatten()[slots_P].float()
    return LossSlots(
        slots_P=slots_P,
        targets_P=targets.flatten()[slots_P],
        weight_P=weight.flatten()[slots_P] * used_P,
        shown_P=shown.flatten()[slots_P] * used_P,
    )


def make_masks(batch: PackedBatch, window: int | None) -> dict[LayerType, Tensor]:
    """The masks of both layer types; one shared tensor if `window` is None (pass None if it covers every position)."""
    full = block_mask(batch, None)
    return {"full_attention": full, "sliding_attention": full if window is None else block_mask(batch, window)}


def corrupt(batch: PackedBatch, vocab_size: int, recipe: ObjectiveRecipe, generator: torch.Generator) -> Tensor:
    """Corrupts the canvases -> [B, S]. Each noise draw has one t for all of its canvases, 1 with probability
    `full_noise`.

    A share `ordered` of the draws has t = 1 from a cut on, random for each canvas, and a t of at most 0.1 before it.
    """
    rows, slots = batch.targets_BS.shape
    num_draws = int(batch.draw_BS.max()) + 1
    level = recipe.noise_floor + (1 - recipe.noise_floor) * torch.rand(rows, num_draws, generator=generator)
    level[torch.rand(rows, num_draws, generator=generator) < recipe.full_noise] = 1.0
    t_BS = level.gather(1, batch.draw_BS)
    if recipe.ordered:
        ordered_BS = (torch.rand(rows, num_draws, generator=generator) < recipe.ordered).gather(1, batch.draw_BS)
        canvas_BS = canvas_numbers(batch)
        # Early cuts are likelier: after an answer's end there is little to learn.
        cut = torch.rand(rows, slots, generator=generator).gather(1, canvas_BS) ** 1.5
        length_BS = torch.zeros(rows, slots).scatter_add_(1, canvas_BS, torch.ones(rows, slots)).gather(1, canvas_BS)
        offset_BS = batch.positions_BN[:, -slots:] - batch.start_BS
        t_ordered_BS = torch.where(offset_BS < cut * length_BS, 0.1 * t_BS, 1.0)
        t_BS = torch.where(ordered_BS, t_ordered_BS, t_BS)
    noise_BS = torch.randint(vocab_size, (rows, slots), generator=generator)
    return torch.where(torch.rand(rows, slots, generator=generator) < t_BS, noise_BS, batch.targets_BS)


def canvas_numbers(batch: PackedBatch) -> Tensor:
    """The number of each slot's canvas within its row, from 0 [B, S]; padding counts as a canvas."""
    slots = batch.start_BS.shape[1]
    keys = (batch.start_BS, batch.draw_BS, batch.owner_BN[:, batch.owner_BN.shape[1] - slots :])
    new_BS = torch.stack([key[:, 1:] != key[:, :-1] for key in keys]).any(0)
    return F.pad(new_BS.long().cumsum(1), (1, 0))[:, :slots]


def take_sampler_step(
    logits_BSV: Tensor, canvas_BS: Tensor, bound: float, uniform_BS1: Tensor, noise_BS: Tensor
) -> Tensor:
    """The canvases [B, S] after one sampler step on logits divided by the temperature.

    The entropy bound applies to each canvas separately; `canvas_BS` numbers them (`canvas_numbers`). An accepted slot
    gets a sample, by inverting the cumulative distribution at `uniform_BS1`; the others get their id of `noise_BS`.
    """
    vocab_size = logits_BSV.shape[-1]
    log_probabilities = logits_BSV.log_softmax(-1)
    entropy_BS = -(log_probabilities.exp() * log_probabilities).sum(-1)
    # Sort by canvas, within a canvas by entropy.
    order_BS = entropy_BS.argsort(dim=-1)
    order_BS = order_BS.gather(1, canvas_BS.gather(1, order_BS).argsort(dim=-1, stable=True))
    number_BS, ascending = canvas_BS.gather(1, order_BS), entropy_BS.gather(1, order_BS).double()
    before = ascending.cumsum(-1) - ascending
    first = torch.full_like(before, torch.inf).scatter_reduce(1, number_BS, before, "amin")
    accepted = before - first.gather(1, number_BS) <= bound
    accepted_BS = torch.zeros_like(accepted).scatter(1, order_BS, accepted)
    sample_BS = (log_probabilities.exp().cumsum(-1) < uniform_BS1).sum(-1).clamp(max=vocab_size - 1)
    return torch.where(accepted_BS, sample_BS, noise_BS)


def losses(
    network: DiffusionGemma,
    forward: Forward,
    batch: PackedBatch,
    recipe: ObjectiveRecipe,
    generator: torch.Generator,
) -> Losses:
    """The losses of one batch. `forward` is `network.forward` or a compiled version; `batch` and `generator` are on the
    CPU, whatever the network's device, so that a seed draws the same noise on every machine.

    The first rows, a share `self_conditioning`, get the soft embedding of a pass without gradient, the others zeros; a
    share `rollout` of the conditioned rows also takes sampler steps. Rows are in random order, so these are random
    examples. A fractional number of rows is rounded up or down at random, keeping its expectation. A batch without
    canvases has only the encoder's loss.
    """
    return losses_of(network, forward, draw(batch, network.config, recipe, generator).to(network.device), recipe)


def losses_of(network: DiffusionGemma, forward: Forward, drawn: Drawn, recipe: ObjectiveRecipe) -> Losses:
    """`losses` of a batch already drawn and on the network's device; never waits for a result from the device."""
    batch, noised_BS = drawn.batch, drawn.noised_BS
    masks = make_masks(batch, None if drawn.covered else network.config.sliding_window)
    soft_BSD = torch.zeros(*noised_BS.shape, network.config.hidden_size, device=noised_BS.device)
    if len(drawn.temperature_R11):
        noised_BS = noised_BS.clone()
        _condition(network, forward, drawn, masks, noised_BS, soft_BSD, recipe)
    clean_hidden, canvas_hidden = forward(batch.tokens_BT, noised_BS, soft_BSD, batch.positions_BN, masks)
    next_nll = _cross_entropy(network, clean_hidden[:, :-1], drawn.clean)
    canvas_nll = _cross_entropy(network, canvas_hidden, drawn.canvas)
    was_clean = noised_BS.flatten()[drawn.canvas.slots_P] == drawn.canvas.targets_P
    return Losses(
        total=_mean(canvas_nll, drawn.canvas.weight_P) + recipe.encoder_weight * _mean(next_nll, drawn.clean.weight_P),
        clean=_shown(canvas_nll, drawn.canvas.shown_P * was_clean),
        corrupted=_shown(canvas_nll, drawn.canvas.shown_P * ~was_clean),
        encoder=_shown(next_nll, drawn.clean.shown_P),
    )


@torch.no_grad()
def _condition(
    network: DiffusionGemma,
    forward: Forward,
    drawn: Drawn,
    masks: dict[LayerType, Tensor],
    noised_BS: Tensor,
    soft_BSD: Tensor,
    recipe: ObjectiveRecipe,
) -> None:
    """Self-conditioning: writes the soft embedding of a first pass into the first rows of `soft_BSD`, as many as there
    are temperatures. Rollout: the first of those rows take a sampler step, written to `noised_BS`. For every further
    step, half of the rows that took the last one run a new pass, which renews their soft embedding, and take it."""
    batch, rows = drawn.batch, len(drawn.temperature_R11)
    for pair in drawn.sampler_draws or (None,):
        part = {kind: mask[:rows] for kind, mask in masks.items()}
        _, hidden = forward(batch.tokens_BT[:rows], noised_BS[:rows], soft_BSD[:rows], batch.positions_BN[:rows], part)
        scaled = network.logits(hidden) / drawn.temperature_R11[:rows]
        soft_BSD[:rows] = network.expect(scaled.softmax(-1)).float()
        if pair is None:
            return
        uniform, noise = pair
        rolled = len(noise)
        noised_BS[:rolled] = take_sampler_step(
            scaled[:rolled], drawn.canvas_BS[:rolled], recipe.entropy_bound, uniform, noise
        )
        rows = rolled // 2


def _some(share: float, generator: torch.Generator) -> int:
    """A random whole number with expectation `share`: `share` rounded up or down. A whole `share` draws nothing."""
    whole = int(share)
    return whole if share == whole else whole + int(torch.rand((), generator=generator) < share - whole)


def _cross_entropy(network: DiffusionGemma, hidden_BTD: Tensor, loss_slots: LossSlots) -> Tensor:
    logits_PV = network.logits(hidden_BTD.flatten(0, 1).index_select(0, loss_slots.slots_P))
    return F.cross_entropy(logits_PV, loss_slots.targets_P, reduction="none")


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """The weighted mean; 0 for no values."""
    return (values * weight).sum() / weight.sum().clamp(min=1)


def _shown(values: Tensor, where: Tensor) -> Tensor:
    """The mean to report, detached; nan for no values."""
    return (values.detach() * where).sum() / where.sum()
