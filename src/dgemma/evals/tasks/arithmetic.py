"""The *math* task: word problems of one to three steps and plain sums, answered with the working and the result.

Answers have one fixed style, `12 + 7 = 19. 19 - 5 = 14. The answer is 14.`: true equations on whole numbers, one
operation per step, the last number the answer. Knows nothing of tokens, models or files.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts
from dgemma.evals.tasks import arithmetic_problems as more
from dgemma.evals.tasks import arithmetic_templates as words
from dgemma.evals.tasks.arithmetic_requests import compose_frame, compose_plain
from dgemma.evals.tasks.extract_domain import expand
from dgemma.evals.tasks.phrasing import dress

TASK = "math"
KINDS = ("plain", "one-step", "multi-step", "gsm8k")

RANGES = {
    **dict.fromkeys("abc", range(2, 100)),
    **dict.fromkeys("ef", range(2, 41)),
    **dict.fromkeys("mnkl", range(2, 13)),
    **dict.fromkeys("uv", range(100, 500)),
}
"""The range of numbers that each letter of a template stands for."""

LARGEST_RESULT = 999
LARGEST_PRODUCT = 400
LONGEST_BORROWED_PROMPT = 300
MAX_BORROWED_STEPS = 3
BORROWED_SHARE = 0.25
COMPOSED_SHARE = 0.75
OPENING_SHARE = 0.1

LETTER = re.compile(r"\b[a-z]\b")
MARKED_EQUATION = re.compile(r"<<([^>]*)>>")
PLAIN_EQUATION = re.compile(r"(\d+)([-+*/])(\d+)=(\d+)")
WHOLE_NUMBER = re.compile(r"\d+")
WORKED_STEP = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")
NUMBER = re.compile(r"(?<![\d.])-?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem's text with letters for its numbers, and the steps that solve it as (left, operator, right)."""

    text: str
    steps: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Equation:
    """One worked step on whole numbers."""

    left: int
    operator: str
    right: int
    result: int

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right} = {self.result}"


def calculate(left: int, operator: str, right: int) -> int | None:
    """The result of one step if it is a whole number from 1 to the largest allowed, else None."""
    if operator == "+":
        result = left + right
    elif operator == "-":
        result = left - right
    elif operator == "*":
        result = left * right
        if result > LARGEST_PRODUCT and 60 not in (left, right):
            return None
    else:
        # Dividing by one or by itself is too trivial to ask.
        if right < 2 or left % right or left == right:
            return None
        result = left // right
    return result if 1 <= result <= LARGEST_RESULT else None


@cache
def problems(split: Split) -> dict[str, tuple[Problem, ...]]:
    """The split's word problems by kind, `one-step` or `multi-step`."""
    text = words.TRAIN_PROBLEMS + more.MORE_TRAIN_PROBLEMS if split == "train" else words.EVAL_PROBLEMS
    found: dict[str, list[Problem]] = {"one-step": [], "multi-step": []}
    for line in filter(None, text.splitlines()):
        steps, sentence = line.split(" | ")
        problem = Problem(text=sentence, steps=read_steps(steps))
        found["one-step" if len(problem.steps) == 1 else "multi-step"].append(problem)
    return {kind: tuple(each) for kind, each in found.items()}


def read_steps(text: str) -> tuple[tuple[str, str, str], ...]:
    """Parses steps written as `a + b; r1 - c`."""
    steps = []
    for step in text.split("; "):
        left, operator, right = step.split(" ")
        steps.append((left, operator, right))
    return tuple(steps)


def draw_numbers(random: Random, steps: Sequence[tuple[str, str, str]]) -> tuple[dict[str, int], list[Equation]]:
    """Numbers for the letters in `steps` that make each result whole and in range, and the equations."""
    letters = sorted({term for left, _, right in steps for term in (left, right) if LETTER.fullmatch(term)})
    while True:
        numbers = {letter: draw_number(random, RANGES[letter]) for letter in letters}
        equations = work(steps, numbers)
        if equations is not None:
            return numbers, equations


def draw_number(random: Random, within: range) -> int:
    """A random number of the range; small ones are likelier."""
    return random.choice(within[:19] if random.random() < 0.3 else within)


