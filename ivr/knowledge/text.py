"""Folds a French text to plain lower-case words, to compare what people write and say."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "’": "'"})


def fold(text: str) -> str:
    """``"L'Été, c'est où ?"`` → ``"l ete c est ou"``: no accents, no signs, single spaces."""
    plain = unicodedata.normalize("NFD", text.translate(_LETTERS).casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.findall(r"[a-z0-9]+", plain))
