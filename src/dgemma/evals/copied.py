"""Verbatim copying: the longest run of words in a model's replies that also occurs in its training text.

Any white space counts as one space. Knows nothing of models.
"""

from collections.abc import Iterable


def longest_copied_span(replies: Iterable[str], corpus: Iterable[str]) -> tuple[int, str]:
    """The longest run of whole words in any reply that occurs in one text of the corpus -> (number of words, run)."""
    # Texts are joined with line breaks, runs with spaces, so no run matches across two texts.
    joined = "\n".join(f" {' '.join(text.split())} " for text in corpus)
    best = ""
    for reply in replies:
        words = reply.split()
        start = 0
        for end in range(1, len(words) + 1):
            # `start` never moves back, so there are at most two searches per word.
            while start < end and f" {' '.join(words[start:end])} " not in joined:
                start += 1
            if end - start > len(best.split()):
                best = " ".join(words[start:end])
    return len(best.split()), best
