"""Telephone numbers as people: their spellings in the call log, and their pseudonyms.

A pseudonym is a keyed digest: calls of one person can still be counted as such, and nobody who has
the database without ``secrets.toml`` can tell, or call, the number.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat

from ivr.errors import IvrError

PREFIX = "pseudo-"
"""What pseudonyms begin with, and no telephone number does."""
_BYTES = 10
"""Of a digest: 16 characters, so that two of a million numbers do not meet."""


def is_pseudonym(number: str) -> bool:
    """Whether what stands for a number is its pseudonym."""
    return number.startswith(PREFIX)


@dataclass(frozen=True, repr=False)
class Pseudonyms:
    """The pseudonyms of one installation."""

    key: str
    """Its secret."""

    def of(self, number: str) -> str:
        """The pseudonym of a number, however it is spelt; a pseudonym stays what it is."""
        if is_pseudonym(number):
            return number
        message = canonical(number).encode()
        digest = hmac.new(self.key.encode(), message, hashlib.sha256).digest()
        return PREFIX + _letters(digest[:_BYTES])


def random_pseudonym() -> str:
    """A pseudonym that leads back to no number, not even with the secret."""
    return PREFIX + _letters(secrets.token_bytes(_BYTES))


def parse(typed: str) -> str:
    """A number that somebody typed, in E.164. Raises IvrError saying what is wrong with it."""
    text = re.sub(r"[\s.()/‐-―-]", "", unicodedata.normalize("NFKC", typed))
    if re.search(r"[\x00-\x1f\x7f]", typed) or not re.fullmatch(r"\+?[0-9]{1,20}", text):
        raise IvrError(
            "ce n'est pas un numéro de téléphone : donnez-le en chiffres, par exemple "
            "06 12 34 56 78 ou +33 6 12 34 56 78"
        )
    parsed = _parsed(text)
    if parsed is None:
        raise IvrError(
            f"{text} n'est pas un numéro complet : donnez ses dix chiffres, ou +, l'indicatif du "
            "pays et le numéro"
        )
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def spellings(e164: str) -> frozenset[str]:
    """The ways in which a network may have presented a number."""
    digits = e164.removeprefix("+")
    known = {e164, digits, f"00{digits}"}
    return frozenset(known | {f"0{digits[2:]}"} if digits.startswith("33") else known)


def canonical(number: str) -> str:
    """One spelling of a number of the call log: E.164 where it is a number, else as it is."""
    parsed = _parsed(number)
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164) if parsed else number


def written(e164: str) -> str:
    """A number as people read it."""
    number = phonenumbers.parse(e164, "FR")
    national = number.country_code == 33
    form = PhoneNumberFormat.NATIONAL if national else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, form)


def in_part(e164: str) -> str:
    """A number of which no more than the ends can be read: ``06 •• •• •• 78``."""
    groups = written(e164).split(" ")
    ends = (0, len(groups) - 1)
    return " ".join(one if place in ends else "••" for place, one in enumerate(groups))


def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    """None for what cannot be a whole number: an extension, a caller id of the provider's."""
    digits = "+" + number[2:] if number.startswith("00") else number
    if digits.startswith("33") and len(digits) == 11:
        digits = "+" + digits
    try:
        parsed = phonenumbers.parse(digits, "FR")
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_possible_number(parsed) else None


def _letters(digest: bytes) -> str:
    return base64.b32encode(digest).decode().lower()
