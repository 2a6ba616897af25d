"""The mistakes of the *fix* task: each changes a list of words in one place where the correction is unambiguous.

A mistake is a function (random, words) -> the changed words, or None if the sentence has no place for it. Knows nothing
of requests, tokens or models.
"""

import re
from collections.abc import Callable
from random import Random

from dgemma.evals.tasks.fix_words import (
    APOSTROPHES,
    CAPITALS,
    COMPARATIVES,
    CONFUSED,
    KEYBOARD,
    MISSING,
    MISSPELLINGS,
    NEVER_DOUBLED,
    SWAPPED,
    UNCOUNTABLE,
)

Words = list[str]
Mistake = Callable[[Random, Words], Words | None]

_AGREEMENT = {
    "is": "are", "are": "is", "was": "were", "were": "was", "has": "have", "does": "do", "goes": "go", "likes": "like",
    "wants": "want", "makes": "make", "takes": "take", "comes": "come", "needs": "need", "lives": "live",
    "went": "goed", "saw": "seen", "came": "comed", "took": "taked", "bought": "buyed", "made": "maked", "gave": "gived",
}  # fmt: skip


def _pick(random: Random, words: Words, fits: Callable[[str], bool]) -> int | None:
    places = [index for index, word in enumerate(words) if fits(word)]
    return random.choice(places) if places else None


def _core(word: str) -> str:
    return re.sub(r"[^A-Za-z']", "", word)


def _misspell(random: Random, words: Words) -> Words | None:
    place = _pick(random, words, lambda word: _core(word).lower() in MISSPELLINGS)
    if place is None:
        return None
    core = _core(words[place])
    wrong = random.choice(MISSPELLINGS[core.lower()])
    words[place] = words[place].replace(core, wrong.capitalize() if core[0].isupper() else wrong)
    return words


def _slip(random: Random, words: Words) -> Words | None:
    place = _pick(random, words, lambda word: len(word) >= 4 and word.isalpha() and word.islower())
    if place is None:
        return None
    word = words[place]
    at = random.randrange(1, len(word) - 1)
    kind = random.randrange(4)
    if kind == 0:
        words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind == 1:
        words[place] = word[:at] + word[at + 1 :]
    elif kind == 2:
        words[place] = word[:at] + word[at] + word[at:]
    else:
        near = KEYBOARD.get(word[at], "")
        words[place] = word[:at] + (random.choice(near) if near else word[at]) + word[at + 1 :]
    return words


def _double(random: Random, words: Words) -> Words | None:
    place = _pick(random, words, lambda word: word.isalpha() and word.lower() not in NEVER_DOUBLED)
    return None if place is None else [*words[: place + 1], words[place].lower(), *words[place + 1 :]]


def _agree(random: Random, words: Words) -> Words | None:
    place = _pick(random, words, lambda word: word in _AGREEMENT)
    if place is not None:
        words[place] = _AGREEMENT[words[place]]
    return words


def _article(random: Random, words: Words) -> Words | None:
    place = _pick(random, words, lambda word: word in ("a", "an"))
    if place is not None:
        words[place] = "an" if words[place] == "a" else "a"
    return words


def _apostrophe(random: Random, words: Words) -> Words | None:
    place = _pick(random, words, lambda word: _core(word).lower() in APOSTROPHES)
    if place is not None:
        words[place] = words[place].replace("'", "")
    return words


def _lower(random: Random, words: Words) -> Words | None:
    words[0] = words[0][:1].lower() + words[0][1:]
    return words


def _stop(random: Random, words: Words) -> Words | None:
    words[-1] = words[-1].removesuffix(".")
    return words


def _neighbours(words: Words, place: int) -> tuple[str, str]:
    """The plain words before and after, or "." at the sentence's ends and at punctuation."""
    before = words[place - 1] if place else "."
    after = words[place + 1] if place + 1 < len(words) and words[place].isalpha() else "."
    return (before if before.isalpha() else "."), (after if after == "." else _core(after))


def _confuse(random: Random, words: Words) -> Words | None:
    """A homophone, such as their for there or then for than, where the neighbours determine the right one."""
    found: list[tuple[int, str]] = []
    for place, word in enumerate(words):
        before, after = _neighbours(words, place)
        for right, wrong, befores, afters in CONFUSED:
            decided = (befores is None or before in befores) and (afters is None or after in afters)
            if _core(word).lower() == right and decided and (befores or afters):
                found.append((place, wrong))
    if not found:
        return None
    place, wrong = random.choice(found)
    core = _core(words[place])
    words[place] = words[place].replace(core, wrong.capitalize() if core[0].isupper() else wrong)
    return words


def _miss(random: Random, words: Words) -> Words | None:
    """Leaves out a small word that a reader would add without doubt."""
    places: list[int] = []
    for place in range(1, len(words) - 1):
        before, after = words[place - 1], _core(words[place + 1])
        for missing, befores, afters in MISSING:
            if (
                words[place] == missing
                and (befores is None or before in befores)
                and (afters is None or after in afters)
            ):
                places.append(place)
    if not places:
        return None
    place = random.choice(places)
    return [*words[:place], *words[place + 1 :]]


def _swap(random: Random, words: Words) -> Words | None:
    """Swaps two neighbouring words."""
    pairs = [place for place in range(len(words) - 1) if (words[place], words[place + 1]) in SWAPPED]
    if not pairs:
        return None
    place = random.choice(pairs)
    words[place], words[place + 1] = words[place + 1], words[place]
    return words


def _compare(random: Random, words: Words) -> Words | None:
    """A double comparative, such as more bigger."""
    place = _pick(random, words, lambda word: _core(word) in COMPARATIVES)
    if place is None or (place and words[place - 1] in ("much", "far", "even", "no", "any", "the")):
        return None
    return [*words[:place], "more", *words[place:]]


def _count(random: Random, words: Words) -> Words | None:
    """The plural of an uncountable noun."""
    place = _pick(random, words, lambda word: _core(word) in UNCOUNTABLE)
    if place is not None:
        words[place] = words[place].replace(_core(words[place]), UNCOUNTABLE[_core(words[place])])
    return words


def _small_name(random: Random, words: Words) -> Words | None:
    """A proper name without its capital."""
    place = _pick(random, words, lambda word: _core(word) in CAPITALS)
    if place is not None:
        words[place] = words[place].lower()
    return words


# Name -> (mistake, weight). Mistakes that fit few sentences have a weight above their intended share.
MISTAKES: dict[str, tuple[Mistake, float]] = {
    "misspelling": (_misspell, 4),
    "slip": (_slip, 4),
    "doubled": (_double, 3),
    "missing": (_miss, 4),
    "confused": (_confuse, 4),
    "agreement": (_agree, 2),
    "article": (_article, 1),
    "apostrophe": (_apostrophe, 2),
    "swapped": (_swap, 1),
    "name": (_small_name, 1.5),
    "comparative": (_compare, 3),
    "uncountable": (_count, 3),
    "capital": (_lower, 1),
    "stop": (_stop, 1),
}
