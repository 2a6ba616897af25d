"""Correct everyday English sentences: clauses composed of subject, action and time, or filled-in templates.

`sentence(random, split)` returns one sentence or sometimes two; `eval` uses templates, actions and names that `train`
never uses. `natural_sentence` is for evaluation only. Knows nothing of mistakes or requests.
"""

import re
from random import Random

from dgemma.evals.example import Split
from dgemma.evals.tasks import sentences_templates as templates
from dgemma.evals.tasks import sentences_words as words
from dgemma.evals.tasks.sentences_natural import NATURAL

_SLOT = re.compile(r"\{(\w+?)2?\}")
_SLOTS: dict[str, tuple[str, ...]] = {name: tuple(text.split()) for name, text in templates.SLOTS.items()}
_SLOTS |= {"day": words.DAYS, "month": words.MONTHS}
_TEMPLATES: dict[Split, tuple[str, ...]] = {
    "train": tuple(templates.TRAIN.strip().split("\n")),
    "eval": tuple(templates.EVAL.strip().split("\n")),
}
_NAMES: dict[Split, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "train": (words.WOMEN_TRAIN, words.MEN_TRAIN),
    "eval": (words.WOMEN_EVAL, words.MEN_EVAL),
}
_CITIES: dict[Split, tuple[str, ...]] = {"train": words.CITIES_TRAIN, "eval": words.CITIES_EVAL}
_ACTIONS: dict[Split, tuple[str, ...]] = {
    "train": words.phrases(words.ACTIONS_TRAIN),
    "eval": words.phrases(words.ACTIONS_EVAL),
}
_PRONOUNS = (
    ("I", "my", "I"),
    ("you", "your", "many"),
    ("we", "our", "many"),
    ("they", "their", "many"),
    ("he", "his", "one"),
    ("she", "her", "one"),
)
_MODALS = ("can", "must", "should", "might", "will", "would like to", "has to", "wants to")
_AUXILIARY = {
    "is": {"I": "am", "one": "is", "many": "are"},
    "was": {"I": "was", "one": "was", "many": "were"},
    "does": {"I": "do", "one": "does", "many": "do"},
    "has": {"I": "have", "one": "has", "many": "have"},
    "wants": {"I": "want", "one": "wants", "many": "want"},
}
_STATES = frozenset(
    [
        "know",
        "need",
        "want",
        "like",
        "love",
        "live",
        "understand",
        "hope",
        "enjoy",
        "forget",
        "lose",
        "miss",
        "promise",
        "hear",
        "see",
    ]
)


def sentence(random: Random, split: Split) -> str:
    """One sentence, or sometimes two short ones."""
    first = _single(random, split)
    if len(first) < 60 and random.random() < 0.2:
        return f"{first} {_single(random, split)}"
    return first


def natural_sentence(random: Random) -> str:
    """A hand-written sentence; none of them occurs in training."""
    return random.choice(NATURAL)


def name(random: Random, split: Split) -> str:
    """A first name of the split."""
    return random.choice(random.choice(_NAMES[split]))


def vocabulary() -> frozenset[str]:
    """Every lower-case word that the train and eval grammars can produce."""
    parts = [*templates.SLOTS.values(), templates.TRAIN, templates.EVAL, words.ACTIONS_TRAIN, words.ACTIONS_EVAL]
    parts += [" ".join(NATURAL), *words.SINGULAR_SHE, *words.SINGULAR_HE, *words.PLURAL]
    forms = [form for verb in words.VERBS.values() for form in vars(verb).values()]
    return frozenset(re.findall(r"[a-z]+", " ".join(parts))) | frozenset(forms)


def _single(random: Random, split: Split) -> str:
    made = fill(random, split, random.choice(_TEMPLATES[split])) if random.random() < 0.5 else _clause(random, split)
    return made[0].upper() + made[1:]


def fill(random: Random, split: Split, template: str) -> str:
    """`template` with its slots in braces filled, with a different word for each slot if eight tries find one."""
    used: set[str] = set()

    def replace(found: re.Match[str]) -> str:
        word = _slot(random, split, found[1])
        for _ in range(8):
            if word not in used:
                break
            word = _slot(random, split, found[1])
        used.add(word)
        return word

    return _SLOT.sub(replace, template)


def _slot(random: Random, split: Split, slot: str) -> str:
    if slot == "name":
        return name(random, split)
    if slot == "city":
        return random.choice(_CITIES[split])
    return random.choice(_SLOTS[slot])


