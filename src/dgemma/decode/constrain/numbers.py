"""JSON numbers within bounds, as expressions over their digits.

Numbers are written without exponents, leading zeros or "-0". They have at most 6 digits after the decimal point and 15
before it, which every JSON reader keeps exactly; integers have up to 18 if their bounds have more than 15. Knows
nothing of schemas.
"""

import json
import math
from dataclasses import dataclass
from decimal import Decimal

from dgemma.decode.constrain.expressions import EMPTY, NOTHING, Expressions, Term

MAX_INTEGER_DIGITS = 15
MAX_BOUNDED_DIGITS = 18
MAX_FRACTION_DIGITS = 6
MAX_STRICT_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One end of a range; a `strict` bound is exclusive."""

    value: Decimal
    strict: bool = False

    def mirrored(self) -> "Bound":
        return Bound(value=-self.value, strict=self.strict)


def number(expressions: Expressions, lower: Bound | None, upper: Bound | None, *, integer: bool) -> Term:
    """The numbers between the bounds (None: no bound); NOTHING if none of them can be written."""
    most = MAX_INTEGER_DIGITS
    if integer:
        longest = max((len(_written(bound.value).whole) for bound in (lower, upper) if bound), default=0)
        most = min(max(longest, MAX_INTEGER_DIGITS), MAX_BOUNDED_DIGITS)
    digits = _Digits(expressions, integer, most)
    zero = Bound(value=Decimal(0))
    positive = digits.magnitude(lower if lower and lower.value >= 0 else zero, upper)
    # A minus sign only precedes a magnitude above zero, so that there is no "-0".
    above_zero = Bound(value=Decimal(0), strict=True)
    least = upper.mirrored() if upper and upper.value < 0 else above_zero
    negative = digits.magnitude(least, lower.mirrored() if lower else None)
    return expressions.choice(positive, expressions.sequence(expressions.literal(b"-"), negative))


@dataclass(frozen=True, kw_only=True)
class _Decimal:
    """The digits of a non-negative bound."""

    whole: str
    fraction: str


class _Digits:
    """Magnitudes as digits before and after the decimal point."""

    def __init__(self, expressions: Expressions, integer: bool, most: int) -> None:
        self._expressions, self._most = expressions, most
        self._fraction_digits = 0 if integer else MAX_FRACTION_DIGITS

    def magnitude(self, lower: Bound, upper: Bound | None) -> Term:
        """The non-negative numbers from `lower` to `upper`."""
        if upper is not None and upper.value < 0:
            return NOTHING
        conditions = [self._bounded_by(lower, above=True)]
        if upper is not None:
            conditions.append(self._bounded_by(upper, above=False))
        return self._expressions.intersection(*conditions)

    def _bounded_by(self, bound: Bound, *, above: bool) -> Term:
        """The numbers above or below the bound, and the bound itself unless it is strict."""
        digits = _written(bound.value)
        if bound.strict and self._fraction_digits and len(digits.whole) > MAX_STRICT_DIGITS:
            # A number that is very near may be read as a float that is the bound itself.
            whole = int(digits.whole) + 1 if above else int(digits.whole) - (not digits.fraction)
            bound, digits = Bound(value=Decimal(whole)), _Decimal(whole=str(whole), fraction="")
        count = len(digits.whole)
        other_length = self._whole(count + 1, self._most) if above else self._whole(1, min(count - 1, self._most))
        any_fraction = self._any_fraction()
        return self._expressions.choice(
            self._expressions.sequence(other_length, any_fraction),
            *(self._expressions.sequence(whole, any_fraction) for whole in self._other_wholes(digits.whole, above)),
            self._same_whole(digits, bound.strict, above),
        )

    def _other_wholes(self, whole: str, above: bool) -> list[Term]:
        """Whole parts of the same length that are larger (`above`) or smaller."""
        if len(whole) > self._most:
            return []
        options = []
        for index, digit in enumerate(whole):
            low, high = (int(digit) + 1, 9) if above else (0, int(digit) - 1)
            if index == 0 and len(whole) > 1:
                low = max(low, 1)
            if low <= high:
                rest = self._any_digits(len(whole) - index - 1, len(whole) - index - 1)
                options.append(self._expressions.sequence(self._text(whole[:index]), self._digit(low, high), rest))
        return options

    def _same_whole(self, digits: _Decimal, strict: bool, above: bool) -> Term:
        if len(digits.whole) > self._most:
            return NOTHING
        fraction = (
            self._fraction_above(digits.fraction, strict) if above else self._fraction_below(digits.fraction, strict)
        )
        return self._expressions.sequence(self._text(digits.whole), fraction)

    def _fraction_above(self, fraction: str, strict: bool) -> Term:
        """Fractions with their point that are at least `fraction`, or above it if `strict`. EMPTY means .0."""
        point, options = self._text("."), []
        for index, digit in enumerate(fraction[: self._fraction_digits]):
            if digit != "9":
                options.append(self._continued(fraction[:index], int(digit) + 1, 9))
        if len(fraction) <= self._fraction_digits:
            left = self._fraction_digits - len(fraction)
            if strict:
                zeros = (fraction + "0" * count for count in range(left))
                options += [self._continued(prefix, 1, 9) for prefix in zeros]
            elif fraction:
                options.append(self._expressions.sequence(self._text(fraction), self._any_digits(0, left)))
            else:
                return self._any_fraction()
        return self._expressions.sequence(point, self._expressions.choice(*options))

    def _fraction_below(self, fraction: str, strict: bool) -> Term:
        """Fractions with their point that are at most `fraction`, or below it if `strict`. EMPTY means .0."""
        if strict and not fraction:
            return NOTHING
        if not self._fraction_digits:
            return EMPTY
        point, options = self._text("."), []
        kept = fraction[: self._fraction_digits]
        for index, digit in enumerate(kept):
            if digit != "0":
                options.append(self._continued(kept[:index], 0, int(digit) - 1))
            if index:
                # A proper prefix is smaller: the bound's digits do not end in zero.
                options.append(self._text(kept[:index]))
        if not (strict and len(fraction) <= self._fraction_digits):
            zeros = self._expressions.repeat(self._digit(0, 0), 0 if kept else 1, self._fraction_digits - len(kept))
            options.append(self._expressions.sequence(self._text(kept), zeros))
        return self._expressions.optional(self._expressions.sequence(point, self._expressions.choice(*options)))

    def _continued(self, prefix: str, low: int, high: int) -> Term:
        """Fraction digits: the prefix, one digit from `low` to `high`, then any."""
        rest = self._any_digits(0, self._fraction_digits - len(prefix) - 1)
        return self._expressions.sequence(self._text(prefix), self._digit(low, high), rest)

    def _any_fraction(self) -> Term:
        if not self._fraction_digits:
            return EMPTY
        digits = self._any_digits(1, self._fraction_digits)
        return self._expressions.optional(self._expressions.sequence(self._text("."), digits))

    def _whole(self, least: int, most: int) -> Term:
        """Whole parts of `least` to `most` digits, without leading zeros."""
        if most < least:
            return NOTHING
        first = self._expressions.sequence(self._digit(1, 9), self._any_digits(least - 1, most - 1))
        return self._expressions.choice(first, self._digit(0, 0)) if least == 1 else first

    def _any_digits(self, least: int, most: int) -> Term:
        return self._expressions.repeat(self._digit(0, 9), least, most)

    def _digit(self, low: int, high: int) -> Term:
        return self._expressions.byte([(0x30 + low, 0x30 + high)])

    def _text(self, text: str) -> Term:
        return self._expressions.literal(text.encode())


def multiples(expressions: Expressions, step: int, lower: Bound, upper: Bound, limit: int) -> Term | None:
    """The multiples of `step` between the bounds, enumerated; None if there are more than `limit`."""
    low, high = math.ceil(lower.value / step), math.floor(upper.value / step)
    low += lower.strict and low * step == lower.value
    high -= upper.strict and high * step == upper.value
    if high - low >= limit:
        return None
    values = (factor * step for factor in range(low, high + 1))
    return expressions.choice(*(expressions.literal(str(value).encode()) for value in values))


def spellings(expressions: Expressions, value: float) -> Term:
    """All texts that may be read as this value, as floats are: digits that few floats tell apart are among them."""
    bound = Bound(value=Decimal(str(value)), strict=True)
    above = number(expressions, bound, None, integer=False)
    below = number(expressions, None, bound, integer=False)
    digits = expressions.repeat(expressions.byte([(0x30, 0x39)]), 1)
    fraction = expressions.sequence(expressions.literal(b"."), digits)
    written = expressions.sequence(
        expressions.optional(expressions.literal(b"-")), digits, expressions.optional(fraction)
    )
    others = expressions.complement(expressions.choice(above, below))
    return expressions.choice(
        expressions.literal(json.dumps(value).encode()), expressions.intersection(written, others)
    )


def _written(value: Decimal) -> _Decimal:
    # `abs`: a bound may be -0.
    whole, _, fraction = format(abs(value), "f").partition(".")
    return _Decimal(whole=whole.lstrip("0") or "0", fraction=fraction.rstrip("0"))
