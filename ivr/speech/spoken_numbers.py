"""Numbers in French words: cardinals with their gender, ordinals, decimals, digits by pairs."""

from __future__ import annotations

import re
from typing import Literal

from num2words import num2words  # type: ignore[import-untyped]

from ivr.speech.spoken_tables import FEMININE, FEMININE_ENDINGS, MASCULINE

LONGEST, LONGEST_GROUPED = 9, 15
"""Digits; a longer number is a reference, not a quantity, and is said by pairs (the second is for
numbers written with their thousands apart)."""

NUMBER = r"(?:\d{1,3}(?:[ .]\d{3})+(?!\d)|\d+)"
"""A whole number as people write it: ``1234``, ``1 234``, ``1.234``."""
DECIMAL = rf"{NUMBER}(?:[,.]\d+)?"
"""Such a number with an optional decimal part."""

_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def value(digits: str) -> int:
    """The number that a NUMBER stands for."""
    return int(re.sub(r"\D", "", digits))


def cardinal(digits: str | int, *, feminine: bool = False) -> str:
    """``21`` → ``vingt et un``, or ``vingt et une``; ``007`` → ``zéro zéro sept``."""
    plain = re.sub(r"\D", "", str(digits))
    if len(plain) > (LONGEST if plain == str(digits) else LONGEST_GROUPED):
        return by_pairs(plain)
    zeros = len(plain) - len(plain.lstrip("0")) if len(plain) > 1 else 0
    if zeros == len(plain):
        return " ".join(["zéro"] * zeros)
    words = str(num2words(int(plain), lang="fr"))
    if feminine and words.endswith("un"):
        words += "e"
    return " ".join(["zéro"] * zeros + [words])


def decimal(digits: str, *, feminine: bool = False) -> str:
    """``2,05`` → ``deux virgule zéro cinq``; a whole number is a cardinal."""
    whole, point, fraction = split(digits)
    if not point:
        return cardinal(whole, feminine=feminine)
    fraction = fraction if len(fraction) <= 3 else " ".join(fraction)
    said = " ".join(cardinal(part) for part in fraction.split())
    return f"{cardinal(whole)} virgule {said}"


def split(digits: str) -> tuple[str, str, str]:
    """Whole part, point, fraction of a DECIMAL: ``1 234,5`` → ``1 234``, ``,``, ``5``."""
    match = re.fullmatch(rf"({NUMBER})(?:([,.])(\d+))?", digits)
    return (match[1], match[2] or "", match[3] or "") if match else (digits, "", "")


def ordinal(number: int, *, feminine: bool = False) -> str:
    """``1`` → ``premier`` or ``première``, ``21`` → ``vingt et unième``."""
    if number == 1:
        return "première" if feminine else "premier"
    words = cardinal(number)
    if number <= 0:
        return words
    if words.endswith(("vingts", "cents", "illions", "illiards")):
        words = words[:-1]
    for end, root in (("cinq", "cinqu"), ("neuf", "neuv")):
        if words.endswith(end):
            return words.removesuffix(end) + root + "ième"
    return words.removesuffix("e") + "ième"


def roman(letters: str) -> int | None:
    """``XXI`` → 21; None when it is not a number well written."""
    total = 0
    for letter, after in zip(letters, [*letters[1:], "I"], strict=True):
        one = _ROMAN[letter]
        total += -one if one < _ROMAN[after] else one
    return total if total > 0 and _to_roman(total) == letters else None


def feminine(noun: str) -> bool:
    """Whether a noun, singular or plural, is known to be feminine."""
    word = noun.lower()
    for form in (word, word.removesuffix("s"), word.removesuffix("x")):
        if form in FEMININE:
            return True
        if form not in MASCULINE and len(form) > 5 and form.endswith(FEMININE_ENDINGS):
            return True
    return False


def by_pairs(digits: str) -> str:
    """``0612`` → ``zéro six, douze``; an odd first digit stands alone."""
    start = len(digits) % 2
    groups = [digits[:1]] * start + [digits[i : i + 2] for i in range(start, len(digits), 2)]
    return ", ".join(cardinal(group) for group in groups)


def digits_spoken(number: str, by: Literal["pairs", "digits"] = "pairs") -> str:
    """A telephone number or reference, with a short pause (a comma) between groups.

    ``"0612345678"`` → ``"zéro six, douze, trente-quatre, …"``; ``by="digits"`` says each digit on
    its own, to read a number back for confirmation. ``+33`` becomes the national ``0``; numbers
    of two or three digits ("112") are said as numbers. Without digits, an empty text.
    """
    plain = re.sub(r"^\s*(?:\+|00)\s?33\s?(?:\(0\)\s?)?(?=[1-9])", "0", number)
    digits = "".join(str(int(char)) for char in plain if char.isdecimal())
    if by == "digits":
        return ", ".join(cardinal(digit) for digit in digits)
    return cardinal(digits) if 0 < len(digits) <= 3 else by_pairs(digits)


def _to_roman(number: int) -> str:
    steps = (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
        (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    )  # fmt: skip
    text = ""
    for step, letters in steps:
        text += letters * (number // step)
        number %= step
    return text
