r"""Regular expression patterns -> expressions: the regular subset of the dialect that JSON Schema and Python share.

Supports alternatives, groups, classes, `.`, `* + ? {m,n}`, `^ $` at the ends, and look-ahead that is not repeated.
Promises that Python's `re` accepts every generated text under the same pattern: `\d`, `\w` and `\s` generate ASCII
only, and `\D`, `\W` and `\S` no character that Unicode counts as a digit, word character or space. Look-behind,
look-ahead in a repeated group or in look-ahead, back-references, `\b`, `\p` and flags are not regular, not shared or
not supported; each is refused with an error that names it.
"""

from dataclasses import dataclass

from dgemma.decode.constrain import characters
from dgemma.decode.constrain.characters import Alphabet, complement, union
from dgemma.decode.constrain.expressions import EMPTY, UNBOUNDED, CharacterRanges, Expressions, Term
from dgemma.errors import UsageError

MAX_PATTERN = 4096
"""Maximum characters of a pattern in a request, on its own or within a schema."""
MAX_REPEAT = 10_000
TIGHT_MAX_REPEAT = 32
"""The limit on counts when a pattern that takes too many states is compiled again: nested or overlapping counts take as
many states as their product."""
MAX_DEPTH = 100
CONTROL_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
REFUSED_ESCAPES = {"b": "a word boundary", "B": "a word boundary", "p": "a Unicode property", "P": "a Unicode property"}


def compile_pattern(
    expressions: Expressions,
    pattern: str,
    alphabet: Alphabet,
    *,
    anywhere: bool,
    outer: bool = False,
    max_repeat: int = MAX_REPEAT,
) -> Term:
    """The texts that match the pattern as a whole, or with `anywhere` those that contain a match, as by `re.search`.

    These are texts that certainly match; with `outer` all those that may match. Where fewer texts are as good, nothing
    repeats more than `max_repeat` times unless the pattern demands it. Raises UsageError with the place for a pattern
    that is malformed or not supported.
    """
    reader = _Reader(expressions, pattern, alphabet, anywhere=anywhere, outer=outer, max_repeat=max_repeat)
    term = reader.alternatives(0)
    if reader.at < len(pattern):
        raise reader.error("there is an unmatched )")
    return term


@dataclass(frozen=True, kw_only=True)
class _Class:
    """A character class: `inner` is certainly in it; `outer` adds what Unicode or Python may count as in it."""

    inner: CharacterRanges
    outer: CharacterRanges

    def inverted(self) -> "_Class":
        return _Class(inner=complement(self.outer), outer=complement(self.inner))


def _exactly(ranges: CharacterRanges) -> _Class:
    return _Class(inner=ranges, outer=ranges)


def _one(character: str) -> CharacterRanges:
    return ((ord(character), ord(character)),)


def _is_word_character(character: str) -> bool:
    return character.isalnum() or character == "_"


