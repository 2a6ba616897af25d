"""Small automata over a toy vocabulary, for tests that go through every string of ids."""

from dgemma.decode.constrain import TokenAutomaton, characters
from dgemma.decode.constrain.byte_automaton import determinise
from dgemma.decode.constrain.expressions import Expressions
from dgemma.decode.constrain.patterns import compile_pattern
from dgemma.decode.constrain.token_automaton import build
from dgemma.decode.constrain.vocabulary import build_trie

END_IDS = (0, 5)
WRITTEN = {1: b"a", 2: b"b", 3: b"ab", 4: b"a"}
VOCAB_SIZE = 7
PATTERNS = [
    "a*b",
    "(ab)+",
    "a{2}b?|b",
    "[ab]{1,3}",
    "b|ab|aab",
    "(a|b)*a",
    "a+",
    "abab",
    "b(a{0,3}b){2}",
    "[ab]{0,6}b",
    "(ab?){2,5}|b{4}",
]


def automaton_of(pattern: str) -> TokenAutomaton:
    """The automaton of the texts that match the pattern as a whole."""
    expressions = Expressions()
    term = compile_pattern(expressions, pattern, characters.plain, anywhere=False)
    return build(determinise(expressions, term, 20_000), build_trie(WRITTEN), VOCAB_SIZE, END_IDS)
