"""The *fix* task: a sentence with mistakes (one to three, in training up to five), answered with the corrected one.

Sentences come from natural text, if training has it, and from the built-in grammar; `fix_mistakes` adds the mistakes.
Knows nothing of tokens or models.
"""

from random import Random

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts
from dgemma.evals.tasks.extract_domain import expand
from dgemma.evals.tasks.fix_mistakes import MISTAKES
from dgemma.evals.tasks.phrasing import dress
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

_MISTAKES = "[mistakes|errors|typos|spelling mistakes|spelling errors|grammar mistakes|spelling and grammar|grammar|spelling|wording|mistake|slips|faults|spelling and grammar errors|problems]"
_IT = "[this sentence|the sentence|this text|the text|the following|the following text|the following sentence|the text below|the sentence below|my sentence|my text|what I wrote|this line|this message|this]"
_MEND = "[Fix|Correct|Mend|Repair|Clean up|Edit|Improve|Check|Revise|Review|Tidy up|Proofread|Rewrite]"
_REQUESTS = (
    f"{_MEND} {_IT}",
    f"{_MEND} {_IT}",
    f"{_MEND} the {_MISTAKES}",
    f"{_MEND} the {_MISTAKES} in {_IT}",
    f"{_MEND} the {_MISTAKES} of {_IT}",
    f"{_MEND} all {_MISTAKES}",
    f"{_MEND} any {_MISTAKES} in {_IT}",
    f"Remove the {_MISTAKES} from {_IT}",
    f"Find the {_MISTAKES} in {_IT} and fix them",
    f"Find and correct the {_MISTAKES}",
    f"There [is a mistake|are errors|is something wrong|are typos] in {_IT}",
    f"What is the right way to write {_IT}?",
    f"How should {_IT} be written?",
    f"What should {_IT} say?",
    "[Write|Give|Show|Return|Say|Send] [me |][the corrected version|the right version|the mended sentence|it correctly|it without mistakes|the sentence without mistakes|the correct text]",
    f"[Make|Set] {_IT} [right|correct]",
    f"Tell me how to write {_IT} correctly",
    f"{_IT} has [mistakes|errors|typos]",
    f"I think {_IT} has {_MISTAKES}. {_MEND} it",
    f"Is {_IT} correct? {_MEND} it",
    f"{_MEND} what is not right",
    "[Spelling|Grammar|Typos|Mistakes|Corrections|Proofreading]",
    "[Right|Correct|Mend|Fix] it",
    "[Wrong|Broken|Draft]",
)
_LAYOUTS = (
    "{request}: {}",
    "{request}: {}",
    "{request}: {}",
    "{request}.\n{}",
    "{request}.\n\n{}",
    "{request}:\n{}",
    "{request}. {}",
    "{}\n{request}.",
    "{}\n\n{request}.",
    '{request}: "{}"',
    '{request} "{}"',
    "{request}. Text: {}",
    "{request}.\nText: {}",
    "{request} - {}",
    "Text: {}\n{request}.",
    '"{}"\n{request}.',
    "{request}.\n---\n{}",
)


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS) -> Example:
    """A sentence with mistakes; about one in twenty has none."""
    clean = _sentence(random, split, texts)
    words = clean.split(" ")
    kinds: list[str] = []
    # Training sentences have more mistakes, so that each teaches more.
    weights = (5, 4, 1, 0, 0) if split == "eval" else (3, 3, 2, 2, 2)
    wanted = 0 if random.random() < 0.05 else random.choices((1, 2, 3, 4, 5), weights)[0]
    for _ in range(4 * wanted):
        if len(kinds) < wanted:
            kind = random.choices(tuple(MISTAKES), tuple(weight for _, weight in MISTAKES.values()))[0]
            changed = MISTAKES[kind][0](random, list(words))
            if changed is not None and changed != words:
                words, kinds = changed, [*kinds, kind]
    broken = " ".join(words)
    if broken == clean:
        kinds = []
    prompt = _phrasing(random, split).format(broken)
    return Example(task=TASK, kind=kinds[0] if kinds else "clean", prompt=prompt, answer=clean)


def _phrasing(random: Random, split: Split) -> str:
    """A request with a placeholder for the sentence; in training 60 % are composed, never one of the eval split."""
    if split == "train" and random.random() < 0.6:
        composed = compose(random)
        if composed not in PHRASINGS["eval"]:
            return composed
    return random.choice(PHRASINGS[split])


def compose(random: Random) -> str:
    """A request composed of parts."""
    request = expand(random.choice(_REQUESTS), random)
    if random.random() < 0.2:
        request = dress(random, request)
    layout = random.choice(_LAYOUTS)
    if request.endswith("?"):
        layout = layout.replace("{request}:", "{request}").replace("{request}.", "{request}")
    return layout.replace("{request}", request)


def is_correct(example: Example, reply: str) -> bool:
    """Whether the reply is exactly the corrected sentence, apart from white space around it."""
    return reply.strip() == example.answer.strip()


def _sentence(random: Random, split: Split, texts: Texts) -> str:
    roll = random.random()
    if texts.sentences and roll < 0.55:
        return random.choice(texts.sentences)
    if split == "eval" and random.random() < 0.5:
        return natural_sentence(random)
    return sentence(random, split)
