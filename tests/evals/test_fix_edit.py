"""The repair and edit tasks: deterministic, with phrasings of their own for evaluation, and answers that are right."""

from random import Random

from dgemma.evals.tasks import TASKS, edit, fix, words


def test_examples_depend_on_the_seed_alone():
    for name in TASKS:
        assert TASKS[name].generate(Random(5), "train") == TASKS[name].generate(Random(5), "train")


def test_phrasings_of_the_splits_are_disjoint():
    tables = [value for value in vars(edit).values() if isinstance(value, dict) and set(value) == {"train", "eval"}]
    assert len(tables) >= 10
    for phrasings in [fix.PHRASINGS, *tables]:
        assert not set(phrasings["train"]) & set(phrasings["eval"])


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
        assert all(len(one) == len(value) for one in changed)
        assert all(
            a.isdigit() == b.isdigit() and a.isupper() == b.isupper()
            for one in changed
            for a, b in zip(one, value, strict=True)
        )
    assert len({words.altered(random, "Anna Lee") for _ in range(50)}) > 20


def test_a_broken_sentence_differs_from_its_repair():
    for seed in range(300):
        example = fix.generate(Random(seed), "train")
        assert (example.answer in example.prompt) == (example.kind == "clean") or example.kind == "stop"
        assert fix.is_correct(example, f" {example.answer}\n")


def test_edits_are_what_was_asked():
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
