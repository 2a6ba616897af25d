"""Patterns and numbers against Python's own reading of them: whatever is written, `re` and the bounds accept it."""

import itertools
import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.decode.constrain import characters, regex
from dgemma.decode.constrain.byte_automaton import determinise
from dgemma.decode.constrain.description import byte_automaton
from dgemma.decode.constrain.expressions import NOTHING, Expressions, Term
from dgemma.decode.constrain.numbers import Bound, number
from dgemma.decode.constrain.patterns import compile_pattern
from dgemma.decode.constrain.work import TooLargeError
from dgemma.errors import UsageError


def accepts(expressions: Expressions, term: Term, text: str) -> bool:
    for value in text.encode():
        term = expressions.derivative(term, value)
    return expressions.nullable(term)


ATOMS = st.sampled_from(["a", "b", "é", ".", "[ab]", "[^a]", "[a-c]", r"\.", r"\x61", r"\u00e9", "(?:)", "[é-ü]"])
QUANTIFIERS = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{,1}", "{1,}", "*?", "{0}"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map("|".join).map("({})".format),
        st.tuples(inner, QUANTIFIERS).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)
WORDS = ["".join(word) for count in range(4) for word in itertools.product("ab.é", repeat=count)]


@settings(max_examples=150)
@given(PATTERNS, st.booleans(), st.booleans())
def test_patterns_match_what_python_matches(pattern, begins, ends):
    expressions = Expressions()
    whole = compile_pattern(expressions, pattern, characters.plain, anywhere=False)
    anchored = f"{'^' * begins}(?:{pattern}){'$' * ends}"
    within = compile_pattern(expressions, anchored, characters.plain, anywhere=True)
    in_json = compile_pattern(expressions, pattern, characters.json_string, anywhere=False)
    for word in WORDS:
        assert accepts(expressions, whole, word) == bool(re.fullmatch(pattern, word))
        assert accepts(expressions, in_json, word) == bool(re.fullmatch(pattern, word))
        assert accepts(expressions, within, word) == bool(re.search(anchored, word))


LOOK_AHEADS = st.tuples(
    st.sampled_from("=!"), st.lists(PATTERNS, min_size=1, max_size=2), st.sampled_from(["", "$"])
).map(lambda drawn: f"(?{drawn[0]}{'|'.join(drawn[1])}{drawn[2]})")


PARTS = PATTERNS.map("(?:{})".format) | LOOK_AHEADS
LOOKING = st.recursive(
    st.lists(PARTS, min_size=1, max_size=3).map("".join),
    lambda inner: st.tuples(
        PARTS, st.lists(inner, min_size=1, max_size=2), st.sampled_from(["", "?", "??"]), PARTS
    ).map(lambda drawn: f"{drawn[0]}(?:{'|'.join(drawn[1])}){drawn[2]}{drawn[3]}"),
    max_leaves=4,
)


@settings(max_examples=200)
@given(LOOKING, st.booleans(), st.booleans())
def test_look_ahead_matches_as_in_python(pattern, begins, ends):
    expressions = Expressions()
    whole = compile_pattern(expressions, pattern, characters.plain, anywhere=False)
    anchored = f"{'^' * begins}{pattern}{'$' * ends}"
    within = compile_pattern(expressions, anchored, characters.json_string, anywhere=True)
    for word in WORDS:
        assert accepts(expressions, whole, word) == bool(re.fullmatch(pattern, word))
        assert accepts(expressions, within, word) == bool(re.search(anchored, word))


COUNTED = st.sampled_from(["a{1,3}", "(?:ab?){0,2}", "[^b]{2,}", "(?=.{1,2}$)", "(?!a{2,3})", "(?!.{0,2}b$)", ".{3}"])


@settings(max_examples=100)
@given(st.lists(COUNTED, min_size=1, max_size=4).map("".join), st.booleans())
def test_smaller_counts_write_fewer_texts_and_no_others(pattern, begins):
    expressions = Expressions()
    anchored = f"{'^' * begins}{pattern}"
    some = compile_pattern(expressions, anchored, characters.plain, anywhere=True, max_repeat=1)
    all_that_may = compile_pattern(expressions, anchored, characters.plain, anywhere=True, outer=True, max_repeat=1)
    for word in WORDS:
        matches = bool(re.search(anchored, word))
        assert matches or not accepts(expressions, some, word)
        assert accepts(expressions, all_that_may, word) or not matches


