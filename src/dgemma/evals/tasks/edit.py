"""The *edit* task: replace, delete, sort, change case, reformat dates and lists, exactly as the request says.

Each kind of edit draws values and computes the answer; `edit_requests` words the request. Knows nothing of tokens or
models.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from random import Random

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts
from dgemma.evals.tasks import words
from dgemma.evals.tasks.edit_requests import ask
from dgemma.evals.tasks.sentences import sentence
from dgemma.evals.tasks.words_lists import ADJECTIVES, NOUNS

TASK = "edit"

_SOURCES = (words.animal, words.food, words.city, words.colour, words.first_name)
_NUMBER_WORDS = tuple("one two three four five six seven eight nine ten eleven twelve twenty thirty hundred".split())


def _plain_word(random: Random, split: Split) -> str:
    """`bridge`, `hungry`, `seven`: typical list items."""
    return random.choice((NOUNS.draw, ADJECTIVES.draw, lambda random, _: random.choice(_NUMBER_WORDS)))(random, split)


_MORE_SOURCES = (
    _plain_word,
    _plain_word,
    words.job,
    words.plant,
    words.product,
    words.country,
    words.last_name,
    words.pseudo_word,
)
"""Further sources of list items and replacement words, for training only."""


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS) -> Example:
    """One request of a random kind."""
    kind = random.choice(tuple(_KINDS))
    prompt, answer = _KINDS[kind](random, split)
    return Example(task=TASK, kind=kind, prompt=prompt, answer=answer)


def is_correct(example: Example, reply: str) -> bool:
    """Whether the reply is exactly the edited text, apart from white space at line ends and around it."""
    return _trimmed(reply) == _trimmed(example.answer)


def _trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().split("\n")]


def _items(random: Random, split: Split) -> list[str]:
    """Distinct list items; in training from more sources, sometimes mixed and sometimes altered."""
    if split == "eval":
        source = random.choice(_SOURCES)
        return list(dict.fromkeys([source(random, split) for _ in range(random.randint(3, 7))]))
    sources = random.choices((*_SOURCES, *_MORE_SOURCES), k=1 if random.random() < 0.85 else 3)
    drawn = [random.choice(sources)(random, split) for _ in range(random.randint(3, 9))]
    return list(dict.fromkeys(words.altered(random, item) if random.random() < 0.2 else item for item in drawn))


def _text(random: Random, split: Split) -> str:
    """A sentence; in training sometimes of made-up words, cut to a few words, or with a word repeated."""
    roll = 1.0 if split == "eval" else random.random()
    if roll < 0.15:
        return _made_up(random)
    text = sentence(random, split)
    if roll < 0.25:
        return " ".join(text.split(" ")[: random.randint(2, 5)]).rstrip(",;:")
    return _with_echo(random, text) if roll < 0.35 else text


def _made_up(random: Random) -> str:
    """A sentence of made-up words, some of them repeated."""
    known = [words.pseudo_word(random, "train") for _ in range(random.randint(3, 9))]
    said = [*known, *random.choices(known, k=random.randint(0, 3))]
    random.shuffle(said)
    return " ".join(said).capitalize() + random.choice((".", ".", "", "?", "!"))


def _with_echo(random: Random, text: str) -> str:
    """`text` with one of its inner words inserted again at a random place."""
    said = text.split(" ")
    inner = [word for word in said[1:-1] if word.isalpha()]
    if inner:
        said.insert(random.randrange(1, len(said)), random.choice(inner))
    return " ".join(said)


def _target(random: Random, candidates: list[str], text: str) -> str:
    """The words that a training request names: one of the candidates, preferably a repeated one, or two neighbours."""
    roll = random.random()
    if roll < 0.25:
        said = text.split(" ")
        pairs = [pair for pair in pairwise(said) if {*pair} <= {*candidates} and len({*pair}) == 2]
        if pairs:
            return " ".join(random.choice(pairs))
    repeated = [word for word in candidates if candidates.count(word) > 1]
    return random.choice(repeated if repeated and roll < 0.6 else candidates)


def _replace(random: Random, split: Split) -> tuple[str, str]:
    text = _text(random, split)
    candidates = [word for word in text.rstrip(".?!").split(" ") if word.isalpha()]
    old = random.choice(candidates) if split == "eval" else _target(random, candidates, text)
    sources = (words.animal, words.food, words.first_name, words.colour)
    new = random.choice(sources if split == "eval" else (*sources, *_MORE_SOURCES))(random, split)
    answer = re.sub(rf"(?<!\S){re.escape(old)}(?=[.,?!;:]*(?:\s|$))", lambda _: new, text)
    return ask(random, split, "replace", old=old, new=new, text=text), answer


def _delete(random: Random, split: Split) -> tuple[str, str]:
    text = _text(random, split)
    candidates = [word for word in text.split(" ")[1:-1] if word.isalpha()] or ["the"]
    if split == "eval":
        old = random.choice(candidates)
    else:
        # Not a word that also occurs before a comma or full stop: it would be unclear whether to delete the mark.
        marked = {word.rstrip(".,?!;:") for word in text.split(" ") if not word.isalpha()}
        old = _target(random, [word for word in candidates if word not in marked] or candidates, text)
    answer = re.sub(rf"(?<!\S){re.escape(old)}(?: |$)", "", text).rstrip(" ")
    return ask(random, split, "delete", old=old, text=text), answer


def _sort(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return ask(random, split, "sort", text=", ".join(items)), ", ".join(sorted(items, key=str.lower))


def _sort_numbers(random: Random, split: Split) -> tuple[str, str]:
    numbers = [random.randrange(1, random.choice((20, 100, 1000))) for _ in range(random.randint(3, 7))]
    shown, ordered = ", ".join(map(str, numbers)), ", ".join(map(str, sorted(numbers)))
    return ask(random, split, "sort numbers", text=shown), ordered


def _reverse(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return ask(random, split, "reverse", text=", ".join(items)), ", ".join(reversed(items))


def _upper(random: Random, split: Split) -> tuple[str, str]:
    text = _text(random, split)
    return ask(random, split, "upper", text=text), text.upper()


def _lower(random: Random, split: Split) -> tuple[str, str]:
    text = _text(random, split)
    return ask(random, split, "lower", text=text.upper() if random.random() < 0.5 else text), text.lower()


def _date(random: Random, split: Split) -> tuple[str, str]:
    day = date(1950, 1, 1) + timedelta(days=random.randrange(35_000))
    month = day.strftime("%B")
    forms = {
        "YYYY-MM-DD": day.isoformat(),
        "DD/MM/YYYY": day.strftime("%d/%m/%Y"),
        "Month D, YYYY": f"{month} {day.day}, {day.year}",
        "D Month YYYY": f"{day.day} {month} {day.year}",
    }
    before, after = random.sample(sorted(forms), 2)
    return ask(random, split, "date", how=after, text=forms[before]), forms[after]


def _lines(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return ask(random, split, "lines", text=", ".join(items)), "\n".join(items)


def _bullets(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return ask(random, split, "bullets", text=", ".join(items)), "\n".join(f"- {item}" for item in items)


def _join(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return ask(random, split, "join", text="\n".join(items)), ", ".join(items)


def _unique(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    doubled = [*items, *random.choices(items, k=random.randint(1, 2))]
    random.shuffle(doubled)
    return ask(random, split, "unique", text=", ".join(doubled)), ", ".join(dict.fromkeys(doubled))


_KINDS: dict[str, Callable[[Random, Split], tuple[str, str]]] = {
    "replace": _replace,
    "delete": _delete,
    "sort": _sort,
    "sort numbers": _sort_numbers,
    "reverse": _reverse,
    "upper": _upper,
    "lower": _lower,
    "date": _date,
    "lines": _lines,
    "bullets": _bullets,
    "join": _join,
    "unique": _unique,
}
