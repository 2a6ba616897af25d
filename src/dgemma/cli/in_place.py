"""`dgemma infill` and `dgemma edit`: a gap filled, a file gone over; the text on stdout, counts on stderr."""

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
from dgemma.cli.answer import refuse_stray_bytes, statistics_line
from dgemma.cli.spans import Keeper
from dgemma.cli.structure import lines, runs
from dgemma.errors import OutputError, PromptError, UsageError
from dgemma.files import replacing
from dgemma.tokenizer import REPLACEMENT_CHARACTER, Tokenizer
from dgemma.tui.counting import counting

# Without an instruction lines are revised together up to so many characters, with their neighbours to read; with one
# each line is asked for alone, and a longer one sentence by sentence.
PART_CHARACTERS = 1000
LINE_CHARACTERS = 240
# A line of so many that ends within a sentence was wrapped; shorter ones are verses or lists, longer ones paragraphs.
WRAPPED = range(50, 121)
_WRAP = re.compile(r"[ \t]*(?:\r\n|\n|\r)[ \t]*")
BYTE_ORDER_MARK = "\ufeff"
# Behind a sentence of scripts without spaces there is a place of no length.
_SPACE = re.compile(r"\s+|(?<=[\u3002\uff01\uff1f])")
NO_END = "the model found no end to the answer"
NOT_KEPT = "the model's answer broke what must stay (addresses, code, marks, line ends, rare characters)"


class Piece(NamedTuple):
    """A piece of the text, what it became, and if it was left as it was, why."""

    old: str
    new: str
    left: str = ""


def fill_gap(
    text: str,
    *,
    load: Callable[[], LLM],
    mark: str,
    length: int | None,
    most: int,
    only: bool,
    instruction: str | None,
    seed: int,
) -> None:
    """Prints `text`, or for - what stands in standard input, with its one gap filled by the model that `load` gives."""
    text = _read(Path(text), piped=True).removesuffix("\n") if text == "-" else text
    refuse_stray_bytes(text, "The text")
    refuse_stray_bytes(instruction or "", "The instruction")
    prefix, suffix = _around_gap(text, mark)
    most = max(most, length or 1)
    reply = load().infill(prefix, suffix, length=length, instruction=instruction, max_new_tokens=most, seed=seed)
    print(reply.text.strip() if only else f"{prefix}{reply.text}{suffix}")
    print(statistics_line(reply.stats), file=sys.stderr)


def _around_gap(text: str, mark: str) -> tuple[str, str]:
    """What stands before and behind the one mark; of underscores a longer run is one mark as well."""
    if mark and not mark.strip("_"):
        parts = re.split(f"{mark}_*", text)
    else:
        # A longer run of other letters holds the mark more than once.
        count = sum(text.startswith(mark, at) for at in range(len(text))) if mark else 0
        parts = text.split(mark) if count == 1 else []
    if len(parts) != 2:
        raise UsageError(f"The text must hold the mark {mark!r} exactly once, where the gap is.")
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
    """Prints the revised text or its diff, or writes the file; a diff is printed whether or not it is written."""
    refuse_stray_bytes(instruction or "", "The instruction")
    piped = str(file) == "-"
    if piped and write:
        raise UsageError("Standard input cannot be written back; leave out --write.")
    if write:
        _require_writable(file)
    text = _read(file, piped)
    pieces = _gone_over(load(), text, instruction, strength, seed)
    revised = "".join(piece.new for piece in pieces)
    shown = _diff(file, text, revised) if diff else "" if write else revised
    # Written last: what cannot be shown is not to change the file behind one's back.
    sys.stdout.write(shown)
    sys.stdout.flush()
    if write and revised != text:
        # Behind a link stands the file that is meant.
        with replacing(file.resolve()) as temporary:
            temporary.write_bytes(revised.encode())
            if _read(file, piped) != text:
                raise OutputError(f"{file} was changed by somebody else meanwhile and is left as it is; edit it again.")
    if shown and not shown.endswith("\n") and sys.stdout.isatty() and sys.stderr.isatty():
        print(file=sys.stderr)
    _tell(pieces)


