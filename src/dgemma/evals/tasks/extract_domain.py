"""Domains of the *extract* task: fields, the keys a request may use for them, and sentence templates with their values.

A domain is written as plain text: `## name`, then `slot kind: key key ~held_out_key` for each field, then `- lead` and
`+ follow` sentences; `~-` and `~+` mark sentences for the eval split only. Further leads are composed of parts: `* core`
is a clause without its full stop, `, adjunct` a phrase with one slot, put before or after it. A kind is a function of
`words`, or choices as `:red|dark_blue`. In a sentence `[a|b]` is a choice, `{slot}` a value, `{slot.first}` its first
word, `{slot.cap}` the value capitalised; the last two do not count as stating the value. In a domain no key names two
fields.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from dgemma.evals.example import Split
from dgemma.evals.tasks import words
from dgemma.evals.tasks.words import WordFunction
from dgemma.evals.tasks.words_lists import choose

_OPTIONS = re.compile(r"\[([^\]]*)\]")
_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_NOTHING: frozenset[str] = frozenset()
_AN = re.compile(r"(?:[aeiouAEIO]|8|1[18](?!\d))")


_SORTS = {
    "person": "person_name full_name first_name last_name titled_name doctor_name",
    "date": "date",
    "year": "year",
    "time": "time_of_day",
    "length of time": "duration short_duration",
    "city": "city",
    "place": "venue street address country",
    "money": "money big_money",
    "count": "count number age",
    "code": "code flight",
    "share": "percentage",
    "measure": "length weight distance area volume",
}
_SORT_OF_KIND = {kind: sort for sort, kinds in _SORTS.items() for kind in kinds.split()}
_VAGUE_KEYS = {
    "person": "name person who full_name customer contact",
    "date": "date day when",
    "year": "year since when",
    "time": "time hour start starts begins",
    "length of time": "duration length how_long time",
    "city": "city town place location where",
    "place": "place location where site area",
    "money": "amount sum price cost total value money fee payment",
    "count": "amount number count quantity how_many people guests",
    "code": "code id number reference reference_number",
    "share": "percentage percent share result change",
    "measure": "size measurement quantity",
}
"""By sort of value: keys that are ambiguous if the text has another value of that sort."""
_SORTS_THAT_BLUR = {
    key: frozenset(sort for sort, keys in _VAGUE_KEYS.items() if key in keys.split())
    for keys in _VAGUE_KEYS.values()
    for key in keys.split()
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field: how to draw its value, the value's sort, and the keys that may name it."""

    draw: WordFunction
    sort: str
    keys: tuple[str, ...]
    held_out_keys: tuple[str, ...]

    def key(self, random: Random, split: Split, other_sorts: Collection[str] = ()) -> str:
        """A key that is unambiguous beside values of `other_sorts`; the first one is the likeliest."""
        if split == "eval" and self.held_out_keys and random.random() < 0.5:
            return choose(random, self.held_out_keys)
        keys = self.keys
        if other_sorts:
            keys = [key for key in keys if _SORTS_THAT_BLUR.get(key, _NOTHING).isdisjoint(other_sorts)] or keys[:1]
        return keys[0] if random.random() < 0.4 else choose(random, keys)

    def plain_key(self, random: Random, split: Split) -> str:
        """Mostly the plainest key; in `eval` one in ten is a held-out key."""
        roll = random.random()
        if split == "eval" and self.held_out_keys and roll < 0.1:
            return choose(random, self.held_out_keys)
        return self.keys[0] if roll < 0.75 else choose(random, self.keys)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A subject of texts. `leads` open a text, `follows` continue it; training composes more leads of `cores` and
    `adjuncts`."""

    name: str
    fields: dict[str, Field]
    leads: tuple[str, ...]
    held_out_leads: tuple[str, ...]
    follows: tuple[str, ...]
    held_out_follows: tuple[str, ...]
    cores: tuple[str, ...]
    adjuncts: tuple[str, ...]


def parse_domains(text: str) -> tuple[Domain, ...]:
    """Parses the notation in the module docstring. Raises ValueError for a key of two fields or an unknown slot.

    Blocks with the same name are merged, so another file can add sentences to a domain.
    """
    blocks: dict[str, str] = {}
    for block in text.split("## ")[1:]:
        name, _, rest = block.strip().partition("\n")
        blocks[name] = f"{blocks[name]}\n{rest}" if name in blocks else f"{name}\n{rest}"
    return tuple(_parse_domain(block) for block in blocks.values())


def expand(template: str, random: Random) -> str:
    """Replaces every `[a|b]` of a template by one of its options."""
    if "[" not in template:
        return template
    return _OPTIONS.sub(lambda match: choose(random, match[1].split("|")), template)


def compose(random: Random, domain: Domain) -> str:
    """A lead composed of a core and up to three adjuncts with other slots, some of them in front, choices expanded;
    never one of the eval split."""
    held_out = {_bare(lead) for lead in domain.held_out_leads}
    while _bare(lead := _composed(random, domain)) in held_out:
        pass
    return lead


def _bare(sentence: str) -> str:
    return "".join(mark for mark in sentence.replace(".cap}", "}").lower() if mark not in ",.!")


def _composed(random: Random, domain: Domain) -> str:
    core = expand(choose(random, domain.cores), random)
    known = set(slots_said(core))
    front, back = [], []
    wanted = choose(random, (1, 1, 1, 2, 2, 3))
    for _ in range(3 * wanted):
        adjunct = expand(choose(random, domain.adjuncts), random)
        if len(front) + len(back) < wanted and known.isdisjoint(slots_said(adjunct)):
            known.update(slots_said(adjunct))
            (front if random.random() < 0.35 and len(front) < 2 else back).append(adjunct)
    opening = " ".join(front) + choose(random, (", ", ", ", " ")) if front else ""
    between = choose(random, (" ", " ", " ", ", "))
    sentence = between.join((opening + core, *back)) + choose(random, (".", ".", ".", ".", "!", ""))
    if sentence.startswith("{"):
        return sentence.replace("}", ".cap}", 1) if random.random() < 0.7 else sentence
    return sentence[0].upper() + sentence[1:]


def slots_said(expanded: str) -> list[str]:
    """The slots whose whole value the sentence states, in order."""
    return [match[1] for match in _SLOT.finditer(expanded) if not match[2]]


def slots_referred(expanded: str) -> list[str]:
    """The slots of which the sentence has only the first word."""
    return [match[1] for match in _SLOT.finditer(expanded) if match[2] == "first"]


def fill(expanded: str, values: dict[str, str]) -> str:
    """Fills the slots with values; `a` before a vowel becomes `an`."""
    pieces, end = [], 0
    for match in _SLOT.finditer(expanded):
        before = expanded[end : match.start()]
        value = values[match[1]]
        if match[2] == "first":
            value = value.split()[0]
        elif match[2] == "cap":
            value = value[0].upper() + value[1:]
        if (before.endswith((" a ", " A ")) or before in ("A ", "a ")) and _AN.match(value):
            before = before[:-1] + "n "
        pieces += (before, value)
        end = match.end()
    pieces.append(expanded[end:])
    return "".join(pieces)


def _parse_domain(block: str) -> Domain:
    lines = block.strip().split("\n")
    sentences: dict[str, list[str]] = {"-": [], "~-": [], "+": [], "~+": [], "*": [], ",": []}
    fields: dict[str, Field] = {}
    meanings: dict[str, str] = {}
    for line in lines[1:]:
        mark, _, rest = line.partition(" ")
        if mark in sentences:
            sentences[mark].append(rest)
            continue
        head, _, keys = line.rpartition(": ")
        slot, kind = head.split(" ", 1)
        names = keys.split()
        for name in names:
            if meanings.setdefault(name.lstrip("~"), slot) != slot:
                raise ValueError(f"domain {lines[0]!r}: the key {name!r} names two fields")
        fields[slot] = Field(
            draw=_draw_of(kind),
            sort=_SORT_OF_KIND.get(kind, ""),
            keys=tuple(name for name in names if not name.startswith("~")),
            held_out_keys=tuple(name[1:] for name in names if name.startswith("~")),
        )
    for sentence in (sentence for group in sentences.values() for sentence in group):
        if unknown := {match[1] for match in _SLOT.finditer(sentence)} - fields.keys():
            raise ValueError(f"domain {lines[0]!r}: no field {unknown} for the sentence {sentence!r}")
    for lead in sentences["-"] + sentences["~-"]:
        drawn = {match[1] for match in _SLOT.finditer(lead) if match[2] != "first"}
        if unsaid := set(slots_referred(lead)) - drawn:
            raise ValueError(f"domain {lines[0]!r}: {lead!r} refers to {unsaid} and does not say it")
    return Domain(
        name=lines[0],
        fields=fields,
        leads=tuple(sentences["-"]),
        held_out_leads=tuple(sentences["~-"]),
        follows=tuple(sentences["+"]),
        held_out_follows=tuple(sentences["~+"]),
        cores=tuple(sentences["*"]),
        adjuncts=tuple(sentences[","]),
    )


def _draw_of(kind: str) -> WordFunction:
    if not kind.startswith(":"):
        return getattr(words, kind)
    choices = tuple(choice.replace("_", " ") for choice in kind[1:].split("|"))
    return lambda random, split: choose(random, choices)
