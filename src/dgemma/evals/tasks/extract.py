"""The *extract* task: text to JSON with the keys that the request names.

Every value of the answer occurs verbatim in the text, every key in the prompt as the answer spells it, and no key fits
two values. Uncertain facts, missing values and nested objects do not occur. Knows nothing of models or tokens.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts
from dgemma.evals.tasks import extract_domain, extract_records, extract_requests, words
from dgemma.evals.tasks.extract_domain import Domain, Field
from dgemma.evals.tasks.extract_fillers import FILLERS, HELD_OUT_FILLERS
from dgemma.evals.tasks.phrasing import with_odd_word
from dgemma.evals.tasks.words_lists import between, choose

_SUBJECTS = ("people", "trade", "world", "daily", "facts", "pairs", "mixed")
_MORE_SENTENCES = ("more_everyday", "more_mixed", "more_special", "parts")
_TRAINING_SUBJECTS = tuple(f"subjects_{name}" for name in "culture health home nature tech travel work".split())
_TRAINING_SENTENCES = ("more_unusual",)


def _read(*names: str) -> str:
    """The text files of those names in `extract_texts`, in the notation explained in `extract_domain`."""
    folder = Path(__file__).with_name("extract_texts")
    return "\n".join((folder / f"{name}.txt").read_text(encoding="utf-8") for name in names)


DOMAINS = extract_domain.parse_domains(_read(*_SUBJECTS, *_MORE_SENTENCES))
"""The domains of the eval split; `~` before a name holds the whole domain out of training."""

TRAINING_DOMAINS = extract_domain.parse_domains(_read(*_SUBJECTS, *_MORE_SENTENCES, *_TRAINING_SENTENCES))
"""The same domains with more sentences, for training only, so that additions do not change the eval split."""

MORE_DOMAINS = extract_domain.parse_domains(_read(*_TRAINING_SUBJECTS))
"""Further domains, for training only."""

_PLAIN_NAMES = {domain.name for domain in extract_domain.parse_domains(_read("mixed"))}
_EVERYDAY_NAMES = _PLAIN_NAMES | set(
    "person contact event order review journey weather measurement invoice appointment".split()
)
_HELD_OUT_DOMAINS = tuple(domain for domain in DOMAINS if domain.name.startswith("~"))
_MORE_SHARE = 0.5
_MORE_PLAIN_SHARE = 0.3


def _known(domains: tuple[Domain, ...]) -> tuple[Domain, ...]:
    """The domains that are not held out, the plain ones three times."""
    plain = tuple(domain for domain in domains if domain.name in _PLAIN_NAMES)
    return tuple(domain for domain in domains if not domain.name.startswith("~")) + 2 * plain


def _everyday(domains: tuple[Domain, ...]) -> tuple[Domain, ...]:
    plain = tuple(domain for domain in domains if domain.name in _PLAIN_NAMES)
    return plain + tuple(domain for domain in domains if domain.name in _EVERYDAY_NAMES - _PLAIN_NAMES)


_KNOWN_DOMAINS: dict[Split, tuple[Domain, ...]] = {"train": _known(TRAINING_DOMAINS), "eval": _known(DOMAINS)}
_EVERYDAY_DOMAINS: dict[Split, tuple[Domain, ...]] = {"train": _everyday(TRAINING_DOMAINS), "eval": _everyday(DOMAINS)}
_MAX_PROMPT_CHARACTERS = 420
_MAX_ANSWER_CHARACTERS = 200
_ALTERED_SHARE = 0.25
_COMPOSED_SHARE = 0.3
_ODD_SHARE = 0.3
_KEPT_WORDS = frozenset("from with into onto than before after until since".split())
"""Words that distinguish two values of the same sort, never replaced by odd words."""
_KEY_COUNTS = (1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6)
_SHARES = {"train": (0.4, 0.15, 0.38), "eval": (0.14, 0.1, 0.68)}
"""Shares of records, forms and prose; the rest are texts of two subjects. Training has more of the first two: they alone
teach the model to look beside the key, while in prose the sort of a value gives it away (docs/log.md)."""
_LABELLED_PLAIN_SHARE = 0.25


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS, kind: str | None = None) -> Example:
    """One example; its `kind` is the domain's name, or `record` for arbitrary keys.

    `kind="plain"` gives everyday requests only: one or two sentences, two to four plain keys, a common phrasing.
    """
    if kind == "plain":
        return _plain(random, split)
    while True:
        roll = random.random()
        records, forms, prose = _SHARES[split]
        if roll < records:
            kind, (text, facts) = "record", extract_records.record(random, split)
        else:
            held_out = split == "eval" and random.random() < 0.15
            domain = choose(random, _HELD_OUT_DOMAINS) if held_out else _domain(random, split)
            kind = domain.name.lstrip("~")
            if roll < records + forms:
                text, facts = _form(random, split, domain)
            elif roll < records + forms + prose:
                text, facts = _prose(random, split, domain)
            else:
                text, facts = _two_subjects(random, split, domain)
        asked = list(facts)
        if random.random() < 0.6:
            _shuffle(random, asked)
        asked = asked[: choose(random, _KEY_COUNTS)]
        spelled = _spelled(random, asked)
        answer = json.dumps(dict(zip(spelled, (facts[key] for key in asked), strict=True)), ensure_ascii=False)
        prompt = extract_requests.prompt(random, split, keys=spelled, text=text)
        if len(prompt) <= _MAX_PROMPT_CHARACTERS and len(answer) <= _MAX_ANSWER_CHARACTERS:
            assert all(value in text for value in facts.values()), "a value must stand in the text"
            return Example(task="extract", prompt=prompt, answer=answer, kind=kind)


def _domain(
    random: Random, split: Split, known: dict[Split, tuple[Domain, ...]] = _KNOWN_DOMAINS, more: float = _MORE_SHARE
) -> Domain:
    """A domain of `known`; in training, with probability `more`, one of `MORE_DOMAINS`."""
    return choose(random, MORE_DOMAINS if split == "train" and random.random() < more else known[split])


def _plain(random: Random, split: Split) -> Example:
    while True:
        if split == "train" and random.random() < _LABELLED_PLAIN_SHARE:
            return _plain_labelled(random)
        domain = _domain(random, split, _EVERYDAY_DOMAINS, _MORE_PLAIN_SHARE)
        text, values = _lead(random, split, domain)
        follow = extract_domain.expand(choose(random, domain.follows), random)
        said = extract_domain.slots_said(follow)
        if (
            random.random() < 0.35
            and said
            and not extract_domain.slots_referred(follow)
            and not set(said) & set(values)
        ):
            text = f"{text} {_say(random, split, domain, follow, values)}"
        facts = {domain.fields[slot].plain_key(random, split): value for slot, value in values.items()}
        asked = list(facts)
        _shuffle(random, asked)
        asked = asked[: choose(random, (2, 2, 3, 3, 3, 4))]
        if len(facts) == len(values) and len(asked) > 1:
            answer = json.dumps({key: facts[key] for key in asked}, ensure_ascii=False)
            prompt = extract_requests.plain_prompt(random, split, keys=asked, text=text)
            return Example(task="extract", prompt=prompt, answer=answer, kind=domain.name)


def _plain_labelled(random: Random) -> Example:
    """A plain request about a record or a form, for training only."""
    while True:
        if random.random() < 0.7:
            kind, (text, facts) = "record", extract_records.record(random, "train")
        else:
            domain = _domain(random, "train")
            kind, (text, facts) = domain.name, _form(random, "train", domain)
        asked = list(facts)
        _shuffle(random, asked)
        asked = asked[: choose(random, (1, 2, 2, 3, 3, 4))]
        answer = json.dumps({key: facts[key] for key in asked}, ensure_ascii=False)
        prompt = extract_requests.plain_prompt(random, "train", keys=asked, text=text)
        if len(prompt) <= _MAX_PROMPT_CHARACTERS and len(answer) <= _MAX_ANSWER_CHARACTERS:
            return Example(task="extract", prompt=prompt, answer=answer, kind=kind)


def is_correct(example: Example, reply: str) -> bool:
    """Whether the reply is JSON with exactly the answer's keys and values, in any order."""
    try:
        return json.loads(reply) == json.loads(example.answer)
    except ValueError:
        return False


