"""Splits a Markdown or plain text into prose and fixed parts, which must not be rewritten.

Promises: joining the parts gives the text. A prose part holds no line end, no indentation and no list or quote marker,
unless a code span, a link or a tag continues over a line end. Headings, code, tables, HTML, front matter, link
definitions, lines of programs, and LaTeX environments of formulas, code and tables are fixed as a whole. A line in
doubt is fixed. Does not know models.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

from dgemma.cli.spans import Keeper

CODE_INDENT = 4
_QUOTE = re.compile(r"(?:[ \t]{0,3}>[ \t]?)*")
_MARKER = re.compile(
    r"[ \t]*(?:>|([-+*\u2022\u25e6\u2023\u25aa\u2013\u2014]|\d{1,9}[.)]|\[\^[^\]\s]+\]:|\\item\b(?:\[[^\]]*\])?)"
    r"(?=\s|$)|\[[ xX]\](?=\s))[ \t]*"
)
_FENCE = re.compile(r"(`{3,})(?!.*`)|(~{3,})")
_HTML = re.compile(r"<(?:(!--)|(\?)|(script|pre|style|textarea)\b|[A-Za-z/!](?![\w.+-]*:|[^<>\s]*@))", re.IGNORECASE)
_FIXED_LINE = re.compile(r"#{1,6}(\s|$)|\||\[(?!\^)[^\]]+\]:\s*\S+(\s+(\"[^\"]*\"|'[^']*'|\([^)]*\)))?\s*$")
_UNDERLINE = re.compile(r"[ \t]{0,3}(=+|---+)\s*$")
_DELIMITERS = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\r?\n(?=[^\n]*\S)(?:[^\n]*\n)*?(?:\1|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_BLANK = re.compile(r"[\s>]*$")
_LETTER = re.compile(r"[^\W_]")
_ENVIRONMENT = re.compile(
    r"\\begin\{((?:equation|align|alignat|gather|multline|flalign|eqnarray|math|displaymath|array|[bpvBV]?matrix|cases|"
    r"tabular[xy]?|longtable|verbatim|lstlisting|minted|alltt|tikzpicture|algorithm|algorithmic|thebibliography|filecontents)"
    r"\*?)\}"
)
# Lines of programs, in many languages: they end like statements, begin like declarations, or assign. Longer lines are
# prose.
_CODE_LINE_CHARACTERS = 240
_CODE_LINE = re.compile(
    r"(?:\#include|@\w+|(?:import|from|def|class|struct|enum|func|fn|function|const|let|var|public|private|static|package)"
    r"\s+[\w.<\"'{*]+(?:\s*[(:{;=,<]|\s+import\s|\s*$)).*$"
    r"|.*[)}\]\"'];\s*$|.*[{}]\s*$|.*\w\(.*\)\s*(?:->.*)?:\s*$|[\w.\[\]]+\s*[-+*/|&:]?=\s*\S.*$|[\]\[{}\"'].*[\]\[{},:]\s*$|return\b.*[()\[\]\"'].*$"
)


def lines(text: str) -> list[str]:
    """The lines of a text with their ends. Only a line feed ends a line, as in other tools."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def runs(text: str, keeper: Keeper) -> list[list[str]]:
    """The text as runs of consecutive lines. A run alternates fixed and prose parts. It begins and ends with a fixed
    one, which may be empty: `["- ", "One.", "\\n- ", "Two.", "\\n"]`. Lines without prose form a run of one part."""
    found: list[list[str]] = []
    front = _FRONT_MATTER.match(text)
    if front:
        found.append([front[0]])
    scanner = _Scanner()
    for paragraph in _paragraphs(scanner.split(lines(text[front.end() if front else 0 :]))):
        parts = _paragraph_parts(paragraph, keeper)
        is_fixed = len(parts) == 1
        if found and ((is_fixed and _BLANK.match(parts[0])) or is_fixed == (len(found[-1]) == 1)):
            found[-1][-1:] = [found[-1][-1] + parts[0], *parts[1:]]
        else:
            found.append(parts)
    return found


