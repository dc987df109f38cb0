"""Telephone numbers that callers say or key, checked strictly before anything dials them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

_UNITS = {
    "zéro": 0, "zero": 0, "un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5,
    "six": 6, "sept": 7, "huit": 8, "neuf": 9, "dix": 10, "onze": 11, "douze": 12, "treize": 13,
    "quatorze": 14, "quinze": 15, "seize": 16,
}  # fmt: skip
_TENS = {
    "vingt": 20, "vingts": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60,
    "septante": 70, "huitante": 80, "octante": 80, "nonante": 90,
}  # fmt: skip
_CORRECTION = re.compile(r"\b(?:non|pardon|plutôt|je me trompe|je recommence|sorry|no)\b")
FRENCH_NUMBER = 10
"""Digits of a French number as keyed."""
_CALLABLE = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER,
}


@dataclass(frozen=True)
class Refused:
    """A number that will not be called back."""

    why: str
    """``short``, ``long``, ``premium``, ``foreign``, ``ours`` or ``invalid``."""


def check(
    number: str, ours: frozenset[str] = frozenset(), allowed: frozenset[str] = frozenset()
) -> str | Refused:
    """The number in E.164, or why it is refused.

    number: digits as keyed or said in France, or with ``+33``/``0033``. ours: the town hall's own
    numbers in E.164. allowed: ``foreign`` and ``premium`` where the town calls such numbers back.
    """
    if not re.fullmatch(r"\+?[0-9]{1,20}", number):
        return Refused("invalid")
    digits = "+" + number[2:] if number.startswith("00") else number
    try:
        parsed = phonenumbers.parse(digits, "FR")
    except phonenumbers.NumberParseException:
        return Refused("short" if len(number) < 10 else "invalid")
    if parsed.country_code != 33:
        if "foreign" not in allowed:
            return Refused("foreign")
        if not phonenumbers.is_valid_number(parsed):
            return Refused("invalid")
        return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    national = len(str(parsed.national_number))
    if national != 9:
        return Refused("short" if national < 9 else "long")
    if not phonenumbers.is_valid_number(parsed):
        return Refused("invalid")
    if phonenumbers.number_type(parsed) not in _CALLABLE and "premium" not in allowed:
        return Refused("premium")
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return Refused("ours") if e164 in ours else e164


def written(e164: str) -> str:
    """A number as people in France write it: ``06 12 34 56 78``; abroad: ``+32 470 12 34 56``."""
    number = phonenumbers.parse(e164)
    french = number.country_code == 33
    style = PhoneNumberFormat.NATIONAL if french else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)


def digits_heard(text: str) -> str:
    """The digits in what a caller said, in pairs or one by one.

    "zéro six douze trente-quatre cinquante six soixante-dix-huit" → "0612345678". A ten that can
    be followed by a unit takes it: "soixante seize" is 76. Words that are no numbers are ignored.
    A whole number after a correction replaces what came before: "06 12, non pardon, 06 40…".
    """
    parts = [_digits(part) for part in _CORRECTION.split(text.lower())]
    return parts[-1] if len(parts[-1]) == FRENCH_NUMBER else "".join(parts)


def corrects(text: str) -> bool:
    """Whether a caller takes back what they said: "non, je recommence"."""
    return bool(_CORRECTION.search(text.lower()))


def _digits(text: str) -> str:
    words = re.findall(r"[0-9]+|[a-zéè]+", text)
    found: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word.isdigit():
            found.append(word)
            index += 1
        elif word in _TENS:
            value, index = _tens(words, index)
            found.append(str(value))
        elif word in _UNITS:
            value, index = _unit(words, index)
            found.append(str(value))
        else:
            index += 1
    return "".join(found)


def _unit(words: list[str], index: int) -> tuple[int, int]:
    """A number from 0 to 19, or "quatre vingt…"; with the index of the word after it."""
    value = _UNITS[words[index]]
    following = words[index + 1] if index + 1 < len(words) else ""
    if value == 4 and following in ("vingt", "vingts"):
        return _after_ten(words, index + 2, 80, widest=19)
    if value == 10 and following in ("sept", "huit", "neuf"):
        return 10 + _UNITS[following], index + 2
    return value, index + 1


def _tens(words: list[str], index: int) -> tuple[int, int]:
    ten = _TENS[words[index]]
    return _after_ten(words, index + 1, ten, widest=19 if ten == 60 else 9)


def _after_ten(words: list[str], index: int, ten: int, widest: int) -> tuple[int, int]:
    """A ten with the unit that may follow it: "soixante" with "et onze", "trente" with "quatre"."""
    start = index + 1 if index + 1 < len(words) and words[index] == "et" else index
    if start < len(words) and words[start] in _UNITS:
        unit, after = _unit(words, start)
        if 0 < unit <= widest:
            return ten + unit, after
    return ten, index
