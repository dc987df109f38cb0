"""What a group of utterances is, and the entry that is proposed for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Because(StrEnum):
    """Why an entry is proposed."""

    CALLERS = "callers"
    """Callers confirmed it, or were answered from it, next in the same call."""
    LIKENESS = "likeness"
    """The matcher holds it the likeliest."""
    NEW = "new"
    """No entry fits: a new one, with an id made of the group's rare words."""


@dataclass(frozen=True)
class Proposal:
    """The entry that a group belongs to."""

    entry: str
    because: Because
    share: float
    """0.0 to 1.0: of the callers who went on to an entry, those to this one; or the score."""


@dataclass(frozen=True)
class Utterance:
    """One text, and how often callers said it."""

    text: str
    count: int


@dataclass(frozen=True)
class Group:
    """Utterances that mean the same, probably."""

    language: str
    utterances: tuple[Utterance, ...]
    """The most frequent first, each text once."""
    reference: str
    """As of its cluster."""
    proposal: Proposal
    department: str | None
    """Of the proposed entry; else where most of the callers went in the end, if anywhere."""
    callbacks: int
    """Callers among them who asked to be called back."""

    @property
    def count(self) -> int:
        """How often its utterances were said."""
        return sum(one.count for one in self.utterances)


@dataclass(frozen=True)
class Grouped:
    """What callers said that was missed."""

    groups: list[Group]
    """The largest first."""
    more: int
    """Smaller groups, for which nothing is proposed yet."""
