"""The result of matching an utterance against what the town hall knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ivr.events import Expecting
from ivr.knowledge.base import HOURS


class Decision(StrEnum):
    """What the score allows."""

    ANSWER = "answer"
    """Sure enough to answer at once."""
    CONFIRM = "confirm"
    """One likely entry: ask whether that is it."""
    CHOOSE = "choose"
    """Two likely entries: offer both."""
    REJECT = "reject"
    """Nothing likely enough."""


DIALOGUE_IDS = frozenset(
    ["operateur", "rappel", "repeter", "oui", "non", "au-revoir", "urgence", "hors-sujet"]
)
"""What a caller may mean that the dialogue itself handles; never ids of FAQ entries."""


PLACE_QUESTIONS = (HOURS, "ou", "telephone")
"""Follow-ups that may be asked after every entry: when its place or department is open, where it
is, its number. The entry need not have an answer to them."""

URGENCY = "urgence"
"""The dialogue id of a danger to life."""

OFF_TOPIC = "hors-sujet"
"""The dialogue id of what the town hall does not handle."""


@dataclass(frozen=True)
class Candidate:
    """One possible meaning."""

    entry: str
    """The id of a FAQ entry, or one of DIALOGUE_IDS."""
    score: float
    """Calibrated: 0.0 to 1.0, the share of times this is right when such a score is given."""


@dataclass(frozen=True)
class Match:
    """What an utterance most likely means."""

    text: str
    """As heard."""
    decision: Decision
    candidates: tuple[Candidate, ...] = ()
    """Best first, at most five."""
    follow_up: str | None = None
    """The follow-up of the entry just answered that is meant ("et combien ça coûte ?")."""
    also: str | None = None
    """A second entry asked for in the same sentence."""
    department: str | None = None
    """A department named, or the department of a person named."""
    person: str | None = None
    """A person of the town hall named, as in the directory."""
    detail: str | None = None
    """Which kind of a dialogue id: ``slower`` of ``repeter``; ``insult``, ``english``, the code
    of a language or the id of an out-of-scope topic (``impots``, ``caf``…) of ``hors-sujet``."""
    explain: dict[str, float] = field(default_factory=dict)
    """What each part contributed to the best candidate, for ``--explain``."""

    @property
    def entry(self) -> str | None:
        """The best candidate's id, unless rejected."""
        if self.decision is Decision.REJECT or not self.candidates:
            return None
        return self.candidates[0].entry

    @property
    def score(self) -> float:
        """The best candidate's score; 0.0 without any."""
        return self.candidates[0].score if self.candidates else 0.0

    @property
    def runner_up(self) -> Candidate | None:
        """The second candidate."""
        return self.candidates[1] if len(self.candidates) > 1 else None


@dataclass(frozen=True)
class Context:
    """What the conversation adds to the words."""

    last_entry: str | None = None
    """The entry just answered, or offered: its follow-ups may be asked."""
    expecting: Expecting = "request"
    language: str = "fr"
    """The language of the conversation, ISO 639-1."""
    others: Sequence[str] = ()
    """What else may have been said, where it was heard; see ``speech.recogniser.Transcript``."""
