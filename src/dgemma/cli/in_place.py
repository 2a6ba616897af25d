"""`dgemma infill` and `dgemma edit`: fill a gap, revise a file. The text goes to stdout, counts go to stderr."""

import difflib
import re
import stat
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from dgemma.api import LLM
from dgemma.cli.run import refuse_stray_bytes, statistics_line
from dgemma.cli.spans import Keeper
from dgemma.cli.structure import lines, runs
from dgemma.errors import OutputError, PromptError, UsageError
from dgemma.files import replacing
from dgemma.tokenizer import REPLACEMENT_CHARACTER, Tokenizer
from dgemma.tui.progress import counting_progress

PART_CHARACTERS = 1000
"""Without an instruction, up to this many characters are revised in one call, so that each line is read with its
neighbours. Longer pieces without a place to split them are left unchanged."""
_CODE = (
    ".bash .bat .c .cc .cfg .cmake .conf .cpp .cs .css .csv .cxx .dart .diff .ex .go .h .hpp .hs .ini .ipynb .java .jl "
    ".js .json .jsonl .jsx .kt .lock .lua .m .mjs .mk .mm .patch .php .pl .proto .ps1 .py .pyi .r .rb .rs .scala .scss "
    ".sh .sql .svg .swift .toml .ts .tsv .tsx .vue .xml .yaml .yml .zig .zsh"
)
CODE_SUFFIXES = frozenset(_CODE.split())
"""Files of these kinds are refused: the model would correct code and data as if they were prose."""
LINE_CHARACTERS = 240
"""With an instruction each line is revised alone, and a line longer than this sentence by sentence."""
WRAPPED_LENGTHS = range(50, 121)
"""Lengths of a line that counts as wrapped if it ends within a sentence. Shorter lines are taken for verses or lists,
longer ones for paragraphs."""
_WRAP = re.compile(r"[ \t]*(?:\r\n|\n|\r)[ \t]*")
BYTE_ORDER_MARK = "\ufeff"
# Scripts without spaces can be split after a sentence, at an empty match.
_SPACE = re.compile(r"\s+|(?<=[\u3002\uff01\uff1f])")
NO_END = "the model's answer reached its token limit"
NOT_KEPT = "the model's answer changed what must stay (addresses, code, markup, line ends, rare characters)"


class Piece(NamedTuple):
    """A piece of the text before and after the edit. `failure` says why the model's answer was not used, if so."""

    old: str
    new: str
    failure: str = ""


def fill_gap(
    text: str,
    *,
    load: Callable[[], LLM],
    mark: str,
    length: int | None,
    max_new_tokens: int,
    only: bool,
    instruction: str | None,
    seed: int,
) -> None:
    """Prints `text` (`-`: standard input) with its gap filled by the model that `load` returns."""
    text = _read(Path(text), piped=True).removesuffix("\n") if text == "-" else text
    refuse_stray_bytes(text, "The text")
    refuse_stray_bytes(instruction or "", "The instruction")
    prefix, suffix = _split_at_mark(text, mark)
    most = max(max_new_tokens, length or 1)
    reply = load().infill(prefix, suffix, length=length, instruction=instruction, max_new_tokens=most, seed=seed)
    print(reply.text.strip() if only else f"{prefix}{reply.text}{suffix}")
    print(statistics_line(reply.stats), file=sys.stderr)


def _split_at_mark(text: str, mark: str) -> tuple[str, str]:
    """The text before and after the mark, which must occur once. A longer run of underscores is one mark, too."""
    if mark and not mark.strip("_"):
        parts = re.split(f"{mark}_*", text)
    else:
        # Overlapping occurrences count: "###" contains the mark "##" twice.
        count = sum(text.startswith(mark, at) for at in range(len(text))) if mark else 0
        parts = text.split(mark) if count == 1 else []
    if len(parts) != 2:
        raise UsageError(f"The text must contain the mark {mark!r} exactly once, where the gap is.")
    return parts[0], parts[1]


