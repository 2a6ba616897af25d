"""The optimisers: Muon for weight matrices, AdamW for everything else, one learning-rate schedule for both.

Muon (Jordan et al. 2024) replaces a matrix's momentum by the nearest orthogonal matrix, found with five Newton-Schulz
iterations. Matrices of one shape, experts included, are stacked and iterated together. For a model of many small
matrices a step is several times faster than with the per-matrix loop of `torch.optim.Muon`, the oracle of the test.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dgemma.train.recipe import OptimizerRecipe

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices_KMN: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The nearest semi-orthogonal matrix of each of K matrices, approximately (singular values in about 0.7 .. 1.2)."""
    a, b, c = _NEWTON_SCHULZ
    x = matrices_KMN.to(dtype)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.mT if tall else x).to(matrices_KMN.dtype)


class Muon(torch.optim.Optimizer):
    """The update is the orthogonalised Nesterov momentum times `lr * sqrt(max(1, rows / columns))`. Three-dimensional
    weights are stacks of matrices.

    Weight decay shrinks the weights by the factor `1 - lr * decay` before each update. Updates have one size whatever
    the gradient, so without decay the weights grow until updates hardly change their direction.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float,
        decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": decay})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            shapes: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[(parameter.shape[-2], parameter.shape[-1])].append(parameter)
            for (rows, columns), parameters in shapes.items():
                updates = [update.reshape(-1, rows, columns) for update in self._momenta(parameters, group["momentum"])]
                # lr is a number, or a tensor in a recorded step.
                scale = group["lr"] * max(1.0, rows / columns) ** 0.5
                update = orthogonalise(torch.cat(updates), self.dtype).mul_(-scale)
                parts = update.split([len(update) for update in updates])
                parts = [part.view_as(parameter) for parameter, part in zip(parameters, parts, strict=True)]
                weights = list[Tensor](parameters)
                if group["weight_decay"]:
                    torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])  # pyright: ignore
                torch._foreach_add_(weights, parts)  # pyright: ignore[reportPrivateImportUsage]

    def _momenta(self, parameters: list[nn.Parameter], momentum: float) -> Sequence[Tensor]:
        """The Nesterov momentum of each parameter, in two calls for all of them: fewer kernel launches."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for parameter in parameters:
            if "momentum_buffer" not in self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)  # pyright: ignore[reportPrivateImportUsage]
        return torch._foreach_lerp(gradients, buffers, momentum)  # pyright: ignore[reportPrivateImportUsage]


def make_optimizers(network: nn.Module, recipe: OptimizerRecipe, dtype: torch.dtype) -> list[torch.optim.Optimizer]:
    """[Muon over the matrices, AdamW over embedding, router, norms and scalars]."""
    matrices, others = [], []
    for name, parameter in network.named_parameters():
        is_matrix = parameter.ndim >= 2 and "embed_tokens" not in name and "router" not in name
        (matrices if is_matrix else others).append(parameter)
    return [
        Muon(matrices, lr=recipe.matrix_lr, momentum=recipe.momentum, decay=recipe.matrix_decay, dtype=dtype),
        torch.optim.AdamW(others, lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True),
    ]


def set_learning_rates(optimizers: Sequence[torch.optim.Optimizer], rates: Sequence[float], in_tensor: bool) -> None:
    """Sets the learning rate of each optimiser; with `in_tensor` in place in a tensor on the weights' device, as a
    recorded step needs it."""
    for optimizer, rate in zip(optimizers, rates, strict=True):
        for group in optimizer.param_groups:
            if not in_tensor:
                group["lr"] = rate
            elif isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = torch.tensor(rate, device=group["params"][0].device)


def load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Loads a saved state without its settings (decay, momentum, ...): those stay as the recipe has them."""
    settings = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, recipe_settings in zip(optimizer.param_groups, settings, strict=True):
        group.update(recipe_settings)


def learning_rate_factor(step: int, schedule_step: int, steps: int, recipe: OptimizerRecipe) -> float:
    """Linear warm-up, plateau, linear decay to zero over the last `decay_steps` of `steps`.

    The warm-up uses `step`, the decay `schedule_step`, which is later than `step` in a run limited by time.
    """
    warmup = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    decay = min(1.0, (steps - schedule_step) / max(1, recipe.decay_steps))
    return max(0.0, min(warmup, decay))
