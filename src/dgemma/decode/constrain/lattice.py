"""The lattice of a canvas: all paths through the token automaton over its positions, weighted by the head's logits.

The weight of a path is the product of its tokens' probabilities. A path is valid if it can still end within the token
budget. Promises the best path (Viterbi) and each position's exact marginal distribution over all valid paths, so that
entropies, samples and expectations are those of the constrained model. Sums over the vocabulary run on the logits'
device, the dynamic programs on their results (`layers`) in float64 on the CPU.

Shapes: L positions, R positions read together, V vocabulary, N ids on some valid path, G token groups, U token sets,
M members of sets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgemma.decode.constrain.layers import Array, Indices, Layers
from dgemma.decode.constrain.token_automaton import TokenAutomaton
from dgemma.errors import UsageError
from dgemma.fused import SMALL_VOCABULARY
from dgemma.ops import native
from dgemma.ops.native.sizes import IMPOSSIBLE


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The state of an answer in the automaton, and the tokens that it may still take, its end token included."""

    automaton: TokenAutomaton
    remaining: int
    state: int = 0

    def __post_init__(self) -> None:
        needed = int(self.automaton.distance_S[self.state])
        if needed > self.remaining:
            raise UsageError(
                f"The shortest answer that satisfies the constraint takes {needed} tokens and only {self.remaining} "
                "are left; allow more of them or loosen the constraint."
            )

    def after(self, ids: Sequence[int]) -> "Walk":
        """The walk after these ids are committed. Raises UsageError for ids that the automaton does not accept."""
        used = min(len(ids), self.remaining)
        return replace(self, state=self.automaton.after(self.state, ids), remaining=self.remaining - used)

    def restrict(self, logits_V: Tensor) -> Tensor:
        """Applies the token mask: -inf in the logits [V] for every id that is not allowed, or after which the answer
        could not end within its budget."""
        masked_G = np.ones(self.automaton.num_groups + 1, dtype=bool)
        masked_G[self.automaton.allowed(self.state, max(1, self.remaining))] = False
        masked_V = torch.from_numpy(masked_G.take(self.automaton.group_V)).to(logits_V.device)
        return logits_V.masked_fill(masked_V, -torch.inf)

    def read(self, scaled_LV: Tensor, rows_at_once: int | None = None) -> "Paths":
        """All valid paths over a canvas with these float32 logits after temperature.

        The vocabulary is summed `rows_at_once` positions at a time; None: all at once.
        """
        lattice = self._lattice(len(scaled_LV), scaled_LV.device)
        rows = scaled_LV.split(rows_at_once or len(scaled_LV))
        weighed = [lattice.weigh(lattice.gather(scaled_RV)) for scaled_RV in rows]
        largest_LG, sum_LU, max_LU = (torch.cat(parts) for parts in zip(*weighed, strict=True))
        share_LU = torch.from_numpy(lattice.layers.marginals(_on_cpu(sum_LU))).to(sum_LU)
        best_groups_L = lattice.best_groups(largest_LG, lattice.layers.best_sets(_on_cpu(max_LU)))
        groups = best_groups_L.split(len(rows[0]))
        best = [lattice.best_ids(scaled_RV, group_R) for scaled_RV, group_R in zip(rows, groups, strict=True)]
        return Paths(
            lattice=lattice,
            scaled_LV=scaled_LV,
            bias_LG=lattice.spread_to_groups(share_LU.log().sub_(sum_LU)),
            best_L=torch.cat(best),
        )

    def reader(self, length: int) -> Any | None:
        """The compiled kernel (`ops.native.paths.PathReader`) that reads all paths over a canvas of that length in one
        call on a CPU; None if it is not compiled. Vocabularies above SMALL_VOCABULARY wait for the compilation."""
        compiled = native.load("paths", wait=len(self.automaton.group_V) > SMALL_VOCABULARY)
        return None if compiled is None else self._lattice(length, torch.device("cpu")).reader(compiled)

    def _lattice(self, length: int, device: torch.device) -> "_Lattice":
        # Cached: each denoise step of a canvas reads the same lattice.
        if (length, device) not in self._lattices:
            self._lattices[length, device] = _Lattice(self, length, device)
        return self._lattices[length, device]

    @cached_property
    def _lattices(self) -> dict[tuple[int, torch.device], "_Lattice"]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The best path and the marginals of a canvas.

    best_L   the ids along the best path
    bias_LG  added to the logits of each group of ids; the last group is for ids on no valid path [L, G + 1]
    """

    lattice: "_Lattice"
    scaled_LV: Tensor
    bias_LG: Tensor
    best_L: Tensor

    def log_weights(self, rows: slice = slice(None)) -> Tensor:
        """Marginal log weights of these positions [R, V]: the softmax of a row is the position's marginal distribution
        over all valid paths. Ids on none have IMPOSSIBLE or less, a probability of 0."""
        values_RV = self.bias_LG[rows].index_select(1, self.lattice.group_V)
        return values_RV.add_(self.scaled_LV[rows].clamp(min=IMPOSSIBLE))


class _Lattice:
    """The layers of one canvas, and the vocabulary in groups of ids that belong to the same token sets."""

    def __init__(self, walk: Walk, length: int, device: torch.device) -> None:
        automaton = walk.automaton
        self.layers = Layers(automaton, walk.state, length, walk.remaining)
        sets = self.layers.sets
        members = np.isin(automaton.member_set_M, sets)
        member_set = np.searchsorted(sets, automaton.member_set_M[members])
        groups, member_group = np.unique(automaton.member_group_M[members], return_inverse=True)
        number = np.full(automaton.num_groups + 1, len(groups))
        number[groups] = np.arange(len(groups))
        group_V = number[automaton.group_V]
        ids = np.argsort(group_V, kind="stable")[: int((group_V < len(groups)).sum())]
        self.membership, self._reader = (group_V, member_set, member_group), None
        self.allowed_UG = np.zeros((len(sets), len(groups)), dtype=bool)
        self.allowed_UG[member_set, member_group] = True
        by_group = np.argsort(member_group, kind="stable")
        self.ids_N, self.group_V = _indices(ids, device), _indices(group_V, device)
        self.member_group_M = _indices(member_group, device)
        self.set_of_member_M = _indices(member_set[by_group], device)
        self.groups, self.sets = _Segments(group_V[ids], device), _Segments(member_set, device)
        self.sets_of_groups = _Segments(member_group[by_group], device)

    def reader(self, compiled: ModuleType) -> Any:
        """The `PathReader` of this lattice, created once; `compiled` is the module `ops.native.paths`."""
        if self._reader is None:
            self._reader = compiled.PathReader(self.layers.layers, self.layers.used_LU, *self.membership)
        return self._reader

    def gather(self, scaled_LV: Tensor) -> Tensor:
        """The log weights of the ids on some valid path, ordered by group -> [L, N]."""
        return scaled_LV.index_select(1, self.ids_N).clamp_(min=IMPOSSIBLE)

    def weigh(self, values_LN: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(each group's largest log weight [L, G], the log of each set's summed weights [L, U], each set's largest log
        weight [L, U])."""
        largest_LG = self.groups.largest(values_LN)
        sum_LM = self.groups.log_sum(values_LN, largest_LG).index_select(1, self.member_group_M)
        max_LU = self.sets.largest(largest_LG.index_select(1, self.member_group_M))
        return largest_LG, self.sets.log_sum(sum_LM, self.sets.largest(sum_LM)), max_LU

    def best_groups(self, largest_LG: Tensor, sets_L: Indices) -> Tensor:
        """The group of the most likely id in each position's set -> [L]."""
        allowed_LG = torch.from_numpy(self.allowed_UG[sets_L]).to(largest_LG.device)
        return torch.where(allowed_LG, largest_LG, -torch.inf).argmax(1)

    def best_ids(self, scaled_RV: Tensor, group_R: Tensor) -> Tensor:
        """The most likely id in each position's group -> [R]."""
        if not self.groups.in_place:
            return torch.where(self.group_V == group_R[:, None], scaled_RV, -torch.inf).argmax(1)
        ids_N, first = self.ids_N.numpy(), self.groups.first
        found = []
        for row, group in zip(scaled_RV.numpy(), group_R.tolist(), strict=True):
            ids = ids_N[first[group] : first[group + 1]]
            found.append(ids[row[ids].argmax()])
        return torch.tensor(found)

    def spread_to_groups(self, log_LU: Tensor) -> Tensor:
        """For each group, the log of the sum over the sets that contain it -> [L, G + 1]. The last column is
        IMPOSSIBLE, and no value is below that."""
        log_LM = log_LU.clamp(min=torch.finfo(torch.float32).min).index_select(1, self.set_of_member_M)
        log_LG = self.sets_of_groups.log_sum(log_LM, self.sets_of_groups.largest(log_LM))
        return torch.cat((log_LG, log_LG.new_full((len(log_LG), 1), IMPOSSIBLE)), dim=1).clamp_(min=IMPOSSIBLE)


