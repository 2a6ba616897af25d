"""Natural text for training, read from a folder and cleaned: sentences, stories, definitions, word problems, Sudoku.

The same folder gives the same result. Sentences and stories are plain ASCII prose. The held-out part shares no item
with the training part: an item's checksum decides, so adding a file moves nothing; a story's sentences go with the
story. Any of the known files may be missing. Knows nothing of tasks, tokens or models.
"""

import csv
import json
import lzma
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar
from zlib import crc32

from dgemma.errors import DataError
from dgemma.evals.example import Texts

Item = TypeVar("Item")

HELD_OUT_SHARE = 0.02
MAX_SUDOKU = 20_000
SENTENCE_LENGTH = range(20, 161)
DEFINITION_LENGTH = range(10, 141)

PLAIN_CHARACTERS = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "--",
        "\u2026": "...",
        "\u00a0": " ",
        "\u00e6": "ae",
        "\u0153": "oe",
        "\ufeff": "",
    }
)
ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Esq|No|Col|Capt|Gen|Rev|Prof|[A-Z]|i\.e|e\.g|etc|vol)\.$")
SENTENCE_BREAK = re.compile(r"""(?<=[.!?])["']?(\s+)(?=["']?[A-Z])""")
NOT_PROSE = re.compile(
    r"""[_*#<>{}\[\]()|~^=/\\@+&`$%;]|--|\.\.|"'|'"|(?:^|\s)'|'(?:\s|$)|[A-Z]{3}|\d{5}|, ,| [,.!?]"""
)
PLAIN_WORD = re.compile(r"[a-z]{2,20}")
BOOK_START = re.compile(r"\*\*\* ?START OF .*?\*\*\*", re.DOTALL)
BOOK_END = re.compile(r"\*\*\* ?END OF ")
PARAGRAPH_BREAK = re.compile(r"\n\s*\n")

SUBJECT_PRONOUNS = re.compile(r"(?:he|she|it|they|we|I|you|there) ")
SUBJECT_STARTS = re.compile(r"(?:the|this|that|these|those|an?|my|his|her|their|our|your|its) ")
PLAIN_VERBS = re.compile(
    r" (?:is|was|are|were|has|had|have|will|would|can|could|should|may|might|must|does|did|do|made|went|came|took|gave"
    r"|got|kept|left|said|saw|felt|found|ran|fell|grew) "
)
COARSE = re.compile(
    r"\b(?:fuck|shit|cunt|nigg|whor|slut|bastard|bitch|rap(?:e|ed|ist)\b|penis|vagina|genital|semen|copulat|prostitut"
    r"|negro|slur|offensive|obscene|vulgar|disparaging|porn|incest|suicid|masturbat|erotic|sexual|jew|coitus|orgasm)",
    re.IGNORECASE,
)


def load_texts(folder: str | Path) -> tuple[Texts, Texts]:
    """The cleaned text in `folder` as (training part, held-out part). Raises DataError for no text or broken files."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Give the folder that holds the training text.")
    stories = _unique(_read(folder / "tinystories.txt", read_stories))
    definitions, usages = _read_dictionary(folder / "wordnet_definitions.jsonl.xz")
    problems = _unique(_read(folder / "gsm8k_train.jsonl", read_word_problems))
    puzzles = _unique(_read(folder / "sudoku_diabolical.csv", read_sudoku))
    prose = [*_read(folder / "fairytaleqa_stories.json", read_tales), *_read_books(folder / "gutenberg"), *usages]
    if not (stories or prose or definitions or problems or puzzles):
        raise DataError(f"No training text in {str(folder)!r}; docs/training.md lists the files.")
    parts = []
    for held_out in (False, True):
        chosen = [story for story in stories if is_held_out(story) == held_out]
        loose = [sentence for sentence in prose if is_held_out(sentence) == held_out]
        sentences = [sentence for story in chosen for sentence in split_sentences(story)] + loose
        in_training = frozenset(parts[0].sentences) if parts else frozenset()
        parts.append(
            Texts(
                sentences=tuple(sentence for sentence in _unique(sentences) if sentence not in in_training),
                stories=tuple(chosen),
                definitions=tuple(each for each in definitions if is_held_out(" ".join(each)) == held_out),
                word_problems=tuple(each for each in problems if is_held_out(each[0]) == held_out),
                sudoku=tuple(each for each in puzzles if is_held_out(each[0]) == held_out),
            )
        )
    return parts[0], parts[1]


def is_held_out(text: str) -> bool:
    """Whether the item with this text is held out."""
    return crc32(text.encode()) < HELD_OUT_SHARE * 2**32


def plain(text: str) -> str:
    """`text` with straight quotes and without accents; characters without an ASCII form stay, for the caller to
    reject."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(PLAIN_CHARACTERS))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def is_sentence(text: str) -> bool:
    """Whether `text` is one clean sentence: starts with a capital, ends with a mark, paired quotes, no markup."""
    return (
        len(text) in SENTENCE_LENGTH
        and text.isascii()
        and text.lstrip('"')[:1].isupper()
        and text.rstrip('"')[-1:] in (".", "!", "?")
        and text.count('"') % 2 == 0
        and text.count(" ") >= 3
        and not text.isupper()
        and NOT_PROSE.search(text) is None
        and ABBREVIATION.search(text) is None
        and COARSE.search(text) is None
    )


