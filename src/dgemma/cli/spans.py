"""Protected spans: the parts of prose that a rewrite must preserve byte for byte. These are addresses, code, link
targets, tags, emphasis markers, LaTeX commands and formulas, control characters, and any characters that the caller
names.

Promises: a text that `Keeper.keeps` accepts has all protected spans of the old one in order, the same line ends and no
new U+FFFD. `Keeper.masked` replaces the spans by short words, which a model copies more reliably. Does not know models.
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
    | ~?\\[A-Za-z@]+\*?(?:\[[^\[\]]*\]|\{{[^{{}}]*\}})* | \\\(.{{0,500}}?\\\) | \\\[.{{0,500}}?\\\]
    | \$\$.{{1,500}}?\$\$ | (?<![\\$])\$(?=[^\s$])[^$\n]*(?<=[^\s\\])\$(?!\d)
    | [\x00-\x08\x0e-\x1f\x7f]
    | (?<![\s\\])(?:\*{{1,3}}|~~) | (?:\*{{1,3}}|~~)(?=\S)
    | (?<!\w)_{{1,3}}(?=\S) | (?<=\S)_{{1,3}}(?!\w)
"""
_LABEL = re.compile(r"(?m)^[ >]*\[([^\[\]]+ [^\[\]]+)\]:")
_LETTER = re.compile(r"[^\W_]")
# Only scripts that put spaces between words: in others, what looks like one word can be a whole sentence.
_WORD_CHARACTER = re.compile(r"[^\W\u2e80-\U0010ffff]")
_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Typographic characters and what a model may write for them.
_PLAIN_FORMS = {
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
}


class Span(NamedTuple):
    """A protected range of a text. `kept` is what must be preserved: all of it, or of a link all but its words.
    `has_prose` says whether those words can be rewritten."""

    begin: int
    end: int
    kept: tuple[str, ...]
    has_prose: bool = False


@dataclass(frozen=True, kw_only=True)
class Masked:
    """A text with stand-ins for its protected spans: `originals` are to replace the matches of `pattern`, in order."""

    text: str
    pattern: re.Pattern[str]
    originals: list[str]

    def restore(self, rewritten: str) -> str | None:
        """Puts the originals back. None if a stand-in is missing, added or out of order."""
        if self.pattern.findall(rewritten) != self.pattern.findall(self.text):
            return None
        originals = iter(self.originals)
        return self.pattern.sub(lambda _: next(originals), rewritten)


class Keeper:
    """Finds the protected spans of one text and checks that rewrites preserve them."""

    def __init__(self, text: str = "", characters: Collection[str] = ()) -> None:
        """text: the whole text, whose link definitions are needed. characters: further ones that must be preserved."""
        labels = [rf"\[(?i:{'|'.join(map(re.escape, found))})\]" for found in [_LABEL.findall(text)] if found]
        letters = [f"[{''.join(map(re.escape, sorted(characters)))}]"] if characters else []
        self._pattern = re.compile(" | ".join([_INLINE, *labels, *letters]), re.VERBOSE | re.DOTALL)
        self._characters = frozenset(characters)

    def spans(self, text: str) -> list[Span]:
        """The protected spans of a piece of the text, in order and without overlaps."""
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
            # Protect the whole word: without one of its letters, the model would "correct" the rest to another word.
            if match[0] in self._characters and unicodedata.category(match[0])[0] in "LMN":
                begin, end = _whole_words(text, begin, end, found[-1].end if found else 0)
            found.append(Span(begin, end, (text[begin:end],)))
        return found

    def has_prose(self, text: str) -> bool:
        """Whether there are any letters to rewrite."""
        spans = self.spans(text)
        return any(span.has_prose for span in spans) or _has_letters_outside(text, spans)

    def keeps(self, old: str, new: str) -> bool:
        """Whether `new` has all protected parts of `old` in order, among its own protected parts, as well as the same
        line ends and no more U+FFFD."""
        new_parts = iter([part for span in self.spans(new) for part in span.kept])
        return (
            # `in` consumes the iterator, so the parts must be in order.
            all(part in new_parts for span in self.spans(old) for part in span.kept)
            and _LINE_END.findall(old) == _LINE_END.findall(new)
            and new.count(REPLACEMENT_CHARACTER) <= old.count(REPLACEMENT_CHARACTER)
        )

    def masked(self, text: str) -> Masked | None:
        """The text with stand-ins: `X1`, `X2` .. for each span and the word that it is part of, and plain quotes and
        dashes for typographic ones. None if the text has no spans, or no letters outside them."""
        spans = _widen_to_words(text, self.spans(text))
        if not spans or not _has_letters_outside(text, spans):
            return None
        names = iter([name for n in range(1, 2 * len(spans) + text.count("X") + 1) if (name := f"X{n}") not in text])
        pieces, length, place = [], 0, 0
        original_at: dict[int, str] = {}
        stand_ins = set()
        for span in spans:
            original = text[span.begin : span.end]
            stand_in = _PLAIN_FORMS.get(original) or next(names)
            stand_ins.add(stand_in)
            before = text[place : span.begin]
            original_at[length + len(before)] = original
            pieces += [before, stand_in]
            length, place = length + len(before) + len(stand_in), span.end
        masked = "".join([*pieces, text[place:]])
        pattern = re.compile(
            "|".join(rf"\b{form}\b" if form.isalnum() else re.escape(form) for form in sorted(stand_ins))
        )
        # A plain quote or dash that was in the text already is its own original.
        originals = [original_at.get(match.start(), match[0]) for match in pattern.finditer(masked)]
        return Masked(text=masked, pattern=pattern, originals=originals)


def _has_letters_outside(text: str, spans: list[Span]) -> bool:
    begins, ends = [0, *(span.end for span in spans)], [*(span.begin for span in spans), len(text)]
    return any(_LETTER.search(text, begin, end) for begin, end in zip(begins, ends, strict=True))


def _whole_words(text: str, begin: int, end: int, least: int = 0) -> tuple[int, int]:
    """The range widened to whole words, but not to before `least`."""
    while begin > least and _WORD_CHARACTER.match(text, begin - 1):
        begin -= 1
    while end < len(text) and _WORD_CHARACTER.match(text, end):
        end += 1
    return begin, end


def _widen_to_words(text: str, spans: list[Span]) -> list[Span]:
    """The spans widened to whole words, with touching ones merged. Typographic characters are left as they are."""
    found: list[Span] = []
    for span in spans:
        begin, end = span.begin, span.end
        if text[begin:end] not in _PLAIN_FORMS:
            begin, end = _whole_words(text, begin, end)
            while found and found[-1].end >= begin and text[found[-1].begin : found[-1].end] not in _PLAIN_FORMS:
                begin = min(found.pop().begin, begin)
        found.append(Span(begin, end, ()))
    return found
