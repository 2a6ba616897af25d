"""One canvas, from noise to text: the entropy-bound sampler of the reference, step by step.

Each step reads the canvas once, accepts the positions that are certain enough, noises all others afresh and feeds the
expectation back. Acceptance has no memory; nothing is frozen inside a canvas. What a canvas commits is the argmax of
its last step, never the sampled canvas. Same draws from the same generator in the same order as transformers 5.23.

Shapes: B rows, L canvas positions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgemma.cache import KVCache
from dgemma.config import SamplerConfig
from dgemma.decode import head
from dgemma.decode.accept import EntropyBound
from dgemma.decode.constrain import Walk
from dgemma.decode.schedule import LinearSchedule
from dgemma.decode.stop import StableAndConfident
from dgemma.errors import UsageError
from dgemma.model import DiffusionGemma


@dataclass(frozen=True, kw_only=True)
class DenoiseStep:
    """All that a viewer needs of one step.

    step         1 for the first pass over the canvas
    canvas_BL    the canvas that the next step will read: accepted samples, noise elsewhere
    argmax_BL    the likeliest token of each position; a done row keeps that of its last step
    accepted_BL  the positions accepted in this step
    entropy_BL   nats
    done_B       rows whose stop rule is met
    """

    step: int
    canvas_BL: Tensor
    argmax_BL: Tensor
    accepted_BL: Tensor
    entropy_BL: Tensor
    done_B: Tensor


@torch.inference_mode()
def denoise(
    network: DiffusionGemma,
    cache: KVCache,
    sampler: SamplerConfig,
    generator: head.Generators,
    canvas_length: int | None = None,
    canvas_BL: Tensor | None = None,
    forbidden_first: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    pinned_BL: Tensor | None = None,
    constraint: Walk | None = None,
) -> Iterator[DenoiseStep]:
    """Denoises the canvas behind the cache's tokens; yields every step, the last with all rows done or the limit met.

    canvas_length   defaults to the model's own; any length that the cache's scratch holds
    canvas_BL       starts from these ids instead of noise (the noise is drawn all the same)
    forbidden_first ids that position 0 may not take; `forbidden`: ids that no position may take
    pinned_BL       True where `canvas_BL` is given and stays: pinned again in each step, certain, its own expectation
    constraint      where the answer stands in its automaton: no other paths have weight, and the best one is committed

    The cache is read, never advanced. A finished row of a batch keeps its state while others go on.
    """
    if constraint is not None and pinned_BL is not None:
        raise UsageError("Pinned tokens and a constraint do not go together.")
    length = canvas_length or network.config.canvas_length
    vocab_size, device = network.config.vocab_size, network.device
    shape = (cache.batch_size, length)
    schedule = LinearSchedule(t_min=sampler.t_min, t_max=sampler.t_max, num_steps=sampler.max_denoising_steps)
    acceptance = EntropyBound(bound=sampler.entropy_bound)
    stop = StableAndConfident(stability=sampler.stability_threshold, confidence=sampler.confidence_threshold)

    noise_BL = head.random_ids(vocab_size, shape, generator, device)
    given_BL = canvas_BL
    canvas_BL = noise_BL if canvas_BL is None else canvas_BL
    # The stop rule asks for the mean over the positions that are free: pinned ones would only dilute it.
    share_B1: Tensor | float = 1.0
    if pinned_BL is not None:
        share_B1 = length / (~pinned_BL).sum(dim=-1, keepdim=True).clamp(min=1)
    soft_BLD: Tensor | None = None
    history: list[Tensor] = []
    argmax_BL, entropy_BL = canvas_BL, torch.zeros(shape, device=device)
    done_B = torch.zeros(shape[0], dtype=torch.bool, device=device)
    for remaining in range(sampler.max_denoising_steps, 0, -1):
        hidden_BLD = network.denoise(canvas_BL, cache, soft_BLD)
        reading = head.read(
            network,
            hidden_BLD,
            schedule.temperature(remaining),
            generator,
            forbidden_first=forbidden_first,
            forbidden=forbidden,
            constraint=constraint,
        )
        if pinned_BL is not None and given_BL is not None:
            reading = _pin(network, reading, given_BL, pinned_BL)
        accepted_BL = acceptance.accept(reading.entropy_BL)
        fresh_BL = head.random_ids(vocab_size, shape, generator, device)
        keep = done_B[:, None]
        canvas_BL = torch.where(keep, canvas_BL, torch.where(accepted_BL, reading.sample_BL, fresh_BL))
        argmax_BL = torch.where(keep, argmax_BL, reading.argmax_BL)
        entropy_BL = torch.where(keep, entropy_BL, reading.entropy_BL)
        soft_BLD = reading.soft_BLD if soft_BLD is None else torch.where(keep[..., None], soft_BLD, reading.soft_BLD)
        done_B = done_B | stop.done(history, argmax_BL, entropy_BL * share_B1)
        history = [*history, argmax_BL][-max(1, sampler.stability_threshold) :]
        yield DenoiseStep(
            step=sampler.max_denoising_steps - remaining + 1,
            canvas_BL=canvas_BL,
            argmax_BL=argmax_BL,
            accepted_BL=accepted_BL,
            entropy_BL=entropy_BL,
            done_B=done_B,
        )
        if bool(done_B.all()):
            return


def _pin(network: DiffusionGemma, reading: head.HeadReading, given_BL: Tensor, pinned_BL: Tensor) -> head.HeadReading:
    """The reading with the given ids at pinned positions: no entropy, and the given token's embedding expected."""
    soft_BLD = torch.where(pinned_BL[..., None], network.embed(given_BL).to(reading.soft_BLD.dtype), reading.soft_BLD)
    return replace(
        reading,
        argmax_BL=torch.where(pinned_BL, given_BL, reading.argmax_BL),
        sample_BL=torch.where(pinned_BL, given_BL, reading.sample_BL),
        entropy_BL=reading.entropy_BL.masked_fill(pinned_BL, 0.0),
        soft_BLD=soft_BLD,
    )
