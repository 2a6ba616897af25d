"""`dgemma infill` and `dgemma edit`: a gap filled, a file gone over; the text on stdout, counts on stderr."""

import difflib
import itertools
import re
import sys
from collections.abc import Callable
from pathlib import Path

from dgemma.api import LLM
from dgemma.checkpoint.safetensors import replacing
from dgemma.cli.answer import refuse_stray_bytes, statistics_line
from dgemma.errors import PromptError, UsageError
from dgemma.tui.counting import counting

# Without an instruction lines are revised together up to so many characters, with their neighbours to read; with one
# each line is asked for alone, and a longer one sentence by sentence.
PART_CHARACTERS = 1000
LINE_CHARACTERS = 240
BYTE_ORDER_MARK = "\ufeff"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NO_PROSE = re.compile(r"\s*(#{1,6}\s|\||<[A-Za-z/!]|(<?\w+://\S+|\[[^\]]+\]:\s*\S+)\s*$)")


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
    """Prints `text` with its one gap filled by the model that `load` gives."""
    refuse_stray_bytes(text, "The text")
    refuse_stray_bytes(instruction or "", "The instruction")
    prefix, suffix = _around_gap(text, mark)
    # A space belongs to the word behind it, so the one before the gap is the model's to write.
    spaced = prefix.endswith(" ")
    prefix = prefix.removesuffix(" ")
    most = max(most, length or 1)
    reply = load().infill(prefix, suffix, length=length, instruction=instruction, max_new_tokens=most, seed=seed)
    filled = f" {reply.text}" if spaced and not reply.text.startswith(" ") else reply.text
    print(filled.strip() if only else f"{prefix}{filled}{suffix}")
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
    text = _read(file, piped)
    pieces = _gone_over(load(), text, instruction, strength, seed)
    revised = "".join(old if new is None else new for old, new in pieces)
    if write and revised != text:
        # Behind a link stands the file that is meant.
        with replacing(file.resolve()) as temporary:
            temporary.write_bytes(revised.encode())
    if diff:
        for line in difflib.unified_diff(_lines(text), _lines(revised), str(file), str(file)):
            sys.stdout.write(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    elif not write:
        sys.stdout.write(revised)
    changed = sum(_words_changed(old, new) for old, new in pieces if new is not None)
    print(f"{changed} of {len(text.split())} words changed", file=sys.stderr)
    if unended := sum(new is None for _, new in pieces):
        left = "A piece was" if unended == 1 else f"{unended} pieces were"
        print(f"{left} left as before: the model found no end to the answer.", file=sys.stderr)


def _gone_over(
    llm: LLM, text: str, instruction: str | None, strength: float, seed: int
) -> list[tuple[str, str | None]]:
    """The pieces of the text, each with what it became; None where the answer came to no end."""
    body = text.removeprefix(BYTE_ORDER_MARK)
    # The mark is no letter of the first word, and stays.
    mark = text[: len(text) - len(body)]
    pieces: list[tuple[str, str | None]] = [(mark, mark)]
    cut = _parts if instruction is None else _sentences
    parts = [(part, prose) for run, prose in _runs(body) for part in (cut(run) if prose else [run])]
    asked = sum(prose and bool(part.strip()) for part, prose in parts)
    with counting("edit", asked, "pieces" if instruction is None else "sentences") as done:
        for part, prose in parts:
            pieces.append((part, _revised(llm, part, instruction, strength, seed) if prose else part))
            if prose and part.strip():
                done()
    return pieces


def _runs(text: str) -> list[tuple[str, bool]]:
    """Lines that belong together, and whether they are prose, which headings, code between fences, rows of tables, HTML
    and bare addresses are not."""
    runs: list[tuple[str, bool]] = []
    fence = ""
    for line in _lines(text):
        mark = _FENCE.match(line)
        prose = not (fence or mark or _NO_PROSE.match(line))
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line[mark.end() :].strip() else fence
        elif mark:
            fence = mark[1]
        if runs and runs[-1][1] == prose:
            runs[-1] = (runs[-1][0] + line, prose)
        else:
            runs.append((line, prose))
    return runs


def _words_changed(old: str, new: str) -> int:
    """How many words of one piece differ: in pieces, since over a long text a comparison takes minutes."""
    if old == new:
        return 0
    old_words, new_words = old.split(), new.split()
    matcher = difflib.SequenceMatcher(None, old_words, new_words, autojunk=False)
    return max(len(old_words), len(new_words)) - sum(block.size for block in matcher.get_matching_blocks())


def _read(file: Path, piped: bool) -> str:
    try:
        content = sys.stdin.buffer.read() if piped else file.read_bytes()
        return content.decode("utf-8")
    except OSError as error:
        raise PromptError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        told = "Standard input" if piped else file
        raise PromptError(f"{told} is not UTF-8 text (byte {error.start}); convert it first.") from error


def _lines(text: str) -> list[str]:
    """The lines as other tools count them: a line feed alone ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _cut(text: str, longest: int) -> list[str]:
    """Pieces of about `longest` characters, cut behind white space where there is some."""
    return re.findall(rf"(?s).{{1,{longest}}}(?:(?<=\s)|(?=\s)|\Z)|.{{1,{longest}}}", text)


def _parts(text: str) -> list[str]:
    """Whole lines together, each part of about `PART_CHARACTERS` at most; their concatenation is the text."""
    parts: list[str] = []
    for line in _lines(text):
        if parts and len(parts[-1]) + len(line) <= PART_CHARACTERS:
            parts[-1] += line
        else:
            parts += _cut(line, PART_CHARACTERS)
    return parts


def _sentences(text: str) -> list[str]:
    """Lines, and the sentences of long ones; the white space around each is a part of its own."""
    parts: list[str] = []
    for line in _lines(text):
        sentences = [line] if len(line) <= LINE_CHARACTERS else re.split(r"(?<=[.!?])(?=\s)", line)
        for piece in itertools.chain.from_iterable(_cut(sentence, PART_CHARACTERS) for sentence in sentences):
            inner = piece.strip()
            start = piece.index(inner)
            parts += (piece[:start], inner, piece[start + len(inner) :])
    return parts


def _revised(llm: LLM, part: str, instruction: str | None, strength: float, seed: int) -> str | None:
    """The part as the model would have it; None where its answer came to no end."""
    if not part.strip():
        return part
    reply = llm.edit(part, instruction=instruction, strength=strength, seed=seed)
    return None if reply.finish_reason == "length" else reply.text
