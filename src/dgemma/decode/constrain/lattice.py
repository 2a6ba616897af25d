"""The lattice of a canvas: every path through the token automaton over its positions, weighed by the head's logits.

A path weighs the product of its tokens' probabilities, position by position, and counts when it can still end in time.
Promises, by exact dynamic programming in log space, the heaviest path (Viterbi) and each position's marginal
distribution (forward-backward), so that entropies, samples and expectations are those of the constrained model. Sums
over the vocabulary run on the logits' device, the recursions over positions in float64 on the CPU.

Shapes: L positions, V vocabulary, G token groups, U token sets, P transitions, S states.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgemma.decode.constrain.token_automaton import FAR, TokenAutomaton
from dgemma.decode.constrain.vocabulary import spread
from dgemma.errors import UsageError

NEVER = -1e30
"""The log weight of what is impossible: finite, so that differences of two of them are no nan."""

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


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
                "are left; raise max_new_tokens or loosen the constraint."
            )

    def after(self, ids: Sequence[int]) -> "Walk":
        """The walk once these ids are committed. Raises UsageError for ids that the automaton does not take."""
        used = min(len(ids), self.remaining)
        return replace(self, state=self.automaton.after(self.state, ids), remaining=self.remaining - used)

    def restrict(self, logits_V: Tensor) -> Tensor:
        """Logits [V] with -inf for every id after which the answer could not be valid or not end in time."""
        groups = torch.zeros(self.automaton.num_groups + 1, dtype=torch.bool)
        groups[torch.from_numpy(self.automaton.allowed(self.state, max(1, self.remaining)))] = True
        allowed_V = groups[torch.from_numpy(self.automaton.group_V)].to(logits_V.device)
        return logits_V.masked_fill(~allowed_V, -torch.inf)

    def read(self, scaled_LV: Tensor) -> tuple[Tensor, Tensor]:
        """A canvas' float32 logits after temperature -> (marginal log weights [L, V], heaviest path [L]).

        The softmax of a row of weights is that position's distribution over all valid paths; ids on none have -inf.
        """
        lattice = self._lattice(len(scaled_LV), scaled_LV.device)
        values_NL = lattice.gather(scaled_LV)
        sum_UL, max_UL = lattice.weigh(values_NL)
        share_LU, best_sets_L = lattice.solve(_on_cpu(sum_UL.t()), _on_cpu(max_UL.t()))
        share_UL = torch.from_numpy(share_LU).to(sum_UL).t()
        floor = torch.finfo(torch.float32).min
        bias_LV = lattice.spread_to_vocabulary((share_UL.log() - sum_UL).clamp(min=floor))
        return scaled_LV + bias_LV, lattice.best_ids(values_NL, best_sets_L)

    def _lattice(self, length: int, device: torch.device) -> "_Lattice":
        # A canvas is read many times from the same place.
        if (length, device) not in self._lattices:
            self._lattices[length, device] = _Lattice(self, length, device)
        return self._lattices[length, device]

    @cached_property
    def _lattices(self) -> dict[tuple[int, torch.device], "_Lattice"]:
        return {}


class _Lattice:
    """The part of the automaton that one canvas can reach, with its own numbers for states, sets and groups.

    The first R states have transitions, which follow one another. States are in the order in which they are first
    reached, so that those in play at a position, and their transitions, are a prefix of all.
    """

    def __init__(self, walk: Walk, length: int, device: torch.device) -> None:
        automaton = walk.automaton
        self.length = length
        transitions, depth_S = _reachable(automaton, walk.state, length, walk.remaining)
        source, target = automaton.source_P[transitions], automaton.target_P[transitions]
        inner = np.unique(source)
        inner = inner[np.argsort(depth_S[inner], kind="stable")]
        states = np.concatenate((inner, np.setdiff1d(target, inner)))
        number_S = np.zeros(automaton.end + 1, dtype=np.int64)
        number_S[states] = np.arange(len(states))
        order = np.argsort(number_S[source], kind="stable")
        self.source_P, self.target_P = number_S[source[order]], number_S[target[order]]
        sets, self.set_P = np.unique(automaton.set_P[transitions[order]], return_inverse=True)
        self.start, self.num_states, self.num_sets = 0, len(states), len(sets)
        self.first_R = np.searchsorted(self.source_P, np.arange(len(inner)))
        self.inner_L = np.searchsorted(depth_S[inner], np.arange(length), side="right")
        self.transitions_L = np.searchsorted(self.source_P, self.inner_L)
        left_L = np.maximum(0, walk.remaining - np.arange(length + 1))
        # [L + 1, S]: states from which a text can no longer end in time.
        self.late_LS = automaton.distance_S[states][None, :] > left_L[:, None]
        self._number_groups(automaton, sets, device)

    def _number_groups(self, automaton: TokenAutomaton, sets: Indices, device: torch.device) -> None:
        members = np.isin(automaton.member_set_M, sets)
        member_set = np.searchsorted(sets, automaton.member_set_M[members])
        groups, member_group = np.unique(automaton.member_group_M[members], return_inverse=True)
        self.num_groups = len(groups)
        number = np.full(automaton.num_groups + 1, self.num_groups)
        number[groups] = np.arange(self.num_groups)
        group_V = number[automaton.group_V]
        ids = np.flatnonzero(group_V < self.num_groups)
        self.allowed_UG = np.zeros((self.num_sets, self.num_groups), dtype=bool)
        self.allowed_UG[member_set, member_group] = True
        self.ids_N, self.group_N = _indices(ids, device), _indices(group_V[ids], device)
        self.member_set_M, self.member_group_M = _indices(member_set, device), _indices(member_group, device)
        self.group_V = _indices(group_V, device)

    def gather(self, scaled_LV: Tensor) -> Tensor:
        """The log weights of the N ids that some path uses -> [N, L]."""
        # Positions come last because whole rows are gathered and summed several times faster than single values.
        return scaled_LV.t().contiguous()[self.ids_N].clamp(min=NEVER)

    def weigh(self, values_NL: Tensor) -> tuple[Tensor, Tensor]:
        """The log of each set's summed weights and its largest log weight, at each position -> two [U, L]."""
        max_GL = _largest(values_NL, self.group_N, self.num_groups)
        sum_GL = _log_sum(values_NL, self.group_N, max_GL)
        max_ML, sum_ML = max_GL[self.member_group_M], sum_GL[self.member_group_M]
        top_UL = _largest(sum_ML, self.member_set_M, self.num_sets)
        return _log_sum(sum_ML, self.member_set_M, top_UL), _largest(max_ML, self.member_set_M, self.num_sets)

    def solve(self, sum_LU: Array, max_LU: Array) -> tuple[Array, Indices]:
        """Forward-backward with the summed weights, Viterbi with the largest ones.

        Returns the probability that a position takes a token of each set, over all valid paths [L, U], and the set of
        each position along the heaviest path [L].
        """
        num_states, num_transitions = self.num_states, len(self.set_P)
        any_late_L: NDArray[np.bool_] = np.any(self.late_LS, axis=1)
        # Shares of a state's weight lie between 0 and 1: float32 holds them well, and its exponentials cost a third.
        sums_LP = np.empty((self.length, num_transitions), dtype=np.float32)
        best_LP = np.empty((self.length, num_transitions))
        total_LS = np.ones((self.length, num_states), dtype=np.float32)
        ahead_S = np.where(self.late_LS[self.length], NEVER, 0.0)
        best_ahead_S = ahead_S.copy()
        for position in range(self.length - 1, -1, -1):
            inner, count = self.inner_L[position], self.transitions_L[position]
            first, source = self.first_R[:inner], self.source_P[:count]
            target, token_set = self.target_P[:count], self.set_P[:count]
            best = np.add(max_LU[position].take(token_set), best_ahead_S.take(target), out=best_LP[position, :count])
            weights = sum_LU[position].take(token_set)
            weights += ahead_S.take(target)
            largest = np.maximum.reduceat(weights, first)
            weights -= largest.take(source)
            sums = sums_LP[position, :count]
            np.exp(weights.astype(np.float32), out=sums)
            total = np.add.reduceat(sums, first, out=total_LS[position, :inner])
            ahead_S, best_ahead_S = np.full((2, num_states), NEVER)
            ahead_S[:inner] = largest + np.log(total)
            best_ahead_S[:inner] = np.maximum.reduceat(best, first)
            if any_late_L[position]:
                ahead_S[self.late_LS[position]] = best_ahead_S[self.late_LS[position]] = NEVER
        return self._forward(sums_LP, total_LS), self._follow(best_LP)

    def _forward(self, sums_LP: NDArray[np.float32], total_LS: NDArray[np.float32]) -> Array:
        """Shares of the weight behind each state, summed up from the start -> [L, U]."""
        share_LU = np.empty((self.length, self.num_sets))
        here_S = np.zeros(self.num_states)
        here_S[self.start] = 1.0
        for position, count in enumerate(self.transitions_L):
            taken = (here_S / total_LS[position]).take(self.source_P[:count])
            taken *= sums_LP[position, :count]
            here_S = np.bincount(self.target_P[:count], taken, self.num_states)
            share_LU[position] = np.bincount(self.set_P[:count], taken, self.num_sets)
        return share_LU

    def _follow(self, best_LP: Array) -> Indices:
        """The sets along the path that takes the best transition of every state it comes to -> [L]."""
        borders = [*self.first_R.tolist(), len(self.set_P)]
        state, chosen = self.start, []
        for position in range(self.length):
            low, high = borders[state], borders[state + 1]
            transition = low + int(best_LP[position, low:high].argmax())
            chosen.append(self.set_P[transition])
            state = int(self.target_P[transition])
        return np.array(chosen)

    def best_ids(self, values_NL: Tensor, sets_L: Indices) -> Tensor:
        """The likeliest id of each position's set -> [L]."""
        allowed_GL = torch.from_numpy(np.ascontiguousarray(self.allowed_UG[sets_L].T)).to(values_NL.device)
        return self.ids_N[torch.where(allowed_GL[self.group_N], values_NL, -torch.inf).argmax(0)]

    def spread_to_vocabulary(self, log_UL: Tensor) -> Tensor:
        """For each id the log of the sum over the sets that hold it -> [L, V], -inf for ids in none."""
        log_ML = log_UL[self.member_set_M]
        log_GL = _log_sum(log_ML, self.member_group_M, _largest(log_ML, self.member_group_M, self.num_groups))
        # What no valid path uses has a probability of exactly zero.
        log_GL = log_GL.masked_fill(log_GL < NEVER, -torch.inf)
        nothing = log_GL.new_full((1, self.length), -torch.inf)
        return torch.cat((log_GL, nothing))[self.group_V].t()


