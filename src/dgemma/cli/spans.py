"""What within prose must survive a rewriting byte for byte: addresses, code, targets of links, tags, marks of emphasis,
and what characters one names.

Promises: what `keeps` lets through has all of these in order, and no other line ends and no U+FFFD that was not there;
`masked` shows a text with words in their place, which a model copies more surely. Does not know models.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from dgemma.tokenizer import REPLACEMENT_CHARACTER

_URL_REST = r"(?:\([^\s()<>]*\)|[^\s()<>\"`])*(?:\([^\s()<>]*\)|[^\s()<>\"`.,;:!?*_~'\]}])"
_DOMAIN = r"(?<![\w.@-])(?:[\w-]+\.)+"
_INLINE = rf"""
    (?P<code>(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))
    | (?P<open>!?\[)(?P<words>(?:[^\[\]]|\[[^\[\]]*\](?:\([^()]*\))?)*)
      (?P<close>\](?:\((?:[^()]|\([^()]*\))*\)|\[[^\[\]]*\]))
    | \[[^\[\]\s]*\] | \[[@^][^\[\]]*\] | \]\([^()\s]*\)
    | <!--.*?--> | <[A-Za-z/!?][^<>]*>
    | \b[A-Za-z][A-Za-z0-9+.-]{{0,30}}://{_URL_REST} | \b(?:mailto|tel|doi):{_URL_REST}
    | (?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+
    | \bwww\.{_URL_REST} | {_DOMAIN}[a-z]{{2,}}/{_URL_REST} | {_DOMAIN}(?:com|org|net|edu|gov|io|dev|info)\b
    | (?<![\s\\])(?:\*{{1,3}}|~~) | (?:\*{{1,3}}|~~)(?=\S)
    | (?<!\w)_{{1,3}}(?=\S) | (?<=\S)_{{1,3}}(?!\w)
"""
_LABEL = re.compile(r"(?m)^[ >]*\[([^\[\]]+ [^\[\]]+)\]:")
_LETTER = re.compile(r"[^\W_]")
# Of scripts that part words by spaces: in others what looks like one word can be a whole sentence.
_OF_A_WORD = re.compile(r"[^\W\u2e80-\U0010ffff]")
_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_LOOK_ALIKES = {
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
}


class Span(NamedTuple):
    """Where it lies, what of it must survive (of a link all but its words), and whether there is prose besides."""

    begin: int
    end: int
    kept: tuple[str, ...]
    has_prose: bool = False


@dataclass(frozen=True, kw_only=True)
class Masked:
    """A text with stand-ins. `forms` are what the pattern finds in it, and `originals` what to put there."""

    text: str
    pattern: re.Pattern[str]
    originals: list[str]

    def restore(self, rewritten: str) -> str | None:
        """The rewritten text with the originals again; None where a stand-in is gone, new or not in its order."""
        if self.pattern.findall(rewritten) != self.pattern.findall(self.text):
            return None
        originals = iter(self.originals)
        return self.pattern.sub(lambda _: next(originals), rewritten)


class Keeper:
    """Knows what must survive in the prose of one text."""

    def __init__(self, text: str = "", characters: Collection[str] = ()) -> None:
        """text: the whole of it, which may define links by name. characters: which ones of it must survive as well."""
        labels = [rf"\[(?i:{'|'.join(map(re.escape, found))})\]" for found in [_LABEL.findall(text)] if found]
        letters = [f"[{''.join(map(re.escape, sorted(characters)))}]"] if characters else []
        self._pattern = re.compile(" | ".join([_INLINE, *labels, *letters]), re.VERBOSE | re.DOTALL)
        self._characters = frozenset(characters)

    def spans(self, text: str) -> list[Span]:
        """In order; none overlaps another."""
        found: list[Span] = []
        for match in self._pattern.finditer(text):
            begin, end = match.span()
            if found and begin < found[-1].end:
                continue
            if match["open"]:
                inner = self.spans(match["words"])
                kept = (match["open"], *(part for span in inner for part in span.kept), match["close"])
                found.append(Span(begin, end, kept, self.has_prose(match["words"])))
                continue
            # A word is left whole: what is left of it without a letter would be mended into another.
            if match[0] in self._characters and unicodedata.category(match[0])[0] in "LMN":
                begin, end = _whole_words(text, begin, end, found[-1].end if found else 0)
            found.append(Span(begin, end, (text[begin:end],)))
        return found

    def has_prose(self, text: str) -> bool:
        """Whether there is anything to rewrite."""
        spans = self.spans(text)
        return any(span.has_prose for span in spans) or _has_letters_outside(text, spans)

    def keeps(self, old: str, new: str) -> bool:
        """Whether the new text has what must survive of the old one, in order, among its own such spans."""
        there = iter([part for span in self.spans(new) for part in span.kept])
        return (
            all(part in there for span in self.spans(old) for part in span.kept)
            and _LINE_END.findall(old) == _LINE_END.findall(new)
            and new.count(REPLACEMENT_CHARACTER) <= old.count(REPLACEMENT_CHARACTER)
        )

    def masked(self, text: str) -> Masked | None:
        """The text with `X1`, `X2` .. for its spans and the words that they are part of, and plain quotes and dashes
        for those of print; None where it has no spans, or nothing besides."""
        spans = _apart(text, self.spans(text))
        if not spans or not _has_letters_outside(text, spans):
            return None
        names = iter([name for n in range(1, 2 * len(spans) + text.count("X") + 1) if (name := f"X{n}") not in text])
        shown, length, place = [], 0, 0
        stand_ins: dict[int, str] = {}
        forms = set()
        for span in spans:
            original = text[span.begin : span.end]
            form = _LOOK_ALIKES.get(original) or next(names)
            forms.add(form)
            before = text[place : span.begin]
            stand_ins[length + len(before)] = original
            shown += [before, form]
            length, place = length + len(before) + len(form), span.end
        whole = "".join([*shown, text[place:]])
        pattern = re.compile("|".join(rf"\b{form}\b" if form.isalnum() else re.escape(form) for form in sorted(forms)))
        found = [stand_ins.get(match.start(), match[0]) for match in pattern.finditer(whole)]
        return Masked(text=whole, pattern=pattern, originals=found)


def _has_letters_outside(text: str, spans: list[Span]) -> bool:
    begins, ends = [0, *(span.end for span in spans)], [*(span.begin for span in spans), len(text)]
    return any(_LETTER.search(text, begin, end) for begin, end in zip(begins, ends, strict=True))


def _whole_words(text: str, begin: int, end: int, least: int = 0) -> tuple[int, int]:
    """The range with the rest of the words that it is part of, from `least` on."""
    while begin > least and _OF_A_WORD.match(text, begin - 1):
        begin -= 1
    while end < len(text) and _OF_A_WORD.match(text, end):
        end += 1
    return begin, end


def _apart(text: str, spans: list[Span]) -> list[Span]:
    """The spans with the words around them, those together that touch each other; look-alikes as they are."""
    found: list[Span] = []
    for span in spans:
        begin, end = span.begin, span.end
        if text[begin:end] not in _LOOK_ALIKES:
            begin, end = _whole_words(text, begin, end)
            while found and found[-1].end >= begin and text[found[-1].begin : found[-1].end] not in _LOOK_ALIKES:
                begin = min(found.pop().begin, begin)
        found.append(Span(begin, end, ()))
    return found
