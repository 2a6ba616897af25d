"""The lattice of a canvas: every path through the token automaton over its positions, weighed by the head's logits.

A path weighs the product of its tokens' probabilities, position by position, and counts when it can still end in time.
Promises the heaviest path and each position's exact marginal distribution over all paths, so that entropies, samples
and expectations are those of the constrained model. Sums over the vocabulary run on the logits' device, what follows
from them (`layers`) in float64 on the CPU.

Shapes: L positions, V vocabulary, N ids that some path uses, G token groups, U token sets, M members of sets.
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
    """Where an answer stands in the automaton: its state, and how many tokens it may still take, its end included."""

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
        """The walk once these ids are committed. Raises UsageError for ids that the automaton does not take."""
        used = min(len(ids), self.remaining)
        return replace(self, state=self.automaton.after(self.state, ids), remaining=self.remaining - used)

    def restrict(self, logits_V: Tensor) -> Tensor:
        """Logits [V] with -inf for every id after which the answer could not be valid or not end in time."""
        barred_G = np.ones(self.automaton.num_groups + 1, dtype=bool)
        barred_G[self.automaton.allowed(self.state, max(1, self.remaining))] = False
        barred_V = torch.from_numpy(barred_G.take(self.automaton.group_V)).to(logits_V.device)
        return logits_V.masked_fill(barred_V, -torch.inf)

    def read(self, scaled_LV: Tensor, rows_at_once: int | None = None) -> "Paths":
        """All valid paths over a canvas with these float32 logits after temperature, so many positions at a time."""
        lattice = self._lattice(len(scaled_LV), scaled_LV.device)
        rows = scaled_LV.split(rows_at_once or len(scaled_LV))
        weighed = [lattice.weigh(lattice.gather(scaled_RV)) for scaled_RV in rows]
        largest_LG, sum_LU, max_LU = (torch.cat(parts) for parts in zip(*weighed, strict=True))
        share_LU = torch.from_numpy(lattice.layers.marginals(_on_cpu(sum_LU))).to(sum_LU)
        best_groups_L = lattice.best_groups(largest_LG, lattice.layers.best_sets(_on_cpu(max_LU)))
        best = [lattice.best_ids(*one) for one in zip(rows, best_groups_L.split(len(rows[0])), strict=True)]
        return Paths(
            lattice=lattice,
            scaled_LV=scaled_LV,
            bias_LG=lattice.spread_to_groups(share_LU.log().sub_(sum_LU)),
            best_L=torch.cat(best),
        )

    def reader(self, length: int) -> Any | None:
        """What reads all paths over a canvas of that length on a CPU in one call (`ops.native.paths.PathReader`); None
        where it is not compiled. Large vocabularies wait until it is."""
        compiled = native.load("paths", at_once=len(self.automaton.group_V) > SMALL_VOCABULARY)
        return None if compiled is None else self._lattice(length, torch.device("cpu")).reader(compiled)

    def _lattice(self, length: int, device: torch.device) -> "_Lattice":
        # A canvas is read many times from the same place.
        if (length, device) not in self._lattices:
            self._lattices[length, device] = _Lattice(self, length, device)
        return self._lattices[length, device]

    @cached_property
    def _lattices(self) -> dict[tuple[int, torch.device], "_Lattice"]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Paths:
    """What a canvas' valid paths say of its positions.

    best_L   the heaviest path
    bias_LG  what is added to the logits of each group of ids, the last one for ids on no path
    """

    lattice: "_Lattice"
    scaled_LV: Tensor
    bias_LG: Tensor
    best_L: Tensor

    def log_weights(self, rows: slice = slice(None)) -> Tensor:
        """Marginal log weights of these positions [R, V]: the softmax of a row is the position's distribution over all
        valid paths; ids on none have IMPOSSIBLE or less, which is no probability at all."""
        values_RV = self.bias_LG[rows].index_select(1, self.lattice.group_V)
        return values_RV.add_(self.scaled_LV[rows].clamp(min=IMPOSSIBLE))


class _Lattice:
    """The layers of one canvas, and the vocabulary as they see it: ids that no path tells apart in one group."""

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
        """`Walk.reader`; `compiled` is `ops.native.paths`."""
        if self._reader is None:
            self._reader = compiled.PathReader(self.layers.layers, self.layers.used_LU, *self.membership)
        return self._reader

    def gather(self, scaled_LV: Tensor) -> Tensor:
        """The log weights of the N ids that some path uses, group by group -> [L, N]."""
        return scaled_LV.index_select(1, self.ids_N).clamp_(min=IMPOSSIBLE)

    def weigh(self, values_LN: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each group's largest log weight [L, G]; the log of each set's summed weights and its largest one, [L, U]."""
        largest_LG = self.groups.largest(values_LN)
        sum_LM = self.groups.log_sum(values_LN, largest_LG).index_select(1, self.member_group_M)
        max_LU = self.sets.largest(largest_LG.index_select(1, self.member_group_M))
        return largest_LG, self.sets.log_sum(sum_LM, self.sets.largest(sum_LM)), max_LU

    def best_groups(self, largest_LG: Tensor, sets_L: Indices) -> Tensor:
        """The group of the likeliest id of each position's set -> [L]."""
        allowed_LG = torch.from_numpy(self.allowed_UG[sets_L]).to(largest_LG.device)
        return torch.where(allowed_LG, largest_LG, -torch.inf).argmax(1)

    def best_ids(self, scaled_RV: Tensor, group_R: Tensor) -> Tensor:
        """The likeliest id of each position's group -> [R]."""
        if not self.groups.in_place:
            return torch.where(self.group_V == group_R[:, None], scaled_RV, -torch.inf).argmax(1)
        ids_N, first = self.ids_N.numpy(), self.groups.first
        found = []
        for row, group in zip(scaled_RV.numpy(), group_R.tolist(), strict=True):
            own = ids_N[first[group] : first[group + 1]]
            found.append(own[row[own].argmax()])
        return torch.tensor(found)

    def spread_to_groups(self, log_LU: Tensor) -> Tensor:
        """For each group of ids the log of the sum over the sets that hold it -> [L, G + 1]; else IMPOSSIBLE."""
        log_LM = log_LU.clamp(min=torch.finfo(torch.float32).min).index_select(1, self.set_of_member_M)
        log_LG = self.sets_of_groups.log_sum(log_LM, self.sets_of_groups.largest(log_LM))
        return torch.cat((log_LG, log_LG.new_full((len(log_LG), 1), IMPOSSIBLE)), dim=1).clamp_(min=IMPOSSIBLE)


class _Segments:
    """Runs of columns, each with a number, ascending from 0: what is taken together.

    `in_place` goes along the runs where they lie in memory, several times faster on a CPU than going column by column.
    """

    def __init__(self, numbers: Indices, device: torch.device) -> None:
        self.count = int(numbers[-1]) + 1
        self.first = np.searchsorted(numbers, np.arange(self.count + 1)).tolist()
        self.numbers_N, self.in_place = _indices(numbers, device), device.type == "cpu"

    def largest(self, values_LN: Tensor) -> Tensor:
        """The largest value of each run -> [L, runs]."""
        if self.in_place:
            return torch.from_numpy(np.maximum.reduceat(values_LN.numpy(), self.first[:-1], axis=1))
        lowest = values_LN.new_full((len(values_LN), self.count), -torch.inf)
        return lowest.scatter_reduce_(1, self.numbers_N.expand_as(values_LN), values_LN, "amax")

    def log_sum(self, values_LN: Tensor, largest: Tensor) -> Tensor:
        """The log of the sum of the exponentials of each run, whose `largest` are known -> [L, runs]."""
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