def edit_file(
    file: Path,
    *,
    load: Callable[[], LLM],
    instruction: str | None,
    strength: float,
    write: bool,
    diff: bool,
    seed: int,
) -> None:
    """Prints the revised text or its diff, or writes the file. With both `diff` and `write` it does both."""
    refuse_stray_bytes(instruction or "", "The instruction")
    piped = str(file) == "-"
    if piped and write:
        raise UsageError("Standard input cannot be written back; leave out --write.")
    if file.suffix.lower() in CODE_SUFFIXES:
        raise UsageError(
            f"{file} is code or data by its name, and edit corrects prose; to edit it all the same, give it on "
            f"standard input: dgemma edit - < {file}"
        )
    if write:
        _require_writable(file)
    text = _read(file, piped)
    pieces = _revise_text(load(), text, instruction, strength, seed)
    revised = "".join(piece.new for piece in pieces)
    shown = _diff(file, text, revised) if diff else "" if write else revised
    # The file is written last, so that it stays unchanged if printing the diff fails.
    sys.stdout.write(shown)
    sys.stdout.flush()
    if write and revised != text:
        # Replace the file that a symbolic link points to, not the link.
        with replacing(file.resolve()) as temporary:
            temporary.write_bytes(revised.encode())
            if _read(file, piped) != text:
                raise OutputError(f"{file} changed during the edit and was not overwritten; run the edit again.")
    if shown and not shown.endswith("\n") and sys.stdout.isatty() and sys.stderr.isatty():
        print(file=sys.stderr)
    _print_summary(pieces)


def _diff(file: Path, old: str, new: str) -> str:
    changes = difflib.unified_diff(lines(old), lines(new), str(file), str(file))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in changes)


def _print_summary(pieces: list[Piece]) -> None:
    """Prints to stderr how many words changed and which pieces could not be revised."""
    changed = added = 0
    for piece in pieces:
        piece_changed, piece_added = _words_changed(piece.old, piece.new)
        changed, added = changed + piece_changed, added + piece_added
    total = sum(len(piece.old.split()) for piece in pieces)
    print(f"{changed} of {total} words changed{f', {added} added' if added else ''}", file=sys.stderr)
    for failure, count in Counter(piece.failure for piece in pieces if piece.failure).items():
        print(f"{count} piece{'' if count == 1 else 's'} left unchanged: {failure}.", file=sys.stderr)


