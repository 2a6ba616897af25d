"""The task *fix*: a sentence with one to three mistakes, answered with the mended sentence alone.

Sentences come from natural text when training has it, else from the built-in grammar; `fix_mistakes` breaks them.
Knows nothing of tokens or models.
"""

from random import Random

from dgemma.evals.example import NO_TEXTS, Example, Split, Texts
from dgemma.evals.tasks.fix_mistakes import MISTAKES
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


def generate(random: Random, split: Split, texts: Texts = NO_TEXTS) -> Example:
    """One sentence with its mistakes; about one in twenty has none."""
    clean = _sentence(random, split, texts)
    words = clean.split(" ")
    kinds: list[str] = []
    # Training sentences carry more mistakes, so that each one teaches more.
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
    prompt = random.choice(PHRASINGS[split]).format(broken)
    return Example(task=TASK, kind=kinds[0] if kinds else "clean", prompt=prompt, answer=clean)


def is_correct(example: Example, reply: str) -> bool:
    """Exactly the mended sentence, white space at the ends aside."""
    return reply.strip() == example.answer.strip()


def _sentence(random: Random, split: Split, texts: Texts) -> str:
    if texts.sentences and random.random() < 0.4:
        return random.choice(texts.sentences)
    if split == "eval" and random.random() < 0.5:
        return natural_sentence(random)
    return sentence(random, split)
