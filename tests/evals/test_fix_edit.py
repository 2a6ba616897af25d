"""The repair and edit tasks: deterministic, with phrasings of their own for evaluation, and answers that are right."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from random import Random

import pytest

from dgemma.evals.example import Example
from dgemma.evals.tasks import TASKS, edit, edit_requests, fix, words

PLACE = re.compile(r"\{\w+\}")
DATE_FORMATS = {
    "YYYY-MM-DD": r"%Y-%m-%d",
    "DD/MM/YYYY": r"%d/%m/%Y",
    "Month D, YYYY": r"%B %d, %Y",
    "D Month YYYY": r"%d %B %Y",
}


def edits_with_values(number: int) -> Iterator[tuple[Example, dict[str, str]]]:
    """Training edits, each with the values that its request was given."""
    seen: list[dict[str, str]] = []

    def ask(random: Random, split, kind: str, **values: str) -> str:
        seen.append(values)
        return edit_requests.ask(random, split, kind, **values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edit, "ask", ask)
        for seed in range(number):
            yield edit.generate(Random(seed), "train"), seen[-1]


def with_words_edited(text: str, old: str, new: str | None) -> str:
    """`text` with each run of words `old` replaced by `new` (punctuation stays), or removed if `new` is None."""
    remaining, size = text.split(" "), len(old.split(" "))
    result: list[str] = []
    while remaining:
        run = " ".join(remaining[:size])
        if new is not None and run.rstrip(".,?!;:") == old:
            result.append(new + run[len(old) :])
        elif new is not None or run != old:
            result.append(remaining.pop(0))
            continue
        remaining = remaining[size:]
    return " ".join(result)


def test_examples_depend_on_the_seed_alone():
    for name in TASKS:
        assert TASKS[name].generate(Random(5), "train") == TASKS[name].generate(Random(5), "train")


def test_phrasings_of_the_splits_are_disjoint():
    assert not set(fix.PHRASINGS["train"]) & set(fix.PHRASINGS["eval"])
    assert len(edit_requests.WORDINGS) >= 10
    for wording in edit_requests.WORDINGS.values():
        assert not set(wording.train) & set(wording.held_out)


def test_composed_requests_are_never_those_of_the_eval_split():
    random = Random(1)
    held_out = {phrasing.split("{}")[0] for phrasing in fix.PHRASINGS["eval"]} - {""}
    prompts = [fix.generate(random, "train").prompt for _ in range(3000)]
    assert not any(prompt.startswith(start) for prompt in prompts for start in held_out)
    assert len({fix.compose(random) for _ in range(3000)}) > 1500
    assert all(fix.compose(random).count("{}") == 1 for _ in range(500))


def test_altered_values_keep_their_shape():
    random = Random(2)
    for value in ("Anna Lee", "KX-4821", "5 May 2024", "Zoë", "?"):
        changed = [words.altered(random, value) for _ in range(50)]
        assert all(len(variant) == len(value) for variant in changed)
        assert all(
            a.isdigit() == b.isdigit() and a.isupper() == b.isupper()
            for variant in changed
            for a, b in zip(variant, value, strict=True)
        )
    assert len({words.altered(random, "Anna Lee") for _ in range(50)}) > 20


def test_a_broken_sentence_differs_from_its_repair():
    for seed in range(300):
        example = fix.generate(Random(seed), "train")
        assert (example.answer in example.prompt) == (example.kind == "clean") or example.kind == "stop"
        assert fix.is_correct(example, f" {example.answer}\n")


def test_edits_are_what_was_asked_for():
    for seed in range(400):
        example = edit.generate(Random(seed), "eval")
        body = example.prompt.split(": ", 1)[-1]
        if example.kind == "sort numbers":
            assert example.answer == ", ".join(sorted(body.split(", "), key=int))
        elif example.kind == "upper":
            assert example.answer == body.upper()
        elif example.kind == "delete":
            assert len(example.answer.split(" ")) < len(body.split(" "))
        elif example.kind == "unique":
            assert sorted(example.answer.split(", ")) == sorted(set(body.split(", ")))


@pytest.mark.parametrize("kind", edit_requests.WORDINGS)
def test_composed_edit_requests_are_many_and_never_those_of_the_eval_split(kind: str):
    wording = edit_requests.WORDINGS[kind]
    random = Random(4)
    composed = {edit_requests.compose(random, wording) for _ in range(3000)}
    assert len(composed) > 1000
    for phrasing in [*wording.train, *composed]:
        assert phrasing not in wording.held_out
        assert sorted(PLACE.findall(phrasing)) == sorted(PLACE.findall(wording.train[0])), phrasing
        assert not set("[]|") & set(phrasing), phrasing


def test_no_training_edit_is_phrased_as_in_the_eval_split():
    def pattern_of(phrasing: str) -> re.Pattern[str]:
        places = {"{text}": r"(?s:.+)"}
        few_words = r"[^\s:]+(?: [^\s:]+){0,2}"
        return re.compile(
            PLACE.sub(lambda place: places.get(place.group(), few_words), re.sub("[.?]", "[.?]", phrasing))
        )

    held_out = {kind: list(map(pattern_of, wording.held_out)) for kind, wording in edit_requests.WORDINGS.items()}
    for seed in range(300):
        example = edit.generate(Random(seed), "eval")
        assert any(pattern.fullmatch(example.prompt) for pattern in held_out[example.kind])
    for seed in range(4000):
        example = edit.generate(Random(seed), "train")
        assert not any(pattern.fullmatch(example.prompt) for pattern in held_out[example.kind]), example


def test_training_edits_are_what_was_asked_for():
    for example, values in edits_with_values(4000):
        assert all(value in example.prompt for value in values.values()), example
        text, answer = values["text"], example.answer
        items = text.split(", ")
        if example.kind == "replace":
            assert answer == with_words_edited(text, values["old"], values["new"]), example
        elif example.kind == "delete":
            assert answer == with_words_edited(text, values["old"], None), example
        elif example.kind == "date":
            read = [datetime.strptime(answer, DATE_FORMATS[values["how"]])]
            for pattern in DATE_FORMATS.values():
                try:
                    read.append(datetime.strptime(text, pattern))
                except ValueError:
                    continue
            assert len(read) == 2 and read[0] == read[1], example
        else:
            expected = {
                "sort": lambda items: ", ".join(sorted(items, key=str.lower)),
                "sort numbers": lambda items: ", ".join(sorted(items, key=int)),
                "reverse": lambda items: ", ".join(items[::-1]),
                "lines": lambda items: "\n".join(items),
                "bullets": lambda items: "- " + "\n- ".join(items),
                "unique": lambda items: ", ".join(Counter(items)),
                "join": lambda items: ", ".join(items[0].split("\n")),
                "upper": lambda items: ", ".join(items).upper(),
                "lower": lambda items: ", ".join(items).lower(),
            }[example.kind]
            assert answer == expected(items), example


def test_training_edits_vary_their_values():
    edits = list(edits_with_values(4000))
    named = [(values["text"], values["old"]) for example, values in edits if "old" in values]
    assert sum(" " in old for _, old in named) > 50
    assert sum(text.split(" ").count(old) > 1 for text, old in named) > 50
    lengths = {len(values["text"].split(", ")) for example, values in edits if example.kind == "reverse"}
    assert {3, 9} <= lengths
