"""The FAQ's entries: what callers ask, in their words, and what they are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from ivr.yamlfile import Model

RESERVED_IDS = frozenset(
    ["operateur", "rappel", "repeter", "oui", "non", "au-revoir", "urgence", "hors-sujet"]
)
"""What a caller may mean that the dialogue itself handles; never ids of FAQ entries."""

ID = r"^[a-z0-9][a-z0-9-]{0,39}$"


def identifier(value: str) -> str:
    """Checks an id, which is also a file's, a queue's or a fact's name."""
    plain = value.replace("-", "")
    if not (plain.isascii() and plain.isalnum() and plain == plain.lower() and len(value) <= 40):
        raise ValueError(
            f"« {value} » n'est pas un identifiant : seulement des minuscules sans accent, des "
            "chiffres et des tirets, 40 signes au plus"
        )
    if value.startswith("-"):
        raise ValueError(f"« {value} » commence par un tiret : retirez-le")
    return value


def _entry_id(value: str) -> str:
    if value in RESERVED_IDS:
        raise ValueError(f"« {value} » est réservé au dialogue : choisissez un autre identifiant")
    return identifier(value)


Identifier = Annotated[str, Field(json_schema_extra={"pattern": ID}), AfterValidator(identifier)]
EntryId = Annotated[str, Field(json_schema_extra={"pattern": ID}), AfterValidator(_entry_id)]
Text = Annotated[str, Field(min_length=1, max_length=5_000)]
Phrase = Annotated[str, Field(min_length=1, max_length=300)]


class FollowUp(Model):
    """A question that has its meaning only after the answer: "et combien ça coûte ?"."""

    id: Identifier
    examples: tuple[Phrase, ...] = Field(min_length=1)
    answer: Text


class Translation(Model):
    """What an entry is in one language."""

    id: EntryId
    title: Phrase
    """What it is about, for people who read lists."""
    confirm: Phrase
    """Completes "Vous appelez pour …, c'est bien cela ?"."""
    keywords: tuple[Phrase, ...] = ()
    """Words or groups of words that, when heard, almost surely mean this entry."""
    synonyms: dict[str, tuple[Phrase, ...]] = Field(default_factory=dict)
    """What people say instead of a word; taken as that word, for this entry only."""
    examples: tuple[Phrase, ...] = Field(min_length=1)
    """What people say."""
    answer: Text
    """A Jinja2 template in the file; in ``Knowledge`` its facts are filled in."""
    follow_ups: tuple[FollowUp, ...] = ()
    offer: Text | None = None
    """Asked after the answer: "Voulez-vous que je vous passe le service ?"; None: nothing is."""

    @model_validator(mode="after")
    def _follow_ups_once(self) -> Self:
        ids = [one.id for one in self.follow_ups]
        for one in ids:
            if ids.count(one) > 1:
                raise ValueError(
                    f"deux follow_ups s'appellent « {one} » : donnez-leur des noms différents"
                )
        return self

    def follow_up(self, follow_up_id: str) -> FollowUp:
        """Raises KeyError when there is none of that id."""
        for one in self.follow_ups:
            if one.id == follow_up_id:
                return one
        raise KeyError(follow_up_id)


class Entry(Translation):
    """One question of the FAQ with its answer."""

    department: str = ""
    """Who handles it. In the file, empty means the file's department; in ``Knowledge``, set."""
    hours_of: str | None = None
    """The place or department whose hours answer "et samedi ?"; a place of the same id if none."""
    valid_from: date | None = None
    """The first day on which it is answered."""
    valid_until: date | None = None
    """The last day on which it is answered."""
    priority: int = Field(default=0, ge=-100, le=100)
    """Between two entries that are equally likely, the higher one wins."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError(
                f"valid_until ({self.valid_until}) vient avant valid_from ({self.valid_from})"
            )
        return self

    def valid_on(self, day: date) -> bool:
        """Whether it is answered on this day."""
        return not (
            (self.valid_from and day < self.valid_from)
            or (self.valid_until and day > self.valid_until)
        )


class FaqFile(Model):
    """``knowledge/faq/<department>.yaml``."""

    department: str
    """The department of the entries that do not name another."""
    entries: tuple[Entry, ...] = ()


class TranslationFile(Model):
    """``knowledge/faq/<language>/*.yaml``: entries of the French files in another language."""

    department: str = ""
    entries: tuple[Translation, ...] = ()


class Topic(Model):
    """Something callers ask for that the town hall does not handle, and who does."""

    id: EntryId
    title: Phrase
    keywords: tuple[Phrase, ...] = ()
    examples: tuple[Phrase, ...] = Field(min_length=1)
    answer: Text
    answers: dict[str, Text] = Field(default_factory=dict)
    """The answer in other languages: ``{en: …}``."""


class ElsewhereFile(Model):
    """``knowledge/elsewhere.yaml``."""

    topics: tuple[Topic, ...] = ()


def _intent_id(value: str) -> str:
    if value not in RESERVED_IDS:
        raise ValueError(
            f"« {value} » n'est pas un identifiant du dialogue ; ceux qui existent : "
            + ", ".join(sorted(RESERVED_IDS))
        )
    return value


class IntentWords(Model):
    """One way of meaning what the dialogue itself handles."""

    id: Annotated[
        str,
        Field(json_schema_extra={"enum": sorted(RESERVED_IDS)}),
        AfterValidator(_intent_id),
    ]
    detail: Identifier | None = None
    """Which kind of the id: ``slower`` of ``repeter``, ``insult`` of ``hors-sujet``…"""
    keywords: tuple[Phrase, ...] = ()
    examples: tuple[Phrase, ...] = Field(min_length=1)


class DialogueFile(Model):
    """``knowledge/dialogue/<language>.yaml``."""

    intents: tuple[IntentWords, ...] = ()


@dataclass(frozen=True)
class Intent:
    """What callers say in one language to mean one thing that the dialogue itself handles."""

    id: str
    """One of RESERVED_IDS."""
    detail: str | None
    """Which kind of the id: ``slower`` of ``repeter``, ``insult`` of ``hors-sujet``…"""
    language: str
    """ISO 639-1."""
    keywords: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where an entry is written."""

    file: Path
    index: int
    """Its place in the file's list of entries, from 0."""
    line: int
    """From 1."""


def translated(entry: Entry, translation: Translation) -> Entry:
    """The entry in another language: its words replaced, its department and dates kept."""
    own: Mapping[str, object] = {
        name: getattr(translation, name) for name in Translation.model_fields
    }
    return entry.model_copy(update=dict(own))