def _reachable(automaton: TokenAutomaton, state: int, length: int, remaining: int) -> tuple[Indices, Indices]:
    """The transitions that some path of `length` tokens takes which still ends in time, and each state's depth."""
    depth = np.full(len(automaton.distance_S), FAR, dtype=np.int64)
    frontier, steps = np.array([state]), 0
    while len(frontier) and steps <= length:
        depth[frontier] = steps
        _, edges = spread(automaton.first_S[frontier], np.diff(automaton.first_S)[frontier])
        following = np.unique(automaton.target_P[edges])
        frontier, steps = following[depth[following] == FAR], steps + 1
    at = depth[automaton.source_P]
    in_time = at + 1 + automaton.distance_S[automaton.target_P] <= remaining
    closing = automaton.target_P == automaton.end
    return np.flatnonzero((at < length) & (in_time | closing)), depth


def _largest(values_NL: Tensor, segment_N: Tensor, count: int) -> Tensor:
    """The largest of each segment's rows -> [count, L]."""
    lowest = values_NL.new_full((count, values_NL.shape[1]), -torch.inf)
    return lowest.scatter_reduce(0, segment_N[:, None].expand_as(values_NL), values_NL, "amax")


def _log_sum(values_NL: Tensor, segment_N: Tensor, largest: Tensor) -> Tensor:
    """The log of the sum of the exponentials of each segment's rows, whose `largest` are known -> [count, L]."""
    shares_NL = (values_NL - largest[segment_N]).exp()
    return largest + torch.zeros_like(largest).index_add_(0, segment_N, shares_NL).log()


def _indices(values: Indices, device: torch.device) -> Tensor:
    return torch.from_numpy(values).to(device)


def _on_cpu(values: Tensor) -> Array:
    return values.double().cpu().numpy()