def work(steps: Sequence[tuple[str, str, str]], numbers: Mapping[str, int]) -> list[Equation] | None:
    """The equations of `steps` for these `numbers`; None if a result is out of range."""
    known = dict(numbers)
    equations: list[Equation] = []
    for left, operator, right in steps:
        first, second = (known[term] if term in known else int(term) for term in (left, right))
        result = calculate(first, operator, second)
        if result is None:
            return None
        equations.append(Equation(left=first, operator=operator, right=second, result=result))
        known[f"r{len(equations)}"] = result
    return equations


def write_answer(equations: Sequence[Equation]) -> str:
    """The working and the result in the task's one style."""
    working = " ".join(f"{equation}." for equation in equations)
    return f"{working} The answer is {equations[-1].result}."


def draw_words(random: Random, split: Split) -> dict[str, str]:
    """Words by template slot: two people, the first one's pronouns and the nouns; for training those of
    `draw_more_words` too."""
    female, male = (group.split() for group in words.NAMES[split])
    is_female = random.random() < 0.5
    name = random.choice(female if is_female else male)
    other = random.choice([each for each in female + male if each != name])
    he, him, his = ("she", "her", "her") if is_female else ("he", "him", "his")
    nouns = {slot: random.choice(nouns.split()) for slot, nouns in words.NOUNS.items()}
    people = {"name": name, "other": other, "he": he, "He": he.capitalize(), "him": him, "his": his}
    drawn = {**people, **nouns, "goods": "boxes" if nouns["good"] == "box" else nouns["good"] + "s"}
    return drawn if split == "eval" else {**drawn, **draw_more_words(random, {name, other})}


def draw_more_words(random: Random, taken: set[str]) -> dict[str, str]:
    """Words for the slots that only training has: nouns, two weekdays in order, and a third person not in `taken`."""
    nouns = {slot: random.choice(nouns.split()) for slot, nouns in more.MORE_NOUNS.items()}
    days = more.WEEKDAYS.split()
    day, later = sorted(random.sample(days, 2), key=days.index)
    third = random.choice([each for each in " ".join(words.NAMES["train"]).split() if each not in taken])
    boxes = "boxes" if nouns["box"] == "box" else nouns["box"] + "s"
    return {**nouns, "boxes": boxes, "day": day, "later": later, "third": third}


def frame(random: Random, split: Split, problem: str) -> str:
    """The problem alone, or with a request before or after it."""
    place = random.random()
    if split == "train" and place < 0.35 and random.random() < COMPOSED_SHARE:
        before, after = compose_frame(random)
        return before + problem + after
    if place < 0.2:
        return random.choice(words.PREFIXES[split]) + problem
    if place < 0.35:
        return problem + random.choice(words.SUFFIXES[split])
    return problem


def write_problem(random: Random, split: Split, kind: str) -> Example:
    """A word problem from the templates."""
    problem = random.choice(problems(split)[kind])
    numbers, equations = draw_numbers(random, problem.steps)
    text = problem.text if split == "eval" else settle(random, problem.text)
    text = text.format(**draw_words(random, split), **numbers)
    return Example(task=TASK, kind=kind, prompt=frame(random, split, text), answer=write_answer(equations))


def settle(random: Random, text: str) -> str:
    """The template with its choices expanded, sometimes after a sentence irrelevant to the problem."""
    opening = random.choice(more.OPENINGS) if random.random() < OPENING_SHARE else ""
    return expand(opening + text, random)


def write_sum(random: Random, split: Split) -> Example:
    """A plain request such as `What is 37 + 48?`."""
    steps = read_steps(random.choice(words.PLAIN_SUMS["one-step" if random.random() < 0.7 else "several"]))
    numbers, equations = draw_numbers(random, steps)
    terms = " ".join(steps[0])
    if len(steps) == 2:
        left, operator, right = steps[1]
        terms = f"{terms} {operator} {right}" if left == "r1" else f"{left} {operator} {terms}"
    asked = LETTER.sub(lambda letter: str(numbers[letter.group()]), terms)
    style = random.random()
    if style < 0.25:
        asked = " ".join(words.OPERATION_WORDS.get(term, term) for term in asked.split())
    elif style < 0.35:
        asked = asked.replace("*", "x")
    elif style < 0.45:
        asked = asked.replace(" ", "")
    prompt = plain_request(random, split).format(sum=asked)
    return Example(task=TASK, kind="plain", prompt=prompt, answer=write_answer(equations))