class _Scanner:
    """Reads a text line by line and keeps track of open blocks: fixed blocks, quotes, list items, a paragraph."""

    def __init__(self) -> None:
        self._block_end: re.Pattern[str] | None = None
        self._block_quotes = 0
        self._item_columns: list[int] = []
        self._in_paragraph = False

    def split(self, all_lines: list[str]) -> Iterator[tuple[str, str, str]]:
        """Yields (prefix, prose, rest) for each line. A line without prose is all prefix."""
        for line, following in pairwise([*all_lines, ""]):
            prefix = self._prefix_length(line, following)
            prose = line[prefix:].rstrip()
            self._in_paragraph = bool(_LETTER.search(prose))
            yield (line[:prefix], prose, line[prefix + len(prose) :]) if self._in_paragraph else (line, "", "")

    def _prefix_length(self, line: str, following: str) -> int:
        """The number of characters before the prose: indentation and markers, or the whole line if it has no prose."""
        if self._block_end:
            # A block within a quote ends with the quote.
            inside = re.match(rf"(?:[ \t]*>[ \t]?){{{self._block_quotes}}}", line)
            if not inside or self._block_end.match(line, inside.end()):
                self._block_end = None
            if inside:
                return len(line)
        if not line.strip():
            return len(line)
        quote = _QUOTE.match(line)
        begin = quote.end() if quote else 0
        length = self._markers_length(line[begin:])
        if length is None:
            return len(line)
        prefix = begin + length
        body, next_line = line[prefix:], self._within_item(following[begin:])
        if end := _fixed_block_end(body, next_line):
            self._block_end = None if end.match(body, 1) else end
            self._block_quotes = line[:prefix].count(">")
            return len(line)
        is_code = len(body) <= _CODE_LINE_CHARACTERS and _CODE_LINE.match(body)
        return len(line) if is_code or _FIXED_LINE.match(body) or _UNDERLINE.match(next_line) else prefix

    def _markers_length(self, rest: str) -> int | None:
        """The length of indentation and markers; None for indented code. Updates the open list items."""
        indent = len(rest) - len(rest.lstrip())
        marker = _MARKER.match(rest)
        column = _columns(rest[:indent])
        if marker or not self._in_paragraph:
            while self._item_columns and column < self._item_columns[-1]:
                self._item_columns.pop()
        if not self._in_paragraph and column - self._item_column() >= CODE_INDENT:
            return None
        length = indent
        while marker:
            length = marker.end()
            if marker[1]:
                least, column = _columns(rest[: marker.end(1)]) + 1, _columns(rest[:length])
                self._item_columns.append(column if column < least + CODE_INDENT else least)
            marker = _MARKER.match(rest, length)
        return length

    def _within_item(self, line: str) -> str:
        """The line without the indentation of the innermost list item; empty if the item has ended before it."""
        column = self._item_column()
        expanded = line.expandtabs(CODE_INDENT)
        return "" if expanded[:column].strip() else expanded[column:]

    def _item_column(self) -> int:
        """The column at which the text of the innermost open list item starts."""
        return self._item_columns[-1] if self._item_columns else 0


def _columns(text: str) -> int:
    return len(text.expandtabs(CODE_INDENT))


def _fixed_block_end(body: str, following: str) -> re.Pattern[str] | None:
    """The pattern of the last line of the fixed block (code, table, HTML) that `body` opens; None if it opens none."""
    if fence := _FENCE.match(body):
        mark = fence[0]
        return re.compile(rf"\s*{re.escape(mark[0])}{{{len(mark)},}}\s*$")
    if "|" in body and "|" in following and _DELIMITERS.match(following):
        return _BLANK
    if environment := _ENVIRONMENT.match(body):
        return re.compile(rf".*\\end\{{{re.escape(environment[1])}\}}")
    if html := _HTML.match(body):
        if html[1] or html[2]:
            return re.compile(r".*-->" if html[1] else r".*\?>")
        return re.compile(rf"(?i).*</{html[3]}\s*>" if html[3] else r".*>|\s*$")
    return None


def _paragraphs(split: Iterator[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    """Groups the lines of each paragraph; yields every other line alone."""
    paragraph: list[tuple[str, str, str]] = []
    for prefix, prose, rest in split:
        if paragraph and not (prose and not prefix.strip(" \t>")):
            yield paragraph
            paragraph = []
        if prose:
            paragraph.append((prefix, prose, rest))
        else:
            yield [(prefix, prose, rest)]
    if paragraph:
        yield paragraph


def _paragraph_parts(paragraph: list[tuple[str, str, str]], keeper: Keeper) -> list[str]:
    """Fixed and prose parts in turn. Two lines are one prose part if a protected span continues over the line end."""
    if not paragraph[0][1]:
        return [paragraph[0][0]]
    parts = [paragraph[0][0]]
    for (_, prose, rest), (next_prefix, _, _) in pairwise([*paragraph, ("", "", "")]):
        parts += [prose, rest + next_prefix]
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
