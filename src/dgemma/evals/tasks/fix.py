"""The task *fix*: a sentence with one to three mistakes, answered with the mended sentence alone.

Sentences come from natural text when training has it, else from the built-in grammar; the mistakes are made here:
common misspellings, slips of the keyboard, doubled words, lost apostrophes, capitals and full stops, wrong articles and
wrong agreement. Knows nothing of tokens or models.
"""

import re
from collections.abc import Callable
from random import Random

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts
from dgemma.evals.tasks.fix_words import APOSTROPHES, KEYBOARD, MISSPELLINGS, NEVER_DOUBLED
from dgemma.evals.tasks.sentences import natural_sentence, sentence

TASK = "fix"

PHRASINGS: dict[Split, tuple[str, ...]] = {
    "train": (
        "Fix the mistakes: {}", "Fix the errors: {}", "Correct this sentence: {}", "Correct the mistakes: {}",
        "Correct the spelling: {}", "Fix the typos: {}", "Fix this: {}", "Please fix this sentence: {}",
        "Please correct: {}", "Repair this sentence: {}", "Mend this sentence: {}", "Fix the grammar: {}",
        "Correct the grammar and spelling: {}", "Fix spelling and grammar: {}", "Rewrite without mistakes: {}",
        "Write this correctly: {}", "Find and fix the mistakes: {}", "Please repair the mistakes: {}",
        "Fix the mistakes.\n{}", "Correct the following sentence.\n{}", "Fix the errors in this text:\n{}",
        "Please fix any errors in the text below.\n{}", "Fix the sentence \"{}\"", "Correct \"{}\"",
        "{}\nFix the mistakes.", "{}\n\nCorrect the sentence above.", "{}\nPlease fix the errors in this sentence.",
        "Clean up this sentence: {}", "Correct the typos: {}", "Edit for spelling: {}", "Spell check: {}",
        "Fix the mistakes in this sentence: {}", "Correct the errors in the following: {}", "Fix typos: {}",
        "Put this right: {}", "Make this sentence correct: {}", "Check and correct: {}", "Correct it: {}",
        "Fix the following text:\n\n{}", "Correct my English: {}",
    ),
    "eval": (
        "Proofread: {}", "Please proofread this sentence: {}", "Remove all mistakes from: {}",
        "Please fix any errors in the following text.\n{}", "There are mistakes in this sentence. Fix them: {}",
        "Correct all errors: {}", "{}\n\nFix the spelling and grammar.", "Fix what is wrong here: {}",
        "Give me the corrected sentence: {}", "Fix the mistakes in \"{}\"",
    ),
}  # fmt: skip

_AGREEMENT = {
    "is": "are", "are": "is", "was": "were", "were": "was", "has": "have", "does": "do", "goes": "go", "likes": "like",
    "wants": "want", "makes": "make", "takes": "take", "comes": "come", "needs": "need", "lives": "live",
    "went": "go", "saw": "seen", "came": "come", "took": "take", "bought": "buyed", "made": "make", "gave": "give",
}  # fmt: skip

Words = list[str]


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS) -> Example:
    """One sentence with its mistakes; about one in twenty has none."""
    clean = _sentence(random, split, texts)
    words = clean.split(" ")
    kinds: list[str] = []
    wanted = 0 if random.random() < 0.05 else random.choices((1, 2, 3), (5, 4, 1))[0]
    for _ in range(4 * wanted):
        if len(kinds) < wanted:
            kind = random.choices(tuple(_CORRUPTIONS), _WEIGHTS)[0]
            changed = _CORRUPTIONS[kind](random, list(words))
            if changed is not None and changed != words:
                words, kinds = changed, [*kinds, kind]
    broken = " ".join(words)
    if broken == clean:
        kinds = []
    prompt = random.choice(PHRASINGS[split]).format(broken)
    return Example(task=TASK, kind=kinds[0] if kinds else "clean", prompt=prompt, answer=clean)


def is_correct(example: Example, reply: str) -> bool:
    """Exactly the mended sentence, white space at the ends aside."""
    return reply.strip() == example.answer.strip()


def _sentence(random: Random, split: Split, texts: Texts) -> str:
    if texts.sentences and random.random() < 0.6:
        return random.choice(texts.sentences)
    if split == "eval" and random.random() < 0.5:
        return natural_sentence(random)
    return sentence(random, split)


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


_CORRUPTIONS: dict[str, Callable[[Random, Words], Words | None]] = {
    "misspelling": _misspell,
    "slip": _slip,
    "doubled": _double,
    "agreement": _agree,
    "article": _article,
    "apostrophe": _apostrophe,
    "capital": _lower,
    "stop": _stop,
}
_WEIGHTS = (4, 4, 3, 2, 1, 1, 1, 1)