def test_a_search_for_a_text_does_not_pass_by_the_shortest():
    expressions = Expressions()
    term = compile_pattern(expressions, "(?=.{1,200}$)([ab]{0,50}c)*d", characters.plain, anywhere=False)
    assert expressions.possible(term, max_terms=10)
    never = compile_pattern(expressions, "(?=.{1,20}$)([ab]{0,50}c)*d{30}", characters.plain, anywhere=False)
    assert not expressions.possible(never)


@pytest.mark.parametrize("pattern", [r"^(?!\d).", r"^(?![^\w]).$", r"^(?!.*\s).+$", "^(?!a$).*", r"^(?=\w).(?!\d)"])
def test_look_ahead_never_writes_what_python_would_not_match(pattern):
    expressions = Expressions()
    term = compile_pattern(expressions, pattern, characters.plain, anywhere=True)
    samples = [*map(chr, range(0x600)), *"٣½Ⅷ \u2028\u3000日\U0001d7d8\U0001f600"]
    texts = [*samples, *(before + sample for sample in samples for before in "aٻ"), "a\n", "ab\n", "\n"]
    written = [text for text in texts if accepts(expressions, term, text)]
    assert written and all(re.search(pattern, text) for text in written)


@pytest.mark.parametrize("pattern", [r"\d", r"^[^\w]$", r"^\s*$", "^a$", r"^(?!\d)", "^(?!a$)", "[^x]$"])
def test_the_outer_texts_are_all_that_python_may_match(pattern):
    expressions = Expressions()
    term = compile_pattern(expressions, pattern, characters.plain, anywhere=True, outer=True)
    samples = [chr(code) for code in range(0x20, 0x600) if not 0x7F <= code < 0xA0]
    for text in [*samples, *"٣½Ⅷ\u3000日\U0001d7d8", "a\n", "b\n", ""]:
        assert accepts(expressions, term, text) or not re.search(pattern, text)


@pytest.mark.parametrize("pattern", [r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"[^\w]", r"[^\d\s]", r"[\W\d]", "[^x]"])
def test_shorthands_never_write_what_python_would_not_match(pattern):
    expressions = Expressions()
    term = compile_pattern(expressions, pattern, characters.plain, anywhere=False)
    samples = [*map(chr, range(0x600)), *"٣½Ⅷ \u2028\u3000日\U0001d7d8\U0001f600"]
    written = [sample for sample in samples if accepts(expressions, term, sample)]
    assert written and all(re.fullmatch(pattern, sample) for sample in written)


@given(st.text(max_size=6))
def test_json_strings_are_written_as_json_writes_them(text):
    expressions = Expressions()
    term = expressions.repeat(characters.json_string(expressions, characters.EVERY))
    control = any((ord(mark) < 0x20 and mark not in "\b\f\n\r\t") or 0x7F <= ord(mark) < 0xA0 for mark in text)
    assert accepts(expressions, term, json.dumps(text, ensure_ascii=False)[1:-1]) == (not control)


@given(st.lists(st.tuples(st.integers(0, 0x10FFFF), st.integers(0, 0x11000)), max_size=4), st.data())
def test_character_sets_are_written_in_utf_8_exactly(pairs, data):
    ranges = characters.union((low, min(low + size, characters.LAST)) for low, size in pairs)
    expressions = Expressions()
    term = characters.plain(expressions, ranges)
    edges = [code for low, high in ranges for code in (low - 1, low, high, high + 1) if 0 <= code <= characters.LAST]
    code = data.draw(st.sampled_from(edges) if edges else st.integers(0, characters.LAST))
    control = (code < 0x20 and chr(code) not in "\t\n\r") or 0x7F <= code < 0xA0
    if not control and not 0xD800 <= code <= 0xDFFF:
        assert accepts(expressions, term, chr(code)) == any(low <= code <= high for low, high in ranges)
    assert characters.complement(characters.complement(ranges)) == ranges


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("a(?<=b)", "look-behind.* at character 2"),
        ("c(a(?=b))+", "repeated look-ahead.* at character 2"),
        ("((?:a(?=b)|c){2}d)e", "repeated look-ahead"),
        ("(?=a(?!b))", "nested or repeated look-ahead"),
        ("(?=a(b(?!b)))", "nested or repeated look-ahead"),
        ("(a(?=b)", "not closed|nested"),
        ("(a(?=b)$)c", "ends of the whole pattern"),
        ("(?=a)*", "nothing to repeat"),
        ("(?=a", "not closed"),
        ("(?=a$b)", "end only"),
        (r"(a)\1", "back-reference.* at character 4"),
        (r"a\bword", "word boundary.* at character 2"),
        (r"\p{L}", "Unicode property"),
        ("(?i)a", "look-behind, .* flags"),
        ("a^b", "ends of the whole pattern"),
        ("a$b", "end only"),
        ("(ab", "not closed"),
        ("ab)", "unmatched"),
        ("[ab", "not closed"),
        ("[]", "empty"),
        ("[b-a]", "range"),
        ("*a", "nothing to repeat"),
        ("a**", "follows a quantifier"),
        ("a{3,2}", "a minimum above its maximum"),
        ("a{100000}", "more than 10000"),
        ("a\\", "single"),
        (r"\x1", "hexadecimal"),
        (r"\y", "no meaning"),
        ("(?P<name", "name is not closed"),
        ("(" * 200, "deeper"),
    ],
)
def test_patterns_that_cannot_be_used_are_told(pattern, problem):
    with pytest.raises(UsageError, match=problem):
        compile_pattern(Expressions(), pattern, characters.plain, anywhere=False)