class _Segments:
    """Reductions over runs of columns that have the same segment number; the numbers ascend from 0.

    With `in_place`, on a CPU, numpy reduces each run where it is in memory, several times faster than a scatter column
    by column.
    """

    def __init__(self, numbers: Indices, device: torch.device) -> None:
        self.count = int(numbers[-1]) + 1
        self.first = np.searchsorted(numbers, np.arange(self.count + 1)).tolist()
        self.numbers_N, self.in_place = _indices(numbers, device), device.type == "cpu"

    def largest(self, values_LN: Tensor) -> Tensor:
        """The largest value of each run -> [L, segments]."""
        if self.in_place:
            return torch.from_numpy(np.maximum.reduceat(values_LN.numpy(), self.first[:-1], axis=1))
        lowest = values_LN.new_full((len(values_LN), self.count), -torch.inf)
        return lowest.scatter_reduce_(1, self.numbers_N.expand_as(values_LN), values_LN, "amax")

    def log_sum(self, values_LN: Tensor, largest: Tensor) -> Tensor:
        """The log-sum-exp of each run, given its `largest` value -> [L, segments]."""
        shares_LN = largest.index_select(1, self.numbers_N)
        torch.sub(values_LN, shares_LN, out=shares_LN).exp_()
        if self.in_place:
            sums = torch.from_numpy(np.add.reduceat(shares_LN.numpy(), self.first[:-1], axis=1))
        else:
            sums = torch.zeros_like(largest).index_add_(1, self.numbers_N, shares_LN)
        return sums.log_().add_(largest)


def _indices(values: Indices, device: torch.device) -> Tensor:
    return torch.from_numpy(values).to(device)


def _on_cpu(values: Tensor) -> Array:
    return values.double().cpu().numpy()