def _subject(random: Random, split: Split) -> tuple[str, str, str]:
    """Subject, its possessive, and its number: `I`, `one` or `many`."""
    kind = random.random()
    if kind < 0.4:
        return random.choice(_PRONOUNS)
    if kind < 0.6:
        gender = random.randrange(2)
        return random.choice(_NAMES[split][gender]), ("her", "his")[gender], "one"
    if kind < 0.7:
        return random.choice(words.SINGULAR_SHE), "her", "one"
    if kind < 0.8:
        return random.choice(words.SINGULAR_HE), "his", "one"
    return random.choice(words.PLURAL), "their", "many"


def _clause(random: Random, split: Split) -> str:
    subject, possessive, number = _subject(random, split)
    base, _, rest = random.choice(_ACTIONS[split]).partition(" ")
    rest = f" {rest.replace('{p}', possessive)}" if rest else ""
    verb = words.VERBS[base]
    present = verb.third if number == "one" else verb.base
    tense = random.choice(
        ("past", "past", "habit", "habit", "now", "future", "question", "negative", "perfect", "modal")
    )
    if tense == "now" and base in _STATES:
        tense = "past"
    if tense == "past":
        end = random.choice(words.REASONS_PAST) if random.random() < 0.3 else ""
        return _timed(random, f"{subject} {verb.past}{rest}", random.choice(words.PAST_TIMES), end)
    if tense == "habit":
        end = random.choice(words.REASONS_PRESENT) if random.random() < 0.3 else ""
        adverb = random.choice(("always ", "usually ", "often ", "never ")) if random.random() < 0.2 else ""
        time = "" if adverb else random.choice(words.HABIT_TIMES)
        return _timed(random, f"{subject} {adverb}{present}{rest}", time, end)
    if tense == "now":
        auxiliary = _AUXILIARY["is"][number]
        return _timed(random, f"{subject} {auxiliary} {verb.gerund}{rest}", random.choice(words.NOW_TIMES[:5]), "")
    if tense == "future":
        auxiliary = random.choice(("will", f"{_AUXILIARY['is'][number]} going to"))
        return _timed(random, f"{subject} {auxiliary} {base}{rest}", random.choice(words.FUTURE_TIMES), "")
    if tense == "question":
        return _question(random, (subject, number), f"{base}{rest}")
    if tense == "negative":
        return _negative(random, (subject, number), f"{base}{rest}")
    if tense == "perfect":
        auxiliary = _AUXILIARY["has"][number]
        adverb = random.choice(("already", "just", "never", "always"))
        return f"{subject} {auxiliary} {adverb} {verb.participle}{rest}."
    modal = random.choice(_MODALS)
    if modal in ("has to", "wants to"):
        modal = f"{_AUXILIARY[modal.split()[0]][number]} to"
    return f"{subject} {modal} {base}{rest}."


def _timed(random: Random, core: str, time: str, end: str) -> str:
    """The clause with its time before or after it, then the reason."""
    if time and random.random() < 0.25:
        joined = f"{time}{random.choice((',', ''))} {core}"
        return f"{joined} {end}." if end else f"{joined}."
    return " ".join(part for part in (core, time, end) if part) + "."


def _question(random: Random, subject: tuple[str, str], action: str) -> str:
    person, number = subject
    who = "you" if person == "I" else person
    number = "many" if person == "I" else number
    kind = random.randrange(4)
    asked = random.choice(("", "", "Why ", "When ", "Where "))
    if kind == 0:
        return f"{asked}did {who} {action} {random.choice(words.PAST_TIMES)}?"
    if kind == 1:
        return f"{asked}will {who} {action} {random.choice(words.FUTURE_TIMES)}?"
    if kind == 2:
        return f"{asked}does {who} {action} {random.choice(words.HABIT_TIMES)}?".replace(
            "does", _AUXILIARY["does"][number]
        )
    return f"{asked}{_AUXILIARY['is'][number]} {who} going to {action}?"


def negated(auxiliary: str, short: bool) -> str:
    """`did not` or `didn't`."""
    return f"{auxiliary}n't" if short else f"{auxiliary} not"


def _negative(random: Random, subject: tuple[str, str], action: str) -> str:
    person, number = subject
    kind = random.randrange(4)
    short = random.random() < 0.5
    if kind == 0:
        return f"{person} {negated('did', short)} {action}."
    if kind == 1:
        auxiliary = _AUXILIARY["does"][number]
        time = random.choice(words.HABIT_TIMES)
        return f"{person} {negated(auxiliary, short)} {action} {time}."
    if kind == 2:
        time = random.choice(words.FUTURE_TIMES)
        won = "won't" if short else "will not"
        return f"{person} {won} {action} {time}."
    return f"{person} {negated('could', short)} {action} {random.choice(words.PAST_TIMES)}."