def constraint(example: Example) -> dict[str, Any]:
    """The constraint as options of `LLM.chat`: the schema of an object with the request's keys, each a string."""
    keys = list(json.loads(example.answer))
    texts = {key: {"type": "string"} for key in keys}
    return {"schema": {"type": "object", "properties": texts, "required": keys, "additionalProperties": False}}


def _prose(random: Random, split: Split, domain: Domain) -> tuple[str, dict[str, str]]:
    """A lead sentence, some follow-up sentences and sometimes a filler -> (text, facts by key)."""
    held_out = split == "eval"
    lead, values = _lead(random, split, domain)
    sentences = [lead]
    follows = list(domain.follows)
    if held_out:
        follows += domain.held_out_follows * 2
    personal = any(word in f" {lead}" for word in (" I ", " I'", " My ", " my ", " me "))
    for _ in range(choose(random, (0, 0, 1, 1, 1, 2, 2, 3))):
        follow = extract_domain.expand(choose(random, follows), random)
        said, referred = extract_domain.slots_said(follow), extract_domain.slots_referred(follow)
        if any(slot in values for slot in said) or any(slot not in values for slot in referred):
            continue
        if personal and (referred or follow.startswith(("He ", "She ", "His ", "Her ", "They "))):
            continue
        sentences.append(_say(random, split, domain, follow, values))
    if random.random() < 0.25:
        filler = choose(random, HELD_OUT_FILLERS if held_out else FILLERS)
        at_start = filler.endswith((":", ",")) or random.random() < 0.33
        sentences.insert(0 if at_start else len(sentences), filler)
    return " ".join(sentences), _named(random, split, domain.fields, values)


