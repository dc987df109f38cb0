"""The form of a question of the FAQ: what its fields are called, from an entry and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.editing import Written, typed
from ivr.knowledge.text import fold

NAMES = {
    "id": "Identifiant",
    "title": "Titre",
    "confirm": "Phrase de confirmation",
    "department": "Service",
    "keywords": "Mots-clés",
    "synonyms": "Synonymes",
    "examples": "Exemples",
    "answer": "Réponse",
    "offer": "Proposition après la réponse",
    "follow_ups": "Questions de suite",
    "hours_of": "Horaires de…",
    "valid_from": "Valable à partir du",
    "valid_until": "Valable jusqu'au",
    "priority": "Priorité",
}
"""The fields as people read them."""
MOST_LINES = 2_000
"""Lines of a field: more would take the checks minutes."""
MOST_FOLLOW_UPS = 50
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ufeff]")
_PLAIN = ("title", "confirm", "department", "hours_of", "valid_from", "valid_until", "priority")
FRENCH_ONLY = ("department", "hours_of", "valid_from", "valid_until", "priority")
"""What a translation takes from its French entry."""


@dataclass(frozen=True)
class Given:
    """What a form holds, as typed."""

    fields: Mapping[str, str]
    """By name, lists with one item a line."""
    follow_ups: tuple[Mapping[str, str], ...] = ()
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What cannot even be tried, by field."""


def shown(entry: Written) -> Given:
    """An entry in its form."""
    fields = {name: _text(entry.get(name)) for name in ("id", *_PLAIN, "answer", "offer")}
    fields["examples"] = "\n".join(map(str, entry.get("examples") or []))
    fields["keywords"] = "\n".join(map(str, entry.get("keywords") or []))
    synonyms = entry.get("synonyms") or {}
    fields["synonyms"] = "\n".join(
        f"{word} : {' ; '.join(map(str, others or []))}" for word, others in synonyms.items()
    )
    follow_ups = tuple(
        {
            "id": _text(one.get("id")),
            "examples": "\n".join(map(str, one.get("examples") or [])),
            "answer": _text(one.get("answer")),
        }
        for one in entry.get("follow_ups") or []
        if isinstance(one, dict)
    )
    return Given(fields, follow_ups)


def received(form: FormData) -> Given:
    """A form as it was sent; missing fields are empty."""
    faults: dict[str, list[str]] = {}

    def one(name: str, value: object) -> str:
        text = value if isinstance(value, str) else ""
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()
        if _HIDDEN.search(text):
            faults.setdefault(name, []).append(
                "ce champ contient un caractère invisible interdit : effacez-le et retapez-le"
            )
        if text.count("\n") >= MOST_LINES:
            faults.setdefault(name, []).append(f"plus de {MOST_LINES} lignes : raccourcissez")
            text = "\n".join(text.split("\n")[:MOST_LINES])
        return _HIDDEN.sub(" ", text)

    names = ("id", *_PLAIN, "answer", "offer", "examples", "keywords", "synonyms")
    fields = {name: one(name, form.get(name)) for name in names}
    columns = [form.getlist(f"suite_{name}") for name in ("id", "examples", "answer")]
    rows = list(zip(*columns, strict=False))
    if len(rows) > MOST_FOLLOW_UPS:
        faults["follow_ups"] = [f"plus de {MOST_FOLLOW_UPS} questions de suite : retirez-en"]
    follow_ups = []
    for row in rows[:MOST_FOLLOW_UPS]:
        name, examples, answer = (one("follow_ups", value) for value in row)
        if name or examples or answer:
            follow_ups.append({"id": name, "examples": examples, "answer": answer})
    for line in _lines(fields["synonyms"]):
        if ":" not in line:
            faults.setdefault("synonyms", []).append(
                f"« {line[:60]} » : écrivez le mot, deux-points, puis ce qu'on dit à sa place"
            )
    return Given(fields, tuple(follow_ups), faults)


def entry_of(given: Given, language: str) -> Written:
    """The entry that a form describes; empty fields are left out."""
    fields: dict[str, Any] = dict(given.fields)
    if language != REFERENCE:
        fields = {name: value for name, value in fields.items() if name not in FRENCH_ONLY}
    for name in ("title", "confirm", "offer"):
        fields[name] = " ".join(fields[name].split())
    for name in ("examples", "keywords"):
        fields[name] = _lines(fields[name])
    fields["synonyms"] = {
        word.strip(): [one.strip() for one in others.split(";") if one.strip()]
        for word, _, others in (line.partition(":") for line in _lines(fields["synonyms"]))
        if word.strip()
    }
    fields["follow_ups"] = [
        {
            key: value
            for key, value in (
                ("id", one["id"] or f"suite-{number}"),
                ("examples", _lines(one["examples"])),
                ("answer", one["answer"]),
            )
            if value
        }
        for number, one in enumerate(given.follow_ups, 1)
    ]
    return typed(fields)


def readable(value: Any) -> str:
    """A field's value as lines."""
    if value is None:
        return "(rien)"
    if isinstance(value, list):
        return "\n".join(map(readable, value))
    if isinstance(value, dict):
        return "\n".join(
            f"{NAMES.get(name, name)} : {readable(one)}" for name, one in value.items()
        )
    return str(value)


def new_id(title: str) -> str:
    """An id made of a title: "Le prix de l'eau" → "le-prix-de-l-eau"."""
    words = fold(title).split()
    while len("-".join(words)) > 40 and len(words) > 1:
        words.pop()
    return "-".join(words)[:40]


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.split("\n") if line.strip()]


def _text(value: object) -> str:
    return "" if value is None else str(value)