def _diff(file: Path, old: str, new: str) -> str:
    changes = difflib.unified_diff(lines(old), lines(new), str(file), str(file))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in changes)


def _tell(pieces: list[Piece]) -> None:
    """How many words changed and what was left, on stderr."""
    changed = added = 0
    for piece in pieces:
        of_piece = _words_changed(piece.old, piece.new)
        changed, added = changed + of_piece[0], added + of_piece[1]
    whole = sum(len(piece.old.split()) for piece in pieces)
    print(f"{changed} of {whole} words changed{f', {added} added' if added else ''}", file=sys.stderr)
    for reason, count in Counter(piece.left for piece in pieces if piece.left).items():
        print(f"{'A piece was' if count == 1 else f'{count} pieces were'} left as before: {reason}.", file=sys.stderr)


def _words_changed(old: str, new: str) -> tuple[int, int]:
    """(words of the old text that are gone or others, words that came besides) in one piece: over a long text a
    comparison takes minutes."""
    if old == new:
        return 0, 0
    old_words, new_words = old.split(), new.split()
    matcher = difflib.SequenceMatcher(None, old_words, new_words, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    changed = sum(end - begin for _, begin, end, _, _ in changes)
    return changed, sum(max(0, (to - at) - (end - begin)) for _, begin, end, at, to in changes)


def _gone_over(llm: LLM, text: str, instruction: str | None, strength: float, seed: int) -> list[Piece]:
    """The pieces of the text with what they became, those included that the model does not see."""
    body = text.removeprefix(BYTE_ORDER_MARK)
    # The mark is no letter of the first word, and stays.
    mark = text[: len(text) - len(body)]
    keeper = Keeper(body, _easily_lost(llm.tokenizer, body))
    reviser = _Reviser(llm, keeper, instruction, strength, seed)
    cut = [_cut(run, keeper, by_sentence=instruction is not None) for run in runs(body, keeper)]
    parts = [part for run in cut for part in _grouped(run, 0 if instruction is not None else PART_CHARACTERS)]
    asked = [prose and any(map(reviser.is_asked, part[::2])) for part, prose in parts]
    pieces = [Piece(mark, mark)]
    with counting("edit", sum(asked), "pieces" if instruction is None else "sentences") as done:
        for (part, _), is_asked in zip(parts, asked, strict=True):
            if is_asked:
                pieces += reviser.revised(part)
                done()
            else:
                pieces += [Piece(stays, stays) for stays in part]
    return pieces


class _Reviser:
    """Asks the model for one part after another, and takes what keeps what must stay."""

    def __init__(self, llm: LLM, keeper: Keeper, instruction: str | None, strength: float, seed: int) -> None:
        self._llm, self._keeper = llm, keeper
        self._instruction, self._strength, self._seed = instruction, strength, seed

    def is_asked(self, prose: str) -> bool:
        """Whether there is anything to revise; a single word too long to be one is none."""
        return len(prose) <= PART_CHARACTERS and self._keeper.has_prose(prose)

    def revised(self, part: list[str]) -> list[Piece]:
        """The pieces of a part in which prose and what stays take turns. The model reads several together, and alone
        those that did not come back between what stays."""
        prose, stays = part[::2], part[1::2]
        together = self._answer("".join(part)) if stays else None
        news = [] if together is None else _between(together, stays)
        pieces = []
        for number, old in enumerate(prose):
            new = news[number].strip() if news else ""
            pieces.append(Piece(old, new) if new and self._keeper.keeps(old, new) else self._alone(old))
            pieces += [Piece(gap, gap) for gap in stays[number : number + 1]]
        return pieces

    def _alone(self, old: str) -> Piece:
        """As it stands; if that loses what must stay, with stand-ins for it."""
        if not self.is_asked(old):
            return Piece(old, old)
        shown = _WRAP.sub(" ", old)
        answer = self._answer(shown)
        new = wrapped_as(old, answer) if answer else None
        if not (new and self._keeper.keeps(old, new)) and (masked := self._keeper.masked(shown)):
            answer = self._answer(masked.text)
            restored = masked.restore(answer) if answer else None
            new = wrapped_as(old, restored) if restored else None
        if new and self._keeper.keeps(old, new):
            return Piece(old, new)
        return Piece(old, old, NO_END if answer is None else NOT_KEPT)

    def _answer(self, text: str) -> str | None:
        """None where it came to no end."""
        reply = self._llm.edit(text, instruction=self._instruction, strength=self._strength, seed=self._seed)
        return None if reply.finish_reason == "length" else reply.text.strip()


def _between(text: str, stays: list[str]) -> list[str]:
    """What stands between these, in their order; nothing where one is not there."""
    found = []
    for gap in stays:
        before, there, text = text.partition(gap)
        if not there:
            return []
        found.append(before)
    return [*found, text]


def _unwrapped(run: list[str]) -> list[str]:
    """The run with the lines of a paragraph together, the line ends in them: where a line breaks off in a sentence."""
    joined = run[:2]
    for gap, prose in zip(run[2:-1:2], run[3::2], strict=True):
        before = joined[-1].rpartition("\n")[2]
        if _WRAP.fullmatch(gap) and len(before) in WRAPPED and before[-1:] not in tuple(".!?:;"):
            joined[-1] += gap + prose
        else:
            joined += [gap, prose]
    return [*joined, run[-1]] if len(run) > 1 else run


def wrapped_as(old: str, new: str) -> str | None:
    """The new text with the line ends of the old one, behind the words that stand where they stood; None where there is
    no room for them."""
    breaks = [number for number, gap in enumerate(_gaps(old), 1) if "\n" in gap or "\r" in gap]
    if not breaks:
        return new
    words, gaps, old_gaps = new.split(), _gaps(new), _gaps(old)
    matcher = difflib.SequenceMatcher(None, old.split(), words, autojunk=False)
    changes = matcher.get_opcodes()
    last = 0
    for place in breaks:
        _, begin, end, at, to = next(change for change in changes if change[1] < place <= change[2])
        last = max(last + 1, at + round((place - begin) * (to - at) / (end - begin)))
        if last >= len(words):
            return None
        gaps[last - 1] = old_gaps[place - 1]
    return "".join(part for pair in zip(words, [*gaps, ""], strict=True) for part in pair)


def _gaps(text: str) -> list[str]:
    """What stands between the words."""
    return re.findall(r"\s+", text.strip())


def _cut(run: list[str], keeper: Keeper, *, by_sentence: bool) -> list[str]:
    """The run with long lines cut into sentences, or else into pieces of about `PART_CHARACTERS`; the white space in
    between stays, and no span is cut."""
    run = _unwrapped(run) if by_sentence else run
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
        for (left, right), (further, _) in pairwise([*places, (len(line), len(line))]):
            if further - begin > PART_CHARACTERS or (sentences and line[left - 1] in ".!?\u3002\uff01\uff1f"):
                parts += [line[begin:left], line[left:right]]
                begin = right
        parts += [line[begin:], end]
    return parts


def _grouped(run: list[str], longest: int) -> Iterator[tuple[list[str], bool]]:
    """What stays, and what is prose with what stays in between, up to so many characters together; which of the two."""
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
        told = "Standard input" if piped else file
        raise PromptError(f"{told} is not UTF-8 text (byte {error.start}); convert it first.") from error


def _require_writable(file: Path) -> None:
    """Refuses what is not to be replaced by a new file, before a model goes over it."""
    if not file.exists():
        return
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OutputError(f"{file} is no regular file and is not written; leave out --write and direct the output.")
    if not status.st_mode & 0o222:
        raise OutputError(f"{file} is write-protected; chmod u+w it, or leave out --write.")
    if status.st_nlink > 1:
        print(f"{file} has other names (hard links); they keep the old text.", file=sys.stderr)


def _easily_lost(tokenizer: Tokenizer | None, text: str) -> set[str]:
    """The characters of the text that the model could only put together from parts of characters, or not at all, and
    those of amounts, which no mistake is about."""
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
