"""The effect of each token on the states of a byte automaton.

A token's effect is a function from each state to the state after the token, or DEAD. Thousands of tokens share one
(inside a JSON string only their length counts). The trie is therefore walked once per block of states, and each node
gets an effect: that of its parent followed by one byte. A vocabulary of 262,144 tokens and an automaton of 10,000
states take two seconds; walking the trie once per state took ninety.

Shapes: S states, B states of a block, C byte classes, F effects, N trie nodes, W tokens that write any bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgemma.decode.constrain.byte_automaton import DEAD, ByteAutomaton
from dgemma.decode.constrain.vocabulary import Trie

NO_EFFECT = 0
"""The effect of tokens that no state of the block accepts."""

# States per walk over the trie, halved until their effects take at most _MAX_ENTRIES entries.
_BLOCK = 512
_MAX_ENTRIES = 1 << 25
_ROW_OVERHEAD = 64


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The effects of all tokens on a block of states.

    first      the first state of the block
    effect_W   the effect of each token, in the trie's order
    target_FB  the state that each effect leads to from each state, or DEAD
    """

    first: int
    effect_W: NDArray[np.int32]
    target_FB: NDArray[np.signedinteger]

    def num_transitions(self) -> int:
        """The number of distinct (state, next state) pairs in the block."""
        sorted_FB = np.sort(self.target_FB, axis=0)
        return int(np.count_nonzero(np.diff(sorted_FB, axis=0)))


def effects(automaton: ByteAutomaton, trie: Trie) -> Iterator[Effects]:
    """The effects on all states, block by block."""
    # Bytes that no state distinguishes form one class. int16 where it suffices: numpy sorts it in linear time.
    dtype = np.int16 if len(automaton.next_S256) < 1 << 15 else np.int32
    next_CS, class_256 = np.unique(automaton.next_S256.astype(dtype).T, axis=0, return_inverse=True)
    class_N = class_256.reshape(-1)[trie.byte_N]
    first = 0
    block = _BLOCK
    while first < next_CS.shape[1]:
        block = min(block, next_CS.shape[1] - first)
        found = _block_effects(next_CS, trie, class_N, first, block)
        if found is None:
            block //= 2
            continue
        yield found
        first += block


def _block_effects(
    next_CS: NDArray[np.signedinteger], trie: Trie, class_N: NDArray[np.int64], first: int, block: int
) -> Effects | None:
    """The effects on the states first .. first + block; None if they take too much memory and the block can shrink."""
    num_classes = len(next_CS)
    unchanged = np.arange(first, first + block, dtype=next_CS.dtype)
    rows = [np.full(block, DEAD, dtype=next_CS.dtype), unchanged]
    known = {row.tobytes(): number for number, row in enumerate(rows)}
    effect_N = np.zeros(len(trie.parent_N), dtype=np.int64)
    effect_N[0] = 1
    for low, high in zip(trie.level_ends, trie.level_ends[1:], strict=False):
        parent_effects = effect_N[trie.parent_N[low:high]]
        alive = np.flatnonzero(parent_effects != NO_EFFECT)
        if not len(alive):
            break
        # A step is a pair (effect of the parent, class of the byte).
        steps = parent_effects[alive] * num_classes + class_N[low:high][alive]
        # The distinct steps, as `np.unique` finds them but without sorting: the whole walk takes a fifth of the time.
        effect_of_step = np.full(len(rows) * num_classes, NO_EFFECT, dtype=np.int64)
        effect_of_step[steps] = 1
        for step in np.flatnonzero(effect_of_step).tolist():
            row = rows[step // num_classes]
            next_row = next_CS[step % num_classes][row]
            # DEAD is -1, which indexes the last state.
            next_row[row == DEAD] = DEAD
            effect_of_step[step] = known.setdefault(next_row.tobytes(), len(rows))
            if effect_of_step[step] == len(rows):
                rows.append(next_row)
        if len(rows) * (block + _ROW_OVERHEAD) > _MAX_ENTRIES and block > 1:
            return None
        effect_N[low + alive] = effect_of_step[steps]
    # Drop effects of inner trie nodes that no token has; NO_EFFECT stays number 0.
    used = np.zeros(len(rows), dtype=bool)
    used[NO_EFFECT] = used[effect_N[trie.node_W]] = True
    number = np.cumsum(used, dtype=np.int32) - 1
    target_FB = np.stack([row for row, is_used in zip(rows, used.tolist(), strict=True) if is_used])
    return Effects(first=first, effect_W=number[effect_N[trie.node_W]], target_FB=target_FB)
