"""What each token does to the states of a byte automaton.

A token's effect is a function: the state behind each state, or DEAD. Tokens by the thousand have the same one (inside a
string of JSON only their length counts), so the trie is walked once for a whole block of states, with effects in the
place of states: the effect of a node is that of its parent followed by one byte. A vocabulary of 262,144 tokens and a
form of 10,000 states take two seconds; going from state to state they took ninety.

Shapes: S states, B states of a block, C kinds of bytes, F effects, N trie nodes, W tokens that write something.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgemma.decode.constrain.byte_automaton import DEAD, ByteAutomaton
from dgemma.decode.constrain.vocabulary import Trie

NO_EFFECT = 0
"""The effect of tokens that no state of the block takes."""

# States whose effects are found in one walk over the trie; fewer where there are so many effects that their memory
# would count.
_BLOCK = 512
_MOST_ENTRIES = 1 << 25
_ROW_OVERHEAD = 64


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The effect of every token, in the trie's order, on the states from `first` on; target_FB has the state behind
    each state, or DEAD."""

    first: int
    effect_W: NDArray[np.int32]
    target_FB: NDArray[np.signedinteger]

    def num_transitions(self) -> int:
        """The different states that each state of the block leads to, summed."""
        behind_FB = np.sort(self.target_FB, axis=0)
        return int(np.count_nonzero(np.diff(behind_FB, axis=0)))


def effects(automaton: ByteAutomaton, trie: Trie) -> Iterator[Effects]:
    """The effects on all states, block by block."""
    # Bytes that no state tells apart are one kind. Small numbers, as numpy sorts those of two bytes in linear time.
    number = np.int16 if len(automaton.next_S256) < 1 << 15 else np.int32
    columns, kind_256 = np.unique(automaton.next_S256.astype(number).T, axis=0, return_inverse=True)
    kind_N = kind_256.reshape(-1)[trie.byte_N]
    first = 0
    block = _BLOCK
    while first < columns.shape[1]:
        block = min(block, columns.shape[1] - first)
        found = _of_block(columns, trie, kind_N, first, block)
        if found is None:
            block //= 2
            continue
        yield found
        first += block


def _of_block(
    next_CS: NDArray[np.signedinteger], trie: Trie, kind_N: NDArray[np.int64], first: int, block: int
) -> Effects | None:
    """None where several states have more effects than the memory for them should hold."""
    num_kinds = len(next_CS)
    unchanged = np.arange(first, first + block, dtype=next_CS.dtype)
    rows = [np.full(block, DEAD, dtype=next_CS.dtype), unchanged]
    known = {row.tobytes(): number for number, row in enumerate(rows)}
    effect_N = np.zeros(len(trie.parent_N), dtype=np.int64)
    effect_N[0] = 1
    for low, high in zip(trie.level_ends, trie.level_ends[1:], strict=False):
        before = effect_N[trie.parent_N[low:high]]
        alive = np.flatnonzero(before != NO_EFFECT)
        if not len(alive):
            break
        steps = before[alive] * num_kinds + kind_N[low:high][alive]
        # What `np.unique` does, without sorting: a fifth of the time for the whole walk.
        effect_of_step = np.full(len(rows) * num_kinds, NO_EFFECT, dtype=np.int64)
        effect_of_step[steps] = 1
        for step in np.flatnonzero(effect_of_step).tolist():
            row = rows[step // num_kinds]
            behind = next_CS[step % num_kinds][row]
            # DEAD, as an index, is the last state.
            behind[row == DEAD] = DEAD
            effect_of_step[step] = known.setdefault(behind.tobytes(), len(rows))
            if effect_of_step[step] == len(rows):
                rows.append(behind)
        if len(rows) * (block + _ROW_OVERHEAD) > _MOST_ENTRIES and block > 1:
            return None
        effect_N[low + alive] = effect_of_step[steps]
    # What only parts of tokens do is left out; NO_EFFECT stays the first.
    used = np.zeros(len(rows), dtype=bool)
    used[NO_EFFECT] = used[effect_N[trie.node_W]] = True
    number = np.cumsum(used, dtype=np.int32) - 1
    target_FB = np.stack([row for row, is_used in zip(rows, used.tolist(), strict=True) if is_used])
    return Effects(first=first, effect_W=number[effect_N[trie.node_W]], target_FB=target_FB)