def _words_changed(old: str, new: str) -> tuple[int, int]:
    """(words of the old text that were removed or replaced, words added). Called for one piece at a time: comparing
    long texts takes minutes."""
    if old == new:
        return 0, 0
    old_words, new_words = old.split(), new.split()
    matcher = difflib.SequenceMatcher(None, old_words, new_words, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    changed = sum(end - begin for _, begin, end, _, _ in changes)
    added = sum(max(0, (new_end - new_begin) - (end - begin)) for _, begin, end, new_begin, new_end in changes)
    return changed, added


def _revise_text(llm: LLM, text: str, instruction: str | None, strength: float, seed: int) -> list[Piece]:
    """All pieces of the text in order, including those that the model does not see."""
    body = text.removeprefix(BYTE_ORDER_MARK)
    # Kept, but not shown to the model as a part of the first word.
    byte_order_mark = text[: len(text) - len(body)]
    keeper = Keeper(body, _fragile_characters(llm.tokenizer, body))
    reviser = _Reviser(llm, keeper, instruction, strength, seed)
    split = [_split_long_lines(run, keeper, by_sentence=instruction is not None) for run in runs(body, keeper)]
    parts = [part for run in split for part in _group(run, 0 if instruction is not None else PART_CHARACTERS)]
    revisable = [is_prose and any(map(reviser.is_revisable, part[::2])) for part, is_prose in parts]
    pieces = [Piece(byte_order_mark, byte_order_mark)]
    with counting_progress("edit", sum(revisable), "pieces" if instruction is None else "sentences") as count_one:
        for (part, _), is_revisable in zip(parts, revisable, strict=True):
            if is_revisable:
                pieces += reviser.revise(part)
                count_one()
            else:
                pieces += [Piece(fixed, fixed) for fixed in part]
    return pieces


class _Reviser:
    """Asks the model to revise one part after another. Uses only answers that preserve what must stay."""

    def __init__(self, llm: LLM, keeper: Keeper, instruction: str | None, strength: float, seed: int) -> None:
        self._llm, self._keeper = llm, keeper
        self._instruction, self._strength, self._seed = instruction, strength, seed

    def is_revisable(self, prose: str) -> bool:
        """Whether to ask the model about `prose`: it has words to rewrite and at most `PART_CHARACTERS`."""
        return len(prose) <= PART_CHARACTERS and self._keeper.has_prose(prose)

    def revise(self, part: list[str]) -> list[Piece]:
        """The pieces of a part that alternates prose and fixed text, starting with prose.

        The model revises the whole part at once if it holds several pieces of prose. A piece is revised alone if the
        answer does not hold all fixed texts in order, or changes what must stay.
        """
        prose, fixed = part[::2], part[1::2]
        joint_answer = self._ask("".join(part)) if fixed else None
        news = [] if joint_answer is None else _texts_between(joint_answer, fixed)
        pieces = []
        for number, old in enumerate(prose):
            new = news[number].strip() if news else ""
            pieces.append(Piece(old, new) if new and self._keeper.keeps(old, new) else self._revise_alone(old))
            pieces += [Piece(gap, gap) for gap in fixed[number : number + 1]]
        return pieces

    def _revise_alone(self, old: str) -> Piece:
        """Revises one piece of prose. If the answer changes what must stay, tries again with stand-ins for it."""
        if not self.is_revisable(old):
            return Piece(old, old)
        one_line = _WRAP.sub(" ", old)
        answer = self._ask(one_line)
        new = wrap_like(old, answer) if answer else None
        if not (new and self._keeper.keeps(old, new)) and (masked := self._keeper.masked(one_line)):
            answer = self._ask(masked.text)
            restored = masked.restore(answer) if answer else None
            new = wrap_like(old, restored) if restored else None
        if new and self._keeper.keeps(old, new):
            return Piece(old, new)
        return Piece(old, old, NO_END if answer is None else NOT_KEPT)

    def _ask(self, text: str) -> str | None:
        """The model's revision of `text`; None if it reached its token limit."""
        reply = self._llm.edit(text, instruction=self._instruction, strength=self._strength, seed=self._seed)
        return None if reply.finish_reason == "length" else reply.text.strip()


def _texts_between(text: str, separators: list[str]) -> list[str]:
    """`text` split at the separators, each once and in this order; an empty list if one is missing."""
    found = []
    for separator in separators:
        before, match, text = text.partition(separator)
        if not match:
            return []
        found.append(before)
    return [*found, text]


def _join_wrapped_lines(run: list[str]) -> list[str]:
    """The run with wrapped lines joined into one prose part, which then holds the line ends. A line counts as wrapped
    if its length is in `WRAPPED_LENGTHS` and it ends within a sentence."""
    joined = run[:2]
    for gap, prose in zip(run[2:-1:2], run[3::2], strict=True):
        before = joined[-1].rpartition("\n")[2]
        if _WRAP.fullmatch(gap) and len(before) in WRAPPED_LENGTHS and before[-1:] not in tuple(".!?:;"):
            joined[-1] += gap + prose
        else:
            joined += [gap, prose]
    return [*joined, run[-1]] if len(run) > 1 else run


def wrap_like(old: str, new: str) -> str | None:
    """The new text with the line ends of the old one, placed after the corresponding words. None if the new text has
    too few words for them."""
    breaks = [number for number, gap in enumerate(_gaps(old), 1) if "\n" in gap or "\r" in gap]
    if not breaks:
        return new
    words, gaps, old_gaps = new.split(), _gaps(new), _gaps(old)
    matcher = difflib.SequenceMatcher(None, old.split(), words, autojunk=False)
    changes = matcher.get_opcodes()
    last = 0
    for place in breaks:
        _, begin, end, new_begin, new_end = next(change for change in changes if change[1] < place <= change[2])
        last = max(last + 1, new_begin + round((place - begin) * (new_end - new_begin) / (end - begin)))
        if last >= len(words):
            return None
        gaps[last - 1] = old_gaps[place - 1]
    return "".join(part for pair in zip(words, [*gaps, ""], strict=True) for part in pair)


def _gaps(text: str) -> list[str]:
    """The white space between the words."""
    return re.findall(r"\s+", text.strip())


def _split_long_lines(run: list[str], keeper: Keeper, *, by_sentence: bool) -> list[str]:
    """The run with long lines split at white space: into sentences if `by_sentence`, and into pieces of at most
    `PART_CHARACTERS` where possible. The white space becomes a fixed part; protected spans are not split."""
    run = _join_wrapped_lines(run) if by_sentence else run
    parts = run[:1]
    for line, end in zip(run[1::2], run[2::2], strict=True):
        spans = iter(keeper.spans(line))
        span = next(spans, None)
        places = []
        for gap in _SPACE.finditer(line):
            while span and span.end <= gap.start():
                span = next(spans, None)
            if (not span or gap.start() <= span.begin) and gap.end() < len(line):
                places.append(gap.span())
        begin, sentences = 0, by_sentence and len(line) > LINE_CHARACTERS
        for (left, right), (next_left, _) in pairwise([*places, (len(line), len(line))]):
            if next_left - begin > PART_CHARACTERS or (sentences and line[left - 1] in ".!?\u3002\uff01\uff1f"):
                parts += [line[begin:left], line[left:right]]
                begin = right
        parts += [line[begin:], end]
    return parts


def _group(run: list[str], longest: int) -> Iterator[tuple[list[str], bool]]:
    """Yields (parts, is prose): single fixed parts, and groups of prose with the fixed parts in between. A group of
    several prose parts has at most `longest` characters."""
    group, before = [], run[0]
    for prose, after in zip(run[1::2], run[2::2], strict=True):
        if group and sum(map(len, group)) + len(before) + len(prose) <= longest:
            group += [before, prose]
        else:
            if group:
                yield group, True
            yield [before], False
            group = [prose]
        before = after
    if group:
        yield group, True
    yield [before], False


def _read(file: Path, piped: bool) -> str:
    try:
        content = sys.stdin.buffer.read() if piped else file.read_bytes()
        return content.decode("utf-8")
    except OSError as error:
        raise PromptError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        source = "Standard input" if piped else file
        raise PromptError(f"{source} is not UTF-8 text (byte {error.start}); convert it first.") from error


def _require_writable(file: Path) -> None:
    """Raises OutputError for a file that must not be replaced. Called before the model is loaded."""
    if not file.exists():
        return
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OutputError(
            f"{file} is not a regular file and is not overwritten; leave out --write and redirect stdout."
        )
    if not status.st_mode & 0o222:
        raise OutputError(f"{file} is write-protected; run chmod u+w on it, or leave out --write.")
    if status.st_nlink > 1:
        print(f"{file} has other hard links; they will keep the old text.", file=sys.stderr)


def _fragile_characters(tokenizer: Tokenizer | None, text: str) -> set[str]:
    """The characters of the text, other than printable ASCII, that a rewrite must preserve: those that the tokenizer
    splits into bytes or cannot reproduce, and signs of amounts (currency, mathematics, degrees), which are never a
    mistake."""
    others = {character for character in text if not character.isascii() or not character.isprintable()} - set("\t\n\r")
    found = {character for character in others if character == "°" or unicodedata.category(character) in ("Sc", "Sm")}
    if tokenizer is None:
        return found
    for character in others - found:
        ids = tokenizer.encode(character)
        is_part = any(REPLACEMENT_CHARACTER in part for part in tokenizer.token_texts(ids))
        if is_part or tokenizer.decode(ids, skip_special=False) != character:
            found.add(character)
    return found
