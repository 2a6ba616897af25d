"""The math task: every shown equation is true, leads to the answer and uses the problem's numbers; splits are apart."""

import re
from collections import Counter
from fractions import Fraction
from random import Random

import pytest

from dgemma.evals.example import Example, Split, Texts
from dgemma.evals.tasks import arithmetic, arithmetic_problems, arithmetic_requests
from dgemma.evals.tasks import arithmetic_templates as words

ANSWER = re.compile(r"(?:\d+ [-+*/] \d+ = \d+\. ){1,3}The answer is \d+\.")
STEP = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)\.")
CLIPS = (
    "Natalia sold clips to 48 of her friends in April, and half as many in May. How many clips did she sell?",
    "In May she sold 48/2 = <<48/2=24>>24 clips.\nIn all 48+24 = <<48+24=72>>72 clips.\n#### 72",
)


def draw(split: Split, number: int, texts: Texts | None = None, kind: str | None = None) -> list[Example]:
    random = Random(f"{split} {kind}")
    return [arithmetic.generate(random, split, texts or Texts(), kind) for _ in range(number)]


def check_working(example: Example) -> None:
    """Recomputes the answer in exact fractions, with nothing but the text of the example."""
    assert ANSWER.fullmatch(example.answer), example
    steps = STEP.findall(example.answer)
    for left, operator, right, result in steps:
        first, second = Fraction(left), Fraction(right)
        value = {"+": first + second, "-": first - second, "*": first * second, "/": first / second}[operator]
        assert value == Fraction(result), example
    assert example.answer.endswith(f"The answer is {steps[-1][3]}."), example
    for index, (*_, result) in enumerate(steps[:-1]):
        assert any(result in (later[0], later[2]) for later in steps[index + 1 :]), f"{result} leads nowhere: {example}"


@pytest.mark.parametrize("kind", ["plain", "one-step", "multi-step"])
@pytest.mark.parametrize("split", ["train", "eval"])
def test_shown_working_is_correct(kind: str, split: Split) -> None:
    for example in draw(split, 1000, kind=kind):
        check_working(example)
        assert example.kind == kind
        assert arithmetic.is_correct(example, example.answer)
        assert not set("{}[]|") & set(example.prompt), example
        assert "\n" not in example.prompt or split == "train"


def test_the_working_uses_every_number_of_the_problem() -> None:
    for example in draw("train", 500, kind="one-step"):
        used = {term for step in STEP.findall(example.answer) for term in (step[0], step[2])}
        assert set(re.findall(r"\d+", example.prompt)) <= used, example


def test_plain_sums_agree_with_python() -> None:
    for split in ("train", "eval"):
        for example in draw(split, 500, kind="plain"):
            expression = example.prompt
            for sign, word in words.OPERATION_WORDS.items():
                expression = expression.replace(f" {word} ", f" {sign} ")
            expression = max(re.findall(r"[\d +*/-]+", expression.replace(" x ", " * ")), key=len)
            assert Fraction(eval(expression)) == Fraction(example.answer.split()[-1].rstrip(".")), example


def test_the_splits_share_nothing_but_nouns() -> None:
    def sentences(text: str) -> set[str]:
        return {line.split(" | ")[1] for line in text.strip().splitlines()}

    assert not sentences(words.TRAIN_PROBLEMS) & sentences(words.EVAL_PROBLEMS)
    for table in (words.PREFIXES, words.SUFFIXES, words.PLAIN_REQUESTS):
        assert not set(table["train"]) & set(table["eval"])
    train_names, eval_names = (set(" ".join(words.NAMES[split]).split()) for split in ("train", "eval"))
    assert not train_names & eval_names
    assert len(sentences(words.TRAIN_PROBLEMS)) >= 60
    assert len(sentences(words.EVAL_PROBLEMS)) >= 10


def new_problems() -> list[arithmetic.Problem]:
    lines = arithmetic_problems.MORE_TRAIN_PROBLEMS.strip().splitlines()
    fields = [line.split(" | ") for line in lines]
    return [arithmetic.Problem(text=text, steps=arithmetic.read_steps(steps)) for steps, text in fields]


def test_new_problems_are_many_and_all_in_training() -> None:
    problems = new_problems()
    assert len({problem.text for problem in problems}) == len(problems) >= 250
    known = arithmetic.problems("train")
    assert set(problems) <= {*known["one-step"], *known["multi-step"]}
    by_num_steps = Counter(len(problem.steps) for problem in problems)
    assert by_num_steps[1] >= 130 and by_num_steps[2] >= 90 and by_num_steps[3] >= 30
    by_operation = Counter(problem.steps[0][1] for problem in problems if len(problem.steps) == 1)
    assert min(by_operation[operator] for operator in "+-*/") >= 25


