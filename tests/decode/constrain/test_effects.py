"""What tokens do to states, found for all of them at once, is what going byte by byte finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.decode.constrain import effects
from dgemma.decode.constrain.byte_automaton import DEAD, ByteAutomaton
from dgemma.decode.constrain.vocabulary import build_trie


@st.composite
def automata(draw: st.DrawFn) -> ByteAutomaton:
    """Random ones over the bytes of "abc", most of whose transitions are there."""
    states = draw(st.integers(1, 9))
    following = np.full((states, 256), DEAD, dtype=np.int32)
    following[:, ord("a") : ord("d")] = draw(
        st.lists(st.lists(st.integers(-1, states - 1), min_size=3, max_size=3), min_size=states, max_size=states)
    )
    return ByteAutomaton(next_S256=following, accepting_S=np.ones(states, dtype=bool))


def behind(automaton: ByteAutomaton, state: int, text: bytes) -> int:
    for byte in text:
        if state == DEAD:
            break
        state = int(automaton.next_S256[state, byte])
    return state


@given(automata(), st.dictionaries(st.integers(0, 50), st.text("abcd", min_size=1, max_size=6).map(str.encode)))
@pytest.mark.parametrize(("block", "most"), [(512, 1 << 25), (2, 1 << 25), (4, 300)])
@settings(max_examples=60)
def test_effects_are_those_of_the_bytes_one_by_one(block, most, automaton, written):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(effects, "_BLOCK", block)
        patch.setattr(effects, "_MAX_ENTRIES", most)
        trie = build_trie(written)
        found = list(effects.effects(automaton, trie))
    states = [one.first + offset for one in found for offset in range(one.target_FB.shape[1])]
    assert states == list(range(len(automaton.accepting_S)))
    for one in found:
        assert (one.target_FB[effects.NO_EFFECT] == DEAD).all()
        for index, effect in zip(trie.ids_W.tolist(), one.effect_W.tolist(), strict=True):
            expected = [behind(automaton, one.first + place, written[index]) for place in range(one.target_FB.shape[1])]
            assert one.target_FB[effect].tolist() == expected
            assert (effect == effects.NO_EFFECT) == (set(expected) == {DEAD})
