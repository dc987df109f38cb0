"""What people say, and what each of them means, as the knowledge gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.entries import Entry
from ivr.nlu.digest import digest
from ivr.nlu.match import OFF_TOPIC
from ivr.nlu.spotter import Keyword

Label = tuple[str, str]
"""An id and a kind: what is learnt to be told apart."""


@dataclass(frozen=True)
class Example:
    """Something people say, and what it means."""

    text: str
    id: str
    """An entry's id, or a dialogue id."""
    kind: str = ""
    """The detail of a dialogue id; the id of an entry's follow-up."""


_END = Example("", "")


@dataclass(frozen=True)
class Examples:
    """What is said in one language."""

    requests: tuple[Example, ...]
    follow_ups: tuple[Example, ...]
    """What has its meaning only after an entry was answered."""
    keywords: tuple[Keyword, ...]
    entries: dict[str, Entry]

    @property
    def texts(self) -> list[str]:
        """The requests, then the follow-ups."""
        return [one.text for one in (*self.requests, *self.follow_ups)]

    @property
    def key(self) -> str:
        """A name for exactly these examples."""
        words = [Example(one.text, one.id) for one in self.keywords]
        listed = [*self.requests, _END, *self.follow_ups, _END, *words]
        return digest(*(part for one in listed for part in (one.text, one.id, one.kind)))


def examples_of(knowledge: Knowledge, language: str) -> Examples:
    """Everything that the knowledge gives as said in a language."""
    entries = dict(knowledge.entries_in(language))
    intents = [one for one in knowledge.intents if one.language == language]
    topics = knowledge.topics.values() if language == REFERENCE else ()
    requests = [Example(text, one.id) for one in entries.values() for text in one.examples]
    requests += [
        Example(text, one.id, one.detail or "") for one in intents for text in one.examples
    ]
    requests += [Example(text, OFF_TOPIC, one.id) for one in topics for text in one.examples]
    follow_ups = [
        Example(text, entry.id, one.id)
        for entry in entries.values()
        for one in entry.follow_ups
        for text in one.examples
    ]
    keywords = [Keyword(text, one.id) for one in entries.values() for text in _words(one)]
    keywords += [Keyword(text, one.id) for one in intents for text in one.keywords]
    keywords += [Keyword(text, OFF_TOPIC) for one in topics for text in one.keywords]
    return Examples(tuple(requests), tuple(follow_ups), tuple(keywords), entries)


def _words(entry: Entry) -> list[str]:
    """An entry's keywords and synonyms."""
    synonyms = [text for word, others in entry.synonyms.items() for text in (word, *others)]
    return [*entry.keywords, *synonyms]


def labels_of(requests: Sequence[Example]) -> tuple[list[Label], list[str]]:
    """The labels learnt, and the ids, both in order."""
    return sorted({(one.id, one.kind) for one in requests}), sorted({one.id for one in requests})
