"""What in a Markdown or plain text is prose: the text cut into runs of prose lines and the marks between them.

Promises: the parts joined are the text, and no part that is prose holds a line end, an indentation or the marker of a
list or a quote, unless a code span, a link or a tag goes on over a line end. Lines that a reader of Markdown does not
take for prose (headings, code, tables, HTML, front matter, definitions of links) are no prose as a whole. In doubt a
line is none. Does not know models.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

from dgemma.cli.spans import Keeper

CODE_INDENT = 4
_QUOTE = re.compile(r"(?:[ \t]{0,3}>[ \t]?)*")
_MARKER = re.compile(
    r"[ \t]*(?:>|([-+*\u2022\u25e6\u2023\u25aa\u2013\u2014]|\d{1,9}[.)]|\[\^[^\]\s]+\]:)(?=\s|$)|\[[ xX]\](?=\s))[ \t]*"
)
_FENCE = re.compile(r"(`{3,})(?!.*`)|(~{3,})")
_HTML = re.compile(r"<(?:(!--)|(\?)|(script|pre|style|textarea)\b|[A-Za-z/!](?![\w.+-]*:|[^<>\s]*@))", re.IGNORECASE)
_NO_PROSE = re.compile(r"#{1,6}(\s|$)|\||\[(?!\^)[^\]]+\]:\s*\S+(\s+(\"[^\"]*\"|'[^']*'|\([^)]*\)))?\s*$")
_UNDERLINE = re.compile(r"[ \t]{0,3}(=+|---+)\s*$")
_DELIMITERS = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\r?\n(?=[^\n]*\S)(?:[^\n]*\n)*?(?:\1|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_BLANK = re.compile(r"[\s>]*$")
_LETTER = re.compile(r"[^\W_]")


def lines(text: str) -> list[str]:
    """The lines as other tools count them: a line feed alone ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def runs(text: str, keeper: Keeper) -> list[list[str]]:
    """The text as runs of lines that stand together. Each run alternates what stays and prose, and begins and ends with
    what stays, which may be empty: `["- ", "One.", "\\n- ", "Two.", "\\n"]`; lines that are no prose are a run of one
    part."""
    found: list[list[str]] = []
    front = _FRONT_MATTER.match(text)
    if front:
        found.append([front[0]])
    scanner = _Scanner()
    for paragraph in _paragraphs(scanner.split(lines(text[front.end() if front else 0 :]))):
        parts = _joined(paragraph, keeper)
        stays = len(parts) == 1
        if found and ((stays and _BLANK.match(parts[0])) or stays == (len(found[-1]) == 1)):
            found[-1][-1:] = [found[-1][-1] + parts[0], *parts[1:]]
        else:
            found.append(parts)
    return found


class _Scanner:
    """What is open while the lines of a text are read: something that is no prose up to its end, lists, a paragraph."""

    def __init__(self) -> None:
        self._end: re.Pattern[str] | None = None
        self._quotes = 0
        self._items: list[int] = []
        self._in_paragraph = False

    def split(self, all_lines: list[str]) -> Iterator[tuple[str, str, str]]:
        """(marks, prose, what follows it) of each line; of a line that is no prose, all is marks."""
        for line, following in pairwise([*all_lines, ""]):
            marks = self._marks(line, following)
            prose = line[marks:].rstrip()
            self._in_paragraph = bool(_LETTER.search(prose))
            yield (line[:marks], prose, line[marks + len(prose) :]) if self._in_paragraph else (line, "", "")

    def _marks(self, line: str, following: str) -> int:
        """How many characters of the line are no prose: its indentation and markers, or all of it."""
        if self._end:
            # What began within a quote ends with it.
            inside = re.match(rf"(?:[ \t]*>[ \t]?){{{self._quotes}}}", line)
            if not inside or self._end.match(line, inside.end()):
                self._end = None
            if inside:
                return len(line)
        if not line.strip():
            return len(line)
        quote = _QUOTE.match(line)
        begin = quote.end() if quote else 0
        length = self._indentation(line[begin:])
        if length is None:
            return len(line)
        marks = begin + length
        body, below = line[marks:], self._below(following[begin:])
        if end := _end_of_no_prose(body, below):
            self._end = None if end.match(body, 1) else end
            self._quotes = line[:marks].count(">")
            return len(line)
        return len(line) if _NO_PROSE.match(body) or _UNDERLINE.match(below) else marks

    def _indentation(self, rest: str) -> int | None:
        """The length of indentation and markers, which tell what lists are open; None for indented code."""
        indent = len(rest) - len(rest.lstrip())
        marker = _MARKER.match(rest)
        column = _columns(rest[:indent])
        if marker or not self._in_paragraph:
            while self._items and column < self._items[-1]:
                self._items.pop()
        if not self._in_paragraph and column - (self._items[-1] if self._items else 0) >= CODE_INDENT:
            return None
        length = indent
        while marker:
            length = marker.end()
            if marker[1]:
                least, column = _columns(rest[: marker.end(1)]) + 1, _columns(rest[:length])
                self._items.append(column if column < least + CODE_INDENT else least)
            marker = _MARKER.match(rest, length)
        return length

    def _below(self, following: str) -> str:
        """The next line as the innermost list item has it; empty where that has ended."""
        inner = self._items[-1] if self._items else 0
        expanded = following.expandtabs(CODE_INDENT)
        return "" if expanded[:inner].strip() else expanded[inner:]


def _columns(text: str) -> int:
    return len(text.expandtabs(CODE_INDENT))


def _end_of_no_prose(body: str, following: str) -> re.Pattern[str] | None:
    """What ends that which begins with this line and is no prose; None where nothing does."""
    if fence := _FENCE.match(body):
        mark = fence[0]
        return re.compile(rf"\s*{re.escape(mark[0])}{{{len(mark)},}}\s*$")
    if "|" in body and "|" in following and _DELIMITERS.match(following):
        return _BLANK
    if html := _HTML.match(body):
        if html[1] or html[2]:
            return re.compile(r".*-->" if html[1] else r".*\?>")
        return re.compile(rf"(?i).*</{html[3]}\s*>" if html[3] else r".*>|\s*$")
    return None


def _paragraphs(split: Iterator[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    """The lines of each paragraph together, every other line alone."""
    paragraph: list[tuple[str, str, str]] = []
    for marks, prose, rest in split:
        if paragraph and not (prose and not marks.strip(" \t>")):
            yield paragraph
            paragraph = []
        if prose:
            paragraph.append((marks, prose, rest))
        else:
            yield [(marks, prose, rest)]
    if paragraph:
        yield paragraph


def _joined(paragraph: list[tuple[str, str, str]], keeper: Keeper) -> list[str]:
    """What stays and prose in turn; lines are one prose part where a span goes on over the end of one."""
    if not paragraph[0][1]:
        return [paragraph[0][0]]
    parts = [paragraph[0][0]]
    for (_, prose, rest), (marks, _, _) in pairwise([*paragraph, ("", "", "")]):
        parts += [prose, rest + marks]
    spans = keeper.spans("".join(parts[1:-1]))
    begins = [span.begin for span in spans]
    joined, place = parts[:2], len(parts[1])
    for gap, prose in zip(parts[2:-1:2], parts[3::2], strict=True):
        before = bisect_left(begins, place) - 1
        if before >= 0 and place < spans[before].end:
            joined[-1] += gap + prose
        else:
            joined += [gap, prose]
        place += len(gap) + len(prose)
    return [*joined, parts[-1]]
