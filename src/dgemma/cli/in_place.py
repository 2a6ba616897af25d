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

# Without an instruction lines are revised together up to so many characters, with their neighbours to read; with one
# each line is asked for alone, and a longer one sentence by sentence.
PART_CHARACTERS = 1000
LINE_CHARACTERS = 240
BYTE_ORDER_MARK = "\ufeff"


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
    # A longer run of the mark's letters holds it more than once.
    if not mark or sum(text.startswith(mark, at) for at in range(len(text))) != 1:
        raise UsageError(f"The text must hold the mark {mark!r} exactly once, where the gap is.")
    prefix, suffix = text.split(mark)
    # A space belongs to the word behind it, so the one before the gap is the model's to write.
    spaced = prefix.endswith(" ")
    prefix = prefix.removesuffix(" ")
    most = max(most, length or 1)
    reply = load().infill(prefix, suffix, length=length, instruction=instruction, max_new_tokens=most, seed=seed)
    filled = f" {reply.text}" if spaced and not reply.text.startswith(" ") else reply.text
    print(filled.strip() if only else f"{prefix}{filled}{suffix}")
    print(statistics_line(reply.stats), file=sys.stderr)


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
    revised, unended = _gone_over(load(), text, instruction, strength, seed)
    if write and revised != text:
        # Behind a link stands the file that is meant.
        with replacing(file.resolve()) as temporary:
            temporary.write_bytes(revised.encode())
    if diff:
        for line in difflib.unified_diff(_lines(text), _lines(revised), str(file), str(file)):
            sys.stdout.write(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    elif not write:
        sys.stdout.write(revised)
    old_words, new_words = text.split(), revised.split()
    matcher = difflib.SequenceMatcher(None, old_words, new_words, autojunk=False)
    kept = sum(block.size for block in matcher.get_matching_blocks())
    changed = max(len(old_words), len(new_words)) - kept
    print(f"{changed} of {len(old_words)} words changed", file=sys.stderr)
    if unended:
        pieces = "A piece was" if unended == 1 else f"{unended} pieces were"
        print(f"{pieces} left as before: the model found no end to the answer.", file=sys.stderr)


def _gone_over(llm: LLM, text: str, instruction: str | None, strength: float, seed: int) -> tuple[str, int]:
    """(the revised text, how many pieces stayed as they were because their answers came to no end)."""
    body = text.removeprefix(BYTE_ORDER_MARK)
    parts = _parts(body) if instruction is None else _sentences(body)
    revised_parts = [_revised(llm, part, instruction, strength, seed) for part in parts]
    revised = "".join(part if done is None else done for part, done in zip(parts, revised_parts, strict=True))
    # The mark is no letter of the first word, and stays.
    return text[: len(text) - len(body)] + revised, revised_parts.count(None)


def _read(file: Path, piped: bool) -> str:
    try:
        content = sys.stdin.buffer.read() if piped else file.read_bytes()
        return content.decode("utf-8")
    except OSError as error:
        raise PromptError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{file} is not UTF-8 text (byte {error.start}); convert it first.") from error


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
