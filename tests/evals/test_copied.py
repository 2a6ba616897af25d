"""The longest copied span against an exhaustive search over all spans."""

from hypothesis import given
from hypothesis import strategies as st

from dgemma.evals.copied import longest_copied_span

TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "ab", "c"]), max_size=8).map(" ".join), min_size=1, max_size=3)


@given(TEXTS, TEXTS)
def test_the_longest_copied_span_equals_an_exhaustive_search(replies, corpus):
    def spans(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}

    known = set().union(*(spans(text) for text in corpus))
    longest = max((len(span) for reply in replies for span in spans(reply) & known), default=0)
    count, span = longest_copied_span(replies, corpus)
    assert count == longest == len(span.split())


def test_white_space_is_normalised_and_spans_end_with_their_text():
    assert longest_copied_span(["the  cat\nsat down"], ["A dog. the cat sat."]) == (2, "the cat")
    assert longest_copied_span(["one two three"], ["zero one", "two three"]) == (2, "two three")
