"""The task *edit*: replace, delete, sort, re-case, re-format dates and lists, exactly as told.

Every kind makes a request and computes its answer. Knows nothing of tokens or models.
"""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts
from dgemma.evals.tasks import words
from dgemma.evals.tasks.phrasing import dress
from dgemma.evals.tasks.sentences import sentence

TASK = "edit"

Phrasings = dict[Split, tuple[str, ...]]

REPLACE: Phrasings = {
    "train": (
        "Replace {old} with {new}: {text}", "Change {old} to {new}: {text}", "Replace the word {old} with {new}. {text}",
        "Change every '{old}' to '{new}' in: {text}", "Swap {old} for {new}: {text}",
        "In this sentence, replace {old} by {new}: {text}", "{text}\nReplace {old} with {new}.",
    ),
    "eval": ("Put {new} instead of {old}: {text}", "Substitute {new} for {old}: {text}"),
}  # fmt: skip
DELETE: Phrasings = {
    "train": (
        "Delete the word {old}: {text}", "Remove {old}: {text}", "Remove the word {old} from: {text}",
        "Delete {old} from this sentence: {text}", "{text}\nDelete the word {old}.",
    ),
    "eval": ("Leave out the word {old}: {text}", "Drop {old} from: {text}"),
}  # fmt: skip
SORT: Phrasings = {
    "train": (
        "Sort alphabetically: {text}", "Sort these words alphabetically: {text}", "Sort this list: {text}",
        "Put these in alphabetical order: {text}", "{text}\nSort the list.",
    ),
    "eval": ("Arrange in alphabetical order: {text}", "Order these words from A to Z: {text}"),
}  # fmt: skip
SORT_NUMBERS: Phrasings = {
    "train": (
        "Sort these numbers: {text}", "Sort from smallest to largest: {text}", "Sort the numbers: {text}",
        "Put these numbers in order: {text}",
    ),
    "eval": ("Arrange the numbers from low to high: {text}",),
}  # fmt: skip
REVERSE: Phrasings = {
    "train": ("Reverse this list: {text}", "Reverse the order: {text}", "Put the list in reverse order: {text}"),
    "eval": ("Turn the list around: {text}",),
}
UPPER: Phrasings = {
    "train": ("Write in capitals: {text}", "Make this upper case: {text}", "Change to uppercase: {text}"),
    "eval": ("Convert to capital letters: {text}",),
}
LOWER: Phrasings = {
    "train": ("Write in lower case: {text}", "Make this lowercase: {text}", "Change to lower case: {text}"),
    "eval": ("Convert to small letters: {text}",),
}
DATE: Phrasings = {
    "train": (
        "Write the date as {how}: {text}",
        "Change the date to the format {how}: {text}",
        "Reformat as {how}: {text}",
    ),
    "eval": ("Give the date in the form {how}: {text}",),
}
LINES: Phrasings = {
    "train": (
        "One per line: {text}",
        "Put each item on its own line: {text}",
        "Make this a list with one item per line: {text}",
    ),
    "eval": ("Break into lines, one item each: {text}",),
}
BULLETS: Phrasings = {
    "train": ("Make a bullet list: {text}", "Turn into bullet points: {text}", "Format as a bulleted list: {text}"),
    "eval": ("Write as bullets: {text}",),
}
JOIN: Phrasings = {
    "train": ("Join with commas:\n{text}", "Put on one line, separated by commas:\n{text}"),
    "eval": ("Make one comma-separated line:\n{text}",),
}
UNIQUE: Phrasings = {
    "train": ("Remove duplicates: {text}", "Remove repeated items: {text}", "Delete the duplicates: {text}"),
    "eval": ("Keep each item once: {text}",),
}


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS) -> Example:
    """One request of a random kind."""
    kind = random.choice(tuple(_KINDS))
    prompt, answer = _KINDS[kind](random, split)
    return Example(task=TASK, kind=kind, prompt=prompt, answer=answer)


def is_correct(example: Example, reply: str) -> bool:
    """Exactly the edited text; white space at line ends and around it aside."""
    return _trimmed(reply) == _trimmed(example.answer)


def _trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().split("\n")]


def _ask(random: Random, split: Split, phrasings: Phrasings, **parts: str) -> str:
    phrasing = random.choice(phrasings[split])
    if split == "train" and random.random() < 0.3:
        phrasing = dress(random, phrasing)
        phrasing = phrasing if phrasing not in phrasings["eval"] else random.choice(phrasings["train"])
    return phrasing.format(**parts)


def _items(random: Random, split: Split, low: int = 3, high: int = 7) -> list[str]:
    source = random.choice((words.animal, words.food, words.city, words.colour, words.first_name))
    drawn = [source(random, split) for _ in range(random.randint(low, high))]
    if split == "train":
        drawn = [words.altered(random, item) if random.random() < 0.2 else item for item in drawn]
    return list(dict.fromkeys(drawn))


def _replace(random: Random, split: Split) -> tuple[str, str]:
    text = sentence(random, split)
    old = random.choice([word for word in text.rstrip(".?!").split(" ") if word.isalpha()])
    new = random.choice((words.animal, words.food, words.first_name, words.colour))(random, split)
    answer = " ".join(new + word[len(old) :] if _bare(word) == old else word for word in text.split(" "))
    return _ask(random, split, REPLACE, old=old, new=new, text=text), answer


def _delete(random: Random, split: Split) -> tuple[str, str]:
    text = sentence(random, split)
    inner = [word for word in text.split(" ")[1:-1] if word.isalpha()] or ["the"]
    old = random.choice(inner)
    answer = " ".join(word for word in text.split(" ") if word != old)
    return _ask(random, split, DELETE, old=old, text=text), answer


def _bare(word: str) -> str:
    return word.rstrip(".,?!;:")


def _sort(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return _ask(random, split, SORT, text=", ".join(items)), ", ".join(sorted(items, key=str.lower))


def _sort_numbers(random: Random, split: Split) -> tuple[str, str]:
    numbers = [random.randrange(1, random.choice((20, 100, 1000))) for _ in range(random.randint(3, 7))]
    shown, ordered = ", ".join(map(str, numbers)), ", ".join(map(str, sorted(numbers)))
    return _ask(random, split, SORT_NUMBERS, text=shown), ordered


def _reverse(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return _ask(random, split, REVERSE, text=", ".join(items)), ", ".join(reversed(items))


def _upper(random: Random, split: Split) -> tuple[str, str]:
    text = sentence(random, split)
    return _ask(random, split, UPPER, text=text), text.upper()


def _lower(random: Random, split: Split) -> tuple[str, str]:
    text = sentence(random, split)
    return _ask(random, split, LOWER, text=text.upper() if random.random() < 0.5 else text), text.lower()


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
    return _ask(random, split, DATE, how=after, text=forms[before]), forms[after]


def _lines(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return _ask(random, split, LINES, text=", ".join(items)), "\n".join(items)


def _bullets(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return _ask(random, split, BULLETS, text=", ".join(items)), "\n".join(f"- {item}" for item in items)


def _join(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    return _ask(random, split, JOIN, text="\n".join(items)), ", ".join(items)


def _unique(random: Random, split: Split) -> tuple[str, str]:
    items = _items(random, split)
    doubled = [*items, *random.choices(items, k=random.randint(1, 2))]
    random.shuffle(doubled)
    return _ask(random, split, UNIQUE, text=", ".join(doubled)), ", ".join(dict.fromkeys(doubled))


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