def split_sentences(text: str) -> Iterator[str]:
    """Yields the clean sentences of `text`, paragraph by paragraph, and skips the others."""
    for paragraph in text.split("\n"):
        start = 0
        for match in SENTENCE_BREAK.finditer(paragraph):
            if ABBREVIATION.search(paragraph, start, match.start()):
                continue
            candidate = paragraph[start : match.start(1)]
            if candidate.count('"') % 2:
                # Inside a quotation: the sentence ends at the closing quote.
                continue
            if is_sentence(candidate):
                yield candidate
            start = match.end()
        if is_sentence(paragraph[start:]):
            yield paragraph[start:]


def read_stories(path: Path) -> Iterator[str]:
    """Stories separated by `<|endoftext|>`, one line per paragraph."""
    for story in path.read_text(encoding="utf-8").split("<|endoftext|>"):
        lines = [re.sub(r"\s+", " ", line).strip() for line in plain(story).splitlines()]
        text = "\n".join(line for line in lines if line)
        if len(text) >= 100 and text.isascii() and text[-1] in '.!?"' and text.lstrip('"')[0].isupper():
            yield text


def read_tales(path: Path) -> Iterator[str]:
    """Sentences of tales stored as a list of `{"name", "sections"}`."""
    for tale in json.loads(path.read_text(encoding="utf-8")):
        for section in tale["sections"]:
            yield from prose_sentences(section)


def read_book(path: Path) -> Iterator[str]:
    """Sentences of a Project Gutenberg text, licence and headings left out."""
    text = path.read_text(encoding="utf-8", errors="replace")
    start = BOOK_START.search(text)
    text = text[start.end() :] if start else re.sub(r"^\s*\[[^\]]*\]", "", text)
    end = BOOK_END.search(text)
    yield from prose_sentences(text[: end.start()] if end else text)


def prose_sentences(text: str) -> Iterator[str]:
    """Clean sentences of text with hard line breaks; skips indented paragraphs, which are verse or lists."""
    for paragraph in PARAGRAPH_BREAK.split(plain(text).replace("\r\n", "\n")):
        if not paragraph.lstrip("\n").startswith("   "):
            yield from split_sentences(" ".join(paragraph.split()))


def read_word_problems(path: Path) -> Iterator[tuple[str, str]]:
    """(question, worked answer) pairs; answers keep their `<<a+b=c>>` marks and the last line `#### answer`."""
    with path.open(encoding="utf-8") as lines:
        for line in filter(str.strip, lines):
            record = json.loads(line)
            yield " ".join(plain(record["question"]).split()), plain(record["answer"]).strip()


def read_sudoku(path: Path) -> Iterator[tuple[str, str]]:
    """(puzzle, solution) pairs of 81 digits, the first `MAX_SUDOKU` of the file."""
    with path.open(encoding="utf-8", newline="") as lines:
        for row in islice(csv.reader(lines), MAX_SUDOKU + 1):
            puzzle, solution = row
            if len(puzzle) == len(solution) == 81 and puzzle.isdigit() and solution.isdigit():
                yield puzzle, solution


def read_dictionary(path: Path) -> Iterator[tuple[list[tuple[str, str]], list[str]]]:
    """For each sense: its (word, definition) pairs, and the examples that are sentences."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if COARSE.search(line):
                continue
            definition = re.sub(r"^\([^)]*\) ", "", plain(record["definition"][0])).strip()
            pairs = []
            if len(definition) in DEFINITION_LENGTH and definition.isascii() and not NOT_PROSE.search(definition):
                pairs = [(word, definition) for word in record["members"] if PLAIN_WORD.fullmatch(word)]
            examples = (finish_example(plain(text)) for text in record["examples"] if isinstance(text, str))
            yield pairs, [example for example in examples if example]


def finish_example(text: str) -> str:
    """A dictionary's example as a sentence with a capital and a full stop; empty if it is only a phrase."""
    if not text:
        return ""
    is_clause = text[0].isupper() or SUBJECT_PRONOUNS.match(text) is not None
    if not is_clause:
        is_clause = SUBJECT_STARTS.match(text) is not None and PLAIN_VERBS.search(text) is not None
    sentence = text[0].upper() + text[1:] + ("" if text[-1] in '.!?"' else ".")
    return sentence if is_clause and is_sentence(sentence) else ""


def _read_dictionary(path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    senses = list(_read(path, read_dictionary))
    definitions = _unique(pair for pairs, _ in senses for pair in pairs)
    return definitions, [example for _, examples in senses for example in examples]


def _read_books(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.txt")):
        yield from _read(path, read_book)


def _read(path: Path, reader: Callable[[Path], Iterator[Item]]) -> list[Item]:
    """The items that `reader` yields for `path`; none if the file does not exist."""
    if not path.is_file():
        return []
    try:
        return list(reader(path))
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, csv.Error, lzma.LZMAError) as error:
        raise DataError(f"{path} is not in the form expected ({error}). Fetch it again or remove it.") from error


def _unique(items: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(items))
