"""Folds a French text to plain lower-case words, to compare what people write and say."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "’": "'"})
_MARKS = re.compile("[\u0300-\u036f]+")
_WORD = re.compile("[a-z0-9]+")


def fold(text: str) -> str:
    """``"L'Été, c'est où ?"`` → ``"l ete c est ou"``: no accents, no signs, single spaces."""
    plain = text.translate(_LETTERS).casefold()
    if not plain.isascii():
        plain = _MARKS.sub("", unicodedata.normalize("NFD", plain))
    return " ".join(_WORD.findall(plain))
