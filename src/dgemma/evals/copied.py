"""How much of what a model writes was in its training text: the longest run of words found there word for word.

Knows nothing of models; white space counts as one space on both sides.
"""

from collections.abc import Iterable


def longest_copied_span(replies: Iterable[str], corpus: Iterable[str]) -> tuple[int, str]:
    """The longest run of whole words of any reply that stands in one text of the corpus -> (words, the run itself)."""
    # A line break between texts keeps a run from reaching over their border: runs are joined with spaces.
    joined = "\n".join(f" {' '.join(text.split())} " for text in corpus)
    best = ""
    for reply in replies:
        words = reply.split()
        start = 0
        for end in range(1, len(words) + 1):
            # Every run that is kept is as long as the best so far: a window that only grows needs one search a word.
            while start < end and f" {' '.join(words[start:end])} " not in joined:
                start += 1
            if end - start > len(best.split()):
                best = " ".join(words[start:end])
    return len(best.split()), best