def plain_request(random: Random, split: Split) -> str:
    """A request with the placeholder `{sum}`."""
    if split == "train" and random.random() < COMPOSED_SHARE:
        return compose_plain(random)
    request = random.choice(words.PLAIN_REQUESTS[split])
    return dress(random, request) if split == "train" and random.random() < 0.4 else request


def read_equations(question: str, worked: str) -> list[Equation] | None:
    """The marked equations of a GSM8K answer; None unless they are few, true, on whole numbers and without gaps.

    Without gaps: each operand is small, from the question or an earlier result, and each result but the last is used.
    """
    equations: list[Equation] = []
    known = {*range(2, 13), *(int(number) for number in WHOLE_NUMBER.findall(question.replace(",", "")))}
    unused: set[int] = set()
    for marked in MARKED_EQUATION.findall(worked):
        match = PLAIN_EQUATION.fullmatch(marked)
        if match is None:
            return None
        left, right, result = int(match[1]), int(match[3]), int(match[4])
        if calculate(left, match[2], right) != result or not {left, right} <= known:
            return None
        unused = unused - {left, right} | {result}
        known.add(result)
        equations.append(Equation(left=left, operator=match[2], right=right, result=result))
    final = worked.rpartition("####")[2].strip()
    if not 1 <= len(equations) <= MAX_BORROWED_STEPS or {final} != {str(result) for result in unused}:
        return None
    return equations


@cache
def borrowed_examples(word_problems: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """(question, answer) pairs of the GSM8K problems that are short and can be answered in this task's style."""
    found = []
    for question, worked in word_problems:
        equations = read_equations(question, worked)
        if equations is not None and len(question) <= LONGEST_BORROWED_PROMPT and question.isascii():
            found.append((question, write_answer(equations)))
    return tuple(found)


def renumber(random: Random, question: str, answer: str) -> tuple[str, str]:
    """The same problem with other numbers, or unchanged if no valid ones are found.

    A number is changed if the question has it once, in digits, and no step results in it. All results must stay whole
    and in range.
    """
    steps = WORKED_STEP.findall(answer)
    results = {result for *_, result in steps}
    used = {term for left, _, right, _ in steps for term in (left, right)}
    places = WHOLE_NUMBER.findall(question)
    free = [term for term in sorted(used - results) if places.count(term) == 1 and int(term) > 1]
    for _ in range(30):
        known = {term: max(2, int(int(term) * random.uniform(0.4, 2.2)) + random.randint(-2, 3)) for term in free}
        new = {term: str(number) for term, number in known.items()}
        equations: list[Equation] = []
        for left, operator, right, old in steps:
            first, second = known.get(left, int(left)), known.get(right, int(right))
            result = calculate(first, operator, second)
            if result is None:
                break
            known[old] = result
            equations.append(Equation(left=first, operator=operator, right=second, result=result))
        if len(equations) == len(steps):
            parts = re.split(r"(\d+)", question)
            return "".join(new.get(part, part) for part in parts), write_answer(equations)
    return question, answer


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS, kind: str | None = None) -> Example:
    """A problem of `kind`; if not given, mostly word problems, in training some from `texts.word_problems`."""
    if kind is None:
        borrows = split == "train" and texts.word_problems and random.random() < BORROWED_SHARE
        kind = "gsm8k" if borrows else random.choices(("plain", "one-step", "multi-step"), (3, 4, 3))[0]
    if kind not in KINDS:
        raise ValueError(f"no math of kind {kind!r}; there are {', '.join(KINDS)}")
    if kind == "plain":
        return write_sum(random, split)
    if kind != "gsm8k":
        return write_problem(random, split, kind)
    borrowed = borrowed_examples(texts.word_problems)
    if not borrowed:
        raise ValueError("math of kind gsm8k needs word problems, and there are none that fit")
    question, answer = random.choice(borrowed)
    if random.random() < 0.8:
        question, answer = renumber(random, question, answer)
    return Example(task=TASK, kind=kind, prompt=frame(random, split, question), answer=answer)


def last_number(text: str) -> float | None:
    """The last number of `text`, or None."""
    numbers = NUMBER.findall(text)
    return float(numbers[-1].replace(",", "")) if numbers else None


def is_correct(example: Example, reply: str) -> bool:
    """Whether the last number of the reply is that of the answer."""
    return last_number(reply) is not None and last_number(reply) == last_number(example.answer)
