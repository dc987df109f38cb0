"""Cuts a sentence where it asks for two things, or where the caller has changed their mind."""

from __future__ import annotations

import re

_SPLIT = re.compile(r"\b(?:et(?: aussi| puis| également)?|ainsi que|and(?: also)?)\b", re.I)
_SHORTEST_PART = 2
"""Words, at least, of each of two requests in one sentence."""
_LONGEST_PAIR = 25
"""Words, at most, of a sentence with two requests."""
_MOST_CUTS = 3
_AFTER_CHANGE = (
    r"(?:non|no|pardon|attendez|wait|sorry|excusez-moi|en fait|actually|plutôt|rather|"
    r"je me trompe|je veux dire|je voulais dire|i mean)"
)
_CHANGE = re.compile(
    r"[\s,.…]+(?<!\bou )(?<!\bor )(?:non|pardon|ou plutôt|je me trompe|je (?:veux|voulais) dire|"
    rf"no|sorry|or rather|i mean)\b(?:[\s,.…]+{_AFTER_CHANGE}\b)*[\s,.…]+",
    re.I,
)
"""Between what was said first and what is meant: "…, non attendez, …"."""
_NOT_THAT = re.compile(
    r"(?:(?:non|mais|euh|no)[ ,]+)*(?:(?:c'est|ce n'est|c'était|it's|not) )?(?:pas|not)\b.+?"
    r"(?:(?:,|\bmais\b|\bc'est\b|\bplutôt\b|\bbut\b|\bit's\b)\s+)+(.+)",
    re.I,
)
"""A whole sentence of that kind: "c'est pas pour un passeport, c'est pour une carte"."""


def two_requests(text: str) -> list[tuple[str, str]]:
    """The ways to cut a sentence in two at "et" or "ainsi que"; none of a long story."""
    if len(text.split()) > _LONGEST_PAIR:
        return []
    cuts = [(text[: cut.start()], text[cut.end() :]) for cut in _SPLIT.finditer(text)]
    return [
        (before, after)
        for before, after in cuts
        if min(len(before.split()), len(after.split())) >= _SHORTEST_PART
    ][:_MOST_CUTS]


def meant(text: str) -> str | None:
    """What is meant in the end where the caller changes their mind; None where they do not.

    ``"la piscine, non pardon, la bibliothèque"`` → ``"la bibliothèque"``. What is left out is taken
    from what was said before: ``"un acte de mariage, non, de naissance"`` → ``"un acte de
    naissance"``.
    """
    text = text.replace("’", "'").strip()
    if found := _NOT_THAT.fullmatch(text):
        return found[1]
    changes = list(_CHANGE.finditer(text))
    if not changes or not text[: changes[-1].start()]:
        return None
    first, last = text[: changes[-1].start()].split(), text[changes[-1].end() :].split()
    if not last:
        return None
    same = [n for n, word in enumerate(first) if word.lower() == last[0].lower()]
    return " ".join([*first[: same[-1]], *last] if same else last)