def test_new_problems_can_be_drawn_and_use_all_their_numbers() -> None:
    random, problems = Random(3), new_problems()
    for problem in problems * (2000 // len(problems) + 1):
        numbers, equations = arithmetic.draw_numbers(random, problem.steps)
        text = arithmetic.settle(random, problem.text).format(**arithmetic.draw_words(random, "train"), **numbers)
        check_working(Example(task="math", prompt=text, answer=arithmetic.write_answer(equations)))
        assert not set("{}[]|\n") & set(text), text
        assert "  " not in text and " ?" not in text and " ." not in text, text
        shown = set(re.findall(r"\d+", text))
        used = {str(term) for equation in equations for term in (equation.left, equation.right)}
        assert {str(number) for number in numbers.values()} <= shown <= used, text


def test_new_problems_share_no_six_words_with_the_eval_split() -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        tokens = re.findall(r"#|\{\w+\}|[\w'-]+", re.sub(r"\{[a-z]\}", "#", text.lower()))
        return {tuple(tokens[start : start + 6]) for start in range(len(tokens) - 5)}

    held_out = set[tuple[str, ...]]().union(
        *(runs(problem.text) for problems in arithmetic.problems("eval").values() for problem in problems)
    )
    random = Random(5)
    for problem in new_problems():
        for _ in range(20):
            assert not runs(arithmetic.settle(random, problem.text)) & held_out, problem.text


def test_composed_requests_are_many_and_never_those_of_the_eval_split() -> None:
    random = Random(6)
    frames = {arithmetic_requests.compose_frame(random) for _ in range(3000)}
    plain = {arithmetic_requests.compose_plain(random) for _ in range(3000)}
    assert len(frames) > 1000 and len(plain) > 500
    assert not {before for before, _ in frames} & set(words.PREFIXES["eval"])
    assert not {after for _, after in frames} & set(words.SUFFIXES["eval"])
    assert not plain & set(words.PLAIN_REQUESTS["eval"])
    assert all(request.count("{sum}") == 1 for request in plain)
    telling = ("evaluate", "find", "explain", "tell ", "write", "work this out", "you get", "you got", "here is")
    for text in [*map(" ".join, frames), *plain]:
        assert not any(word in text.lower() for word in telling), text
        assert not set("[]|0123456789") & set(text), text


def test_no_training_prompt_is_phrased_as_in_the_eval_split() -> None:
    plain = [re.escape(request).replace(r"\{sum\}", ".+") for request in words.PLAIN_REQUESTS["eval"]]
    for example in draw("train", 4000):
        assert not example.prompt.startswith(words.PREFIXES["eval"]), example
        assert not example.prompt.endswith(words.SUFFIXES["eval"]), example
        assert not any(re.fullmatch(request, example.prompt) for request in plain), example


def test_the_same_seed_gives_the_same_examples() -> None:
    assert draw("train", 50) == draw("train", 50)
    assert draw("train", 50) != draw("eval", 50)


def test_word_problems_from_texts_are_written_in_our_style() -> None:
    texts = Texts(word_problems=(CLIPS,))
    for example in draw("train", 60, texts, "gsm8k"):
        number = int(re.findall(r"\d+", example.prompt)[0])
        assert CLIPS[0].replace("48", str(number)) in example.prompt
        half = number // 2
        assert example.answer == (
            f"{number} / 2 = {half}. {number} + {half} = {number + half}. The answer is {number + half}."
        )
    assert {example.answer for example in draw("train", 60, texts, "gsm8k")} > {
        "48 / 2 = 24. 48 + 24 = 72. The answer is 72."
    }
    kinds = {each.kind for each in draw("train", 400, texts)}
    assert kinds == set(arithmetic.KINDS)


@pytest.mark.parametrize(
    "worked",
    [
        "<<48/2=24>>24\n#### 25",  # ends in another number
        "<<48/2=25>>25\n#### 25",  # false
        "<<0.5*48=24>>24\n#### 24",  # not whole
        "<<48-2-2=44>>44\n#### 44",  # two operations in one
        "<<48/2=24>>24\n<<48+48=96>>96\n#### 96",  # the first result leads nowhere
        "<<77+48=125>>125\n#### 125",  # 77 is nowhere in the question
        "The answer is\n#### 72",  # no working
    ],
)
def test_unclean_working_is_left_out(worked: str) -> None:
    with pytest.raises(ValueError, match="needs word problems"):
        draw("train", 1, Texts(word_problems=((CLIPS[0], worked),)), "gsm8k")


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("12 + 7 = 19. 19 - 5 = 14. The answer is 14.", True),
        ("14", True),
        ("It is 14.0, I think.", True),
        ("The answer is 15.", False),
        ("14 or 15", False),
        ("The answer is -14.", False),
        ("The answer is 1,014.", False),
        ("fourteen", False),
        ("", False),
    ],
)
def test_is_correct_reads_the_last_number(reply: str, right: bool) -> None:
    example = Example(task="math", prompt="?", answer="12 + 7 = 19. 19 - 5 = 14. The answer is 14.")
    assert arithmetic.is_correct(example, reply) is right


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="one-step"):
        arithmetic.generate(Random(1), "train", kind="calculus")