class _Reader:
    """A recursive descent parser of the pattern; `at` is the index of the next character."""

    def __init__(
        self,
        expressions: Expressions,
        pattern: str,
        alphabet: Alphabet,
        *,
        anywhere: bool,
        outer: bool,
        max_repeat: int,
    ) -> None:
        self._expressions, self._pattern, self._alphabet, self._anywhere = expressions, pattern, alphabet, anywhere
        self._outer, self._max_repeat = outer, max_repeat
        self._looks_ahead = _groups_with_look_ahead(pattern)
        self.at = 0

    def error(self, problem: str, at: int | None = None) -> UsageError:
        """The error to raise; `at` is the index of what is refused, by default the next character."""
        place = (self.at if at is None else at) + 1
        return UsageError(f"The pattern {self._pattern!r} cannot be used: {problem} at character {place}.")

    def alternatives(self, depth: int, following: Term | None = None) -> Term:
        """The alternatives of a group, or of the pattern at depth 0; `following` is the rest of the text, if known."""
        if depth > MAX_DEPTH:
            raise self.error(f"groups are nested deeper than {MAX_DEPTH}")
        options = [self._alternative(depth, following)]
        while self._take("|"):
            options.append(self._alternative(depth, following))
        return self._expressions.choice(*options)

    def _alternative(self, depth: int, following: Term | None) -> Term:
        begins = depth == 0 and (self._take("^") or self._take("\\A"))
        term = self._sequence(depth, following)
        if self._anywhere and depth == 0 and not begins:
            term = self._expressions.sequence(self._any_text(), term)
        return term

    def _sequence(self, depth: int, following: Term | None = None, *, anything_follows: bool = False) -> Term:
        """The rest of an alternative. `anything_follows`: it is one of a look-ahead, and other text may follow it."""
        reaches_end = depth == 0 or following is not None
        open_end = anything_follows or (depth == 0 and self._anywhere)
        parts: list[Term] = []
        while self.at < len(self._pattern) and self._peek() not in "|)":
            if (depth == 0 or anything_follows) and (self._take("$") or self._take("\\Z")):
                open_end = False
                if self.at < len(self._pattern) and self._peek() not in ("|)" if anything_follows else "|"):
                    raise self.error("$ is supported at the end only, and something follows it")
                if self._outer:
                    # In Python `$` also matches before a line feed at the end.
                    parts.append(self._expressions.optional(self._write(_exactly(_one("\n")))))
                break
            if reaches_end and (self._take("(?=") or self._take("(?!")):
                condition = self._look_ahead(negative=self._pattern[self.at - 1] == "!")
                parts.append(self._expressions.intersection(condition, self._sequence(depth, following)))
                return self._expressions.sequence(*parts)
            if reaches_end and self.at in self._looks_ahead:
                return self._expressions.sequence(*parts, self._group_and_rest(depth, following))
            parts.append(self._quantified(depth))
        if open_end:
            parts.append(self._any_text())
        return self._expressions.sequence(*parts, EMPTY if following is None else following)

    def _group_and_rest(self, depth: int, following: Term | None) -> Term:
        """A group with look-ahead in it, which sees the rest of the text as well: that is read first."""
        begin, self.at = self.at, self._looks_ahead[self.at]
        bounds = self._quantifier()
        if bounds not in (None, (0, 1)):
            raise self.error("repeated look-ahead is not supported", begin)
        if bounds is not None:
            self._take("?")
        rest = self._sequence(depth, following)
        end, self.at = self.at, begin + 1
        self._open_group()
        term = self.alternatives(depth + 1, rest)
        self.at = end
        return term if bounds is None else self._expressions.choice(term, rest)

    def _look_ahead(self, *, negative: bool) -> Term:
        """What may follow a place: the rest of the text, up to its end."""
        self._outer ^= negative
        options = [self._sequence(1, anything_follows=True)]
        while self._take("|"):
            options.append(self._sequence(1, anything_follows=True))
        self._outer ^= negative
        if not self._take(")"):
            raise self.error("a group is not closed")
        matching = self._expressions.choice(*options)
        return self._expressions.complement(matching) if negative else matching

    def _any_text(self) -> Term:
        return self._expressions.repeat(self._write(_exactly(characters.EVERY)))

    def _quantified(self, depth: int) -> Term:
        term = self._atom(depth)
        bounds = self._quantifier()
        if bounds is None:
            return term
        self._take("?")  # lazy or greedy, the texts are the same
        if self.at < len(self._pattern) and (self._peek() in "*+?" or self._bounds() is not None):
            raise self.error("a quantifier follows a quantifier")
        least, most = bounds
        if least > most:
            raise self.error(f"{{{least},{most}}} has a minimum above its maximum")
        if max(least, 0 if most == UNBOUNDED else most) > MAX_REPEAT:
            raise self.error(f"something repeats more than {MAX_REPEAT} times")
        if most != UNBOUNDED and not self._outer:
            most = min(most, max(least, self._max_repeat))
        return self._expressions.repeat(term, least, most)

    def _quantifier(self) -> tuple[int, int] | None:
        for mark, bounds in (("*", (0, UNBOUNDED)), ("+", (1, UNBOUNDED)), ("?", (0, 1))):
            if self._take(mark):
                return bounds
        found = self._bounds()
        if found is None:
            return None
        self.at = found[2]
        return found[:2]

    def _bounds(self) -> tuple[int, int, int] | None:
        """(m, n, end index) of a `{m}`, `{m,}`, `{,n}` or `{m,n}` at the current place; None for a literal brace."""
        if not self._pattern.startswith("{", self.at):
            return None
        end = self._pattern.find("}", self.at)
        body = self._pattern[self.at + 1 : end] if end > 0 else ""
        if body == ",":
            return 0, UNBOUNDED, end + 1
        least, comma, most = body.partition(",")
        digits = least + most
        if not digits or not digits.isascii() or not digits.isdigit() or len(digits) > 12:
            return None
        upper = (int(most) if most else UNBOUNDED) if comma else int(least)
        return int(least or 0), upper, end + 1

    def _atom(self, depth: int) -> Term:
        if self._take("("):
            return self._group(depth)
        if self._take("["):
            return self._write(self._class())
        if self._take("."):
            return self._write(_exactly(complement(_one("\n"))))
        if self._peek() in "*+?" or self._bounds() is not None:
            raise self.error("there is nothing to repeat")
        if self._peek() in "^$":
            raise self.error(f"{self._peek()} is supported at the ends of the whole pattern only")
        if self._take("\\"):
            return self._write(self._escape())
        return self._write(_exactly(_one(self._next())))

    def _group(self, depth: int) -> Term:
        self._open_group()
        term = self.alternatives(depth + 1)
        if not self._take(")"):
            raise self.error("a group is not closed")
        return term

    def _open_group(self) -> None:
        begin = self.at - 1
        if self._take("?"):
            if self._take("P<") or (self._take("<") and self._peek() not in "=!"):
                end = self._pattern.find(">", self.at)
                if end < 0:
                    raise self.error("a group's name is not closed")
                self.at = end + 1
            elif not self._take(":"):
                raise self.error(
                    "look-behind, nested or repeated look-ahead, flags and conditions are not supported", begin
                )

    def _class(self) -> _Class:
        inverted = self._take("^")
        members: list[_Class] = []
        while not self._take("]"):
            if self.at >= len(self._pattern):
                raise self.error("a class is not closed")
            members.append(self._member())
        if not members:
            raise self.error("a class is empty; escape a ] that is meant literally")
        found = _Class(inner=union(*(m.inner for m in members)), outer=union(*(m.outer for m in members)))
        return found.inverted() if inverted else found

    def _member(self) -> _Class:
        first = self._escape(in_class=True) if self._take("\\") else _exactly(_one(self._next()))
        follows = self._pattern[self.at + 1 : self.at + 2]
        if self._peek() != "-" or follows in ("]", ""):
            return first
        self._take("-")
        last = self._escape(in_class=True) if self._take("\\") else _exactly(_one(self._next()))
        (low, low_end), (high, high_end) = (item.inner[0] if item.inner else (0, -1) for item in (first, last))
        if low != low_end or high != high_end or len(first.inner) + len(last.inner) > 2 or high < low:
            raise self.error("a range needs one character on each side, the lower one first")
        return _exactly(((low, high),))

    def _escape(self, *, in_class: bool = False) -> _Class:
        if self.at >= len(self._pattern):
            raise self.error("a single \\ ends the pattern")
        begin = self.at - 1
        mark = self._next()
        if mark in "dws":
            return _shorthand(mark)
        if mark in "DWS":
            return _shorthand(mark.lower()).inverted()
        if mark == "0" and self._peek() in tuple("01234567"):
            raise self.error("octal escapes are not supported; write \\x and two digits", begin)
        if mark in CONTROL_ESCAPES:
            return _exactly(_one(CONTROL_ESCAPES[mark]))
        if mark in "xu":
            return _exactly(_one(self._hexadecimal({"x": 2, "u": 4}[mark])))
        if in_class and mark == "b":
            return _exactly(_one("\b"))
        if mark in REFUSED_ESCAPES:
            raise self.error(f"\\{mark}, {REFUSED_ESCAPES[mark]}, is not supported", begin)
        if mark.isascii() and mark.isalnum():
            problem = "back-references are not supported" if mark.isdigit() else f"\\{mark} has no meaning"
            raise self.error(problem, begin)
        return _exactly(_one(mark))

    def _hexadecimal(self, count: int) -> str:
        digits = self._pattern[self.at : self.at + count]
        if len(digits) < count or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise self.error(f"{count} hexadecimal digits are missing")
        self.at += count
        return chr(int(digits, 16))

    def _write(self, found: _Class) -> Term:
        ranges = found.outer if self._outer else found.inner
        return self._alphabet(self._expressions, ranges) if ranges else self._expressions.byte([])

    def _peek(self) -> str:
        return self._pattern[self.at : self.at + 1]

    def _next(self) -> str:
        if self.at >= len(self._pattern):
            raise self.error("the pattern ends too early")
        self.at += 1
        return self._pattern[self.at - 1]

    def _take(self, expected: str) -> bool:
        if not self._pattern.startswith(expected, self.at):
            return False
        self.at += len(expected)
        return True


def _groups_with_look_ahead(pattern: str) -> dict[int, int]:
    """The places of groups that have look-ahead in them -> the places after their ends."""
    found: dict[int, int] = {}
    open_groups: list[int] = []
    looking: set[int] = set()
    at, in_class = 0, False
    while at < len(pattern):
        mark = pattern[at]
        if mark == "\\":
            at += 1
        elif in_class:
            in_class = mark != "]"
        elif mark == "[":
            in_class = True
        elif mark == "(":
            if pattern.startswith(("(?=", "(?!"), at):
                looking.update(open_groups)
            open_groups.append(at)
        elif mark == ")" and open_groups and (begin := open_groups.pop()) in looking:
            found[begin] = at + 1
        at += 1
    return found


def _shorthand(mark: str) -> _Class:
    if mark == "d":
        return _Class(inner=((0x30, 0x39),), outer=characters.characters_where(str.isdecimal))
    if mark == "s":
        return _Class(inner=((0x09, 0x0D), (0x20, 0x20)), outer=characters.characters_where(str.isspace))
    word = union(((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)))
    return _Class(inner=word, outer=characters.characters_where(_is_word_character))
