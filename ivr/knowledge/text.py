"""Texts: as plain lower-case words, to compare what people write and say; fit to be said aloud."""

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


_UNSAYABLE = re.compile(r"\{\{|\}\}|\{%|%\}|[<>{}\\|^~`\x00-\x08\x0b-\x1f\x7f]")


def sayable(text: str) -> str:
    """The text, said as it stands, without facts to fill in. Raises ValueError, in French."""
    if found := _UNSAYABLE.search(text):
        sign = found[0] if found[0].isprintable() else "un caractère invisible"
        raise ValueError(
            f"ce texte est dit tel quel, sans balises ni champs à remplir : retirez « {sign} »"
        )
    return text