def _form(random: Random, split: Split, domain: Domain) -> tuple[str, dict[str, str]]:
    """Some fields as labelled lines; half of the time the request uses other keys -> (text, facts by key)."""
    slots = list(domain.fields)
    _shuffle(random, slots)
    values: dict[str, str] = {}
    for slot in slots[: between(random, 2, 6)]:
        _draw(random, split, domain, slot, values)
    labels = _named(random, split, domain.fields, values)
    text = extract_records.lines(random, labels)
    return text, labels if random.random() < 0.5 else _named(random, split, domain.fields, values)


def _two_subjects(random: Random, split: Split, domain: Domain) -> tuple[str, dict[str, str]]:
    """A sentence about the domain and one about another, without two values of one sort -> (text, facts by key)."""
    while True:
        other = _domain(random, split)
        (lead, values), (other_lead, other_values) = _lead(random, split, domain), _lead(random, split, other)
        fields = {slot: domain.fields[slot] for slot in values}
        other_fields = {f"other {slot}": other.fields[slot] for slot in other_values}
        sorts = {field.sort for field in fields.values() if field.sort}
        if other is domain or not sorts.isdisjoint(field.sort for field in other_fields.values()):
            continue
        both = values | {f"other {slot}": value for slot, value in other_values.items()}
        facts = _named(random, split, fields | other_fields, both)
        if len(facts) == len(both) == len(set(both.values())):
            return f"{lead} {other_lead}", facts


def _lead(random: Random, split: Split, domain: Domain) -> tuple[str, dict[str, str]]:
    """An opening sentence of the domain, in training sometimes a composed one -> (sentence, values by slot)."""
    if split == "train" and domain.cores and random.random() < _COMPOSED_SHARE:
        lead = extract_domain.compose(random, domain)
    else:
        leads = domain.held_out_leads if split == "eval" else domain.leads
        lead = extract_domain.expand(choose(random, leads), random)
    values: dict[str, str] = {}
    return _say(random, split, domain, lead, values), values


def _say(random: Random, split: Split, domain: Domain, sentence: str, values: dict[str, str]) -> str:
    """Fills the slots of a sentence; draws the values that `values` lacks and adds them to it."""
    for slot in extract_domain.slots_said(sentence):
        if slot not in values:
            _draw(random, split, domain, slot, values)
    for slot in [slot for slot in domain.fields if f"{{{slot}.cap}}" in sentence and slot not in values]:
        _draw(random, split, domain, slot, values)
        values[slot] = values[slot][0].upper() + values[slot][1:]
    if split == "train" and random.random() < _ODD_SHARE:
        sentence = with_odd_word(random, sentence, keep=_KEPT_WORDS, shortest=4)
    return extract_domain.fill(sentence, values)


def _draw(random: Random, split: Split, domain: Domain, slot: str, values: dict[str, str]) -> None:
    """Draws a value for `slot` and adds it to `values`; no value may contain another."""
    while True:
        value = domain.fields[slot].draw(random, split)
        if split == "train" and random.random() < _ALTERED_SHARE:
            value = words.altered(random, value)
        others = [other for other in values.values() if len(value) > 2 < len(other) or value == other]
        if not any(value in other or other in value for other in others):
            values[slot] = value
            return


def _named(random: Random, split: Split, fields: dict[str, Field], values: dict[str, str]) -> dict[str, str]:
    """The values by key instead of by slot, with keys that are unambiguous among these values."""
    sorts = {slot: fields[slot].sort for slot in values}
    return {
        fields[slot].key(random, split, [sorts[other] for other in values if other != slot]): value
        for slot, value in values.items()
    }


def _spelled(random: Random, keys: list[str]) -> list[str]:
    """The keys as the request spells them: mostly snake case, else with spaces, capitals or in camel case."""
    roll = random.random()
    if roll < 0.72:
        return keys
    if roll < 0.86:
        return [key.replace("_", " ") for key in keys]
    if roll < 0.91:
        return [key[0] + key.title().replace("_", "")[1:] for key in keys]
    if roll < 0.95:
        return [key.title().replace("_", " ") for key in keys]
    if roll < 0.98:
        return [key.capitalize() for key in keys]
    return [key.upper() for key in keys]


def _shuffle(random: Random, items: list[str]) -> None:
    for index in range(len(items) - 1, 0, -1):
        other = int(random.random() * (index + 1))
        items[index], items[other] = items[other], items[index]