BOUNDS = st.tuples(st.integers(-20_000, 20_000), st.integers(0, 3), st.booleans()).map(
    lambda parts: Bound(value=Decimal(parts[0]).scaleb(-parts[1]), strict=parts[2])
)
STEPS = [Decimal(step) for step in ("0", "1", "-1", "0.1", "-0.1", "0.001", "-0.001", "10", "0.000001", "-0.000001")]
WRITTEN = re.compile(r"(?!-0(\.0*)?$)-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?")


@settings(max_examples=200)
@given(st.none() | BOUNDS, st.none() | BOUNDS, st.booleans(), st.integers(-3000, 3000))
def test_numbers_keep_to_their_bounds(lower, upper, integer, other):
    expressions = Expressions()
    term = number(expressions, lower, upper, integer=integer)
    near = [bound.value + step for bound in (lower, upper) if bound for step in STEPS]
    for value in [*near, Decimal(other), Decimal(other).scaleb(-2)]:
        for text in {format(value, "f"), format(value.normalize(), "f"), f"{value.to_integral_value()}.0"}:
            exact = Decimal(text)
            above = lower is None or exact > lower.value or (exact == lower.value and not lower.strict)
            below = upper is None or exact < upper.value or (exact == upper.value and not upper.strict)
            allowed = bool(WRITTEN.fullmatch(text)) and not (integer and "." in text)
            assert accepts(expressions, term, text) == (above and below and allowed), text


def test_automata_have_a_limit_and_no_empty_answer():
    expressions = Expressions()
    term = compile_pattern(expressions, "(a|b)*a(a|b){40}", characters.plain, anywhere=False)
    with pytest.raises(TooLargeError, match="more than 500 states"):
        determinise(expressions, term, 500)
    automaton = determinise(expressions, compile_pattern(expressions, "a*", characters.plain, anywhere=False), 500)
    assert not automaton.accepting_S[0] and automaton.accepting_S[automaton.next_S256[0, ord("a")]]
    assert expressions.sequence(expressions.literal(b"a"), NOTHING) == NOTHING


def test_counts_that_take_too_many_states_are_made_smaller():
    pattern = "(?=.{1,253}$)([a-z]([a-z-]{0,61}[a-z])?[.])*"
    automaton = byte_automaton(regex(pattern))
    for text in ("a.", "a-b.c.", "a", ".", "-a.", "a-.", "a." * 127):
        state = 0
        for value in text.encode():
            state = int(automaton.next_S256[state, value]) if state >= 0 else state
        assert (state >= 0 and bool(automaton.accepting_S[state])) == bool(re.fullmatch(pattern, text)), text
    with pytest.raises(TooLargeError, match="more than 20000 states"):
        # Smaller counts leave no text here.
        byte_automaton(regex("(?=.{150,300}$)[a-z]{0,99}(-[a-z]{0,99}){1,3}"))


@pytest.mark.parametrize(
    "pattern",
    [
        "(((a{1,100}){1,100}){1,100}){1,100}",
        "(a|b)*a(a|b){20}",
        "[^a]{10000}",
        "".join(f"[^{chr(97 + at)}]*" for at in range(26)) * 20,
        "(" + "|".join(f".{{0,{count}}}a" for count in range(1, 200)) + ")*",
    ],
    ids=["nested-counts", "exponential", "long", "deep", "wide"],
)
def test_a_pattern_that_would_blow_up_is_refused_in_seconds(pattern):
    with pytest.raises(UsageError, match=r"The constraint (needs|nests|takes|is nested)"):
        byte_automaton(regex(pattern))
