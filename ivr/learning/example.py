"""Makes what a caller said fit to be written down as an example: plain, and nobody's own."""

from __future__ import annotations

import re

from ivr.knowledge.text import fold
from ivr.nlu.digest import digest

MASK = "…"
"""Stands for what is the caller's own; the matcher does not see it."""

_NUMBER_WORD = (
    r"(?:zéro|une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|"
    r"seize|vingts?|trente|quarante|cinquante|soixante|cents?|mille|double|"
    r"zero|oh|one|two|three|four|five|seven|eight|nine|ten)"
)
_OWN = re.compile(
    r"\S+@\S+"  # an address of e-mail
    r"|\+?\d(?:[ .,/-]{0,2}\d){5,}"  # a telephone number, a date of birth, a file's number
    r"|\d{4,}"
    rf"|\b{_NUMBER_WORD}(?:(?:[ ,-]+(?:et[ -])?){_NUMBER_WORD}){{3,}}\b",  # the same, in words
    re.IGNORECASE,
)
_SIGNS = re.compile(r"(?<!\d)[.,:]|[.,:](?!\d)|[;!?«»\"“”()\[\]{}<>#&*|]")


def as_example(heard: str) -> str:
    """What was heard as examples are written: in small letters, without signs.

    Numbers of four digits and more, telephone numbers (also in words) and e-mail addresses are
    masked. Empty when not a word remains.
    """
    signs = _SIGNS.sub(" ", _OWN.sub(MASK, heard)).replace("’", "'").replace("...", " ")
    words = " ".join(signs.lower().split())
    return words if fold(words) else ""


def key(language: str, text: str) -> str:
    """The same for texts that differ in accents and signs alone; says nothing of the text."""
    return digest(language, fold(text))
