"""Numbers, hours, prices and telephone numbers in English, for callers who ask for it."""

from __future__ import annotations

import re

from num2words import num2words  # type: ignore[import-untyped]

from ivr.speech import spoken_words
from ivr.speech.spoken_numbers import LONGEST
from ivr.speech.spoken_rules import Rule, rule

_WORDS = {
    "&": " and ", "+": " plus ", "%": " percent ", "€": " euros ", "=": " equals ", "@": " at ",
    "°": " degrees ", "/": " or ",
}  # fmt: skip


def _cardinal(digits: str) -> str:
    plain = re.sub(r"\D", "", digits)
    if len(plain) > LONGEST or (len(plain) > 1 and plain.startswith("0")):
        return _digits(plain)
    return str(num2words(int(plain), lang="en"))


def _digits(digits: str) -> str:
    return " ".join(str(num2words(int(digit), lang="en")) for digit in digits)


@rule(r"(?<![\d+])(?:(?:\+|00)\s?33[ .-]?(?:\(0\)[ .-]?)?|0)[1-9](?:[ .\-/]{0,2}\d{2}){4}(?!\d)")
def _phone(match: re.Match[str]) -> str:
    digits = "0" + re.sub(r"\D", "", match[0])[-9:]
    return ", ".join(_digits(digits[at : at + 2]) for at in range(0, 10, 2))


@rule(r"(?<![\d:])([01]?\d|2[0-3])(?::|\s?[hH]\s?)([0-5]\d)(?![\d:])(?:\s?([ap])\.?m\.?(?!\w))?")
def _clock(match: re.Match[str]) -> str:
    hours, minutes = int(match[1]), int(match[2])
    half = f" {match[3]} m" if match[3] else ""
    if not minutes:
        return _cardinal(match[1].lstrip("0") or "0") + (half or " o'clock")
    said = f"oh {_cardinal(str(minutes))}" if minutes < 10 else _cardinal(str(minutes))
    return f"{_cardinal(str(hours))} {said}{half}"


@rule(r"(?<![\d:])(1[0-2]|0?[1-9])\s?([ap])\.?m\.?(?!\w)", re.IGNORECASE)
def _hour(match: re.Match[str]) -> str:
    return f"{_cardinal(match[1].lstrip('0'))} {match[2].lower()} m"


@rule(r"(?:€\s?(\d[\d,]*(?:\.\d+)?))|(?:(\d[\d,]*(?:\.\d+)?)\s?(?:€|euros?\b))")
def _price(match: re.Match[str]) -> str:
    whole, _, cents = (match[1] or match[2]).replace(",", "").partition(".")
    unit = "euro" if whole == "1" else "euros"
    amount = int(cents.ljust(2, "0")[:2]) if cents else 0
    return f"{_cardinal(whole)} {unit}" + (f" {_cardinal(str(amount))}" if amount else "")


@rule(r"(?<![\w.])(\d{1,4})(?:st|nd|rd|th)\b")
def _rank(match: re.Match[str]) -> str:
    return str(num2words(int(match[1]), lang="en", to="ordinal"))


@rule(r"(?<![\d.,/])((?:19|20)\d\d)(?![\d,.]\d|\d|\s?%)")
def _year(match: re.Match[str]) -> str:
    return str(num2words(int(match[1]), lang="en", to="year"))


@rule(r"(?<=\d)\s?[-–]\s?(?=\d)")
def _span(match: re.Match[str]) -> str:
    return " to "


@rule(r"(\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.(\d+))?")
def _number(match: re.Match[str]) -> str:
    said = f" {_cardinal(match[1])} "
    return f"{said}point {_digits(match[2])} " if match[2] else said


@rule("[" + re.escape("".join(_WORDS)) + "]")
def _sign(match: re.Match[str]) -> str:
    return _WORDS[match[0]]


@rule(r"[^\w\s,.;:!?…'-]|_")
def _unsayable(match: re.Match[str]) -> str:
    return " "


RULES: tuple[Rule, ...] = (
    _phone, _clock, _hour, _price, _rank, _year, _span, _number, _sign, _unsayable,
)  # fmt: skip
"""In the order in which they apply."""


def tidy(text: str) -> str:
    """Single spaces; no space before a sign."""
    return re.sub(r"\s+([,.;:!?…])", r"\1", spoken_words.tidy(text))
