"""Finds what an utterance means: a FAQ entry, one of its follow-ups, or a move of the dialogue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.directory import Kind, Named
from ivr.knowledge.text import fold
from ivr.nlu.cache import Cache
from ivr.nlu.examples import Example, examples_of
from ivr.nlu.features import Encoder
from ivr.nlu.language import Language, Scored
from ivr.nlu.match import DIALOGUE_IDS, OFF_TOPIC, Candidate, Context, Decision, Match
from ivr.nlu.normalise import plain
from ivr.nlu.parts import meant, two_requests

ANSWER = 0.85
"""From this certainty on, a FAQ entry is answered at once."""
CONFIRM = 0.30
"""From this certainty on, it is asked whether that is it; below, nothing was understood."""
CHOOSE = 0.5
"""The second is offered too when it is at least this likely as a share of the first."""
MOVES: Mapping[str, float] = {
    "urgence": 0.2, "operateur": 0.3, "repeter": 0.4, OFF_TOPIC: 0.7, "oui": 0.75,
}  # fmt: skip
"""From this certainty on, a move of the dialogue is made. A person is never wrong; a goodbye is,
and so is sending a caller elsewhere; a yes begins what was perhaps not wanted."""
OTHER_MOVES = 0.5
"""The same for the others."""

ASKED = 0.15
"""An entry this likely is asked about, rather than that a caller be sent elsewhere in doubt: of
1,000 lines, 5 find their entry so, and 8 off-topic ones are asked about one."""

URGENT = 0.35
"""An emergency this likely comes before whatever is likelier."""

_HINT = 0.25
"""Added to the score of what the words make likely (learner's scores: 0.0 to about 1.0)."""
_QUESTION = re.compile(
    r"\b(?:ou|quoi|combien|quand|quel\w*|comment|pourquoi(?! pas)|"
    r"where|when|how|what|why(?! not))\b"
)
"""With these words a yes, a no or a goodbye is less likely: "c'est où ?" is like "c'est ça"."""
_REFUSAL = re.compile(r"(?:euh |ah |mais )*(?:non|nan|no)\b")
_NO_REQUEST = frozenset(["oui", "non", "au-revoir", "repeter", OFF_TOPIC])
"""Said after "non" in mid-sentence, these take nothing back: "un passeport, non merci"."""


@dataclass(frozen=True)
class Stray:
    """An example that would be taken for something else by a matcher that had not learnt it."""

    language: str
    example: Example
    found: str
    """An entry's id, or a dialogue id."""


class Matcher:
    """Matches utterances against one version of the knowledge. Safe to use from many threads."""

    def __init__(self, knowledge: Knowledge, languages: Mapping[str, Language]) -> None:
        """``languages`` are those in which anything is said."""
        self._knowledge = knowledge
        self._languages = languages

    @classmethod
    def load(cls, knowledge: Knowledge, cache: Path | None = None) -> Matcher:
        """Learn the knowledge, or take what was learnt from the folder ``cache``; blocks.

        Takes seconds the first time and after an edit, less than one from the cache.
        """
        kept, encoder = Cache(cache), Encoder()
        said = {name: examples_of(knowledge, name) for name in knowledge.languages}
        return cls(
            knowledge,
            {
                name: Language.load(name, examples, encoder, kept)
                for name, examples in said.items()
                if examples.requests
            },
        )

    def match(self, text: str, context: Context = Context(), day: date | None = None) -> Match:  # noqa: B008 - frozen
        """What ``text`` means, said in ``context``; never an entry that is not valid on ``day``.

        Without ``day`` all entries are. A language without examples is matched in French.
        """
        language = self._languages.get(context.language) or self._languages.get(REFERENCE)
        if language is None:
            return Match(text, Decision.REJECT)
        named = self._named(text)
        parts = two_requests(text)
        whole, *halves = language.score(
            [text, *(half for pair in parts for half in pair)],
            hints=_hints(text, named),
            last_entry=context.last_entry,
            choosing=context.expecting == "choice",
            named=named is not None,
            day=day,
            others=context.others,
        )
        if not whole.ids:
            return Match(text, Decision.REJECT)
        if _urgent(whole) and not whole.follow_up:
            return _with_name(_decided(text, whole), named)
        if in_the_end := meant(text):
            found = self.match(in_the_end, replace(context, others=()), day)
            if found.decision is Decision.ANSWER and found.entry not in _NO_REQUEST:
                return replace(found, text=text)
        if whole.follow_up and context.last_entry and not _refuses(text, context):
            return _follow_up(text, whole, context.last_entry)
        for first, second in zip(halves[::2], halves[1::2], strict=True):
            if _both_sure(whole, first, second):
                match = _decided(text, whole)
                return replace(match, decision=Decision.ANSWER, also=whole.ids[1])
        return _with_name(_decided(text, whole), named)

    def strays(self) -> list[Stray]:
        """The examples that would surely be answered as another entry, had they not been given."""
        return [
            Stray(name, example, found)
            for name, language in self._languages.items()
            for example, found in language.strays(ANSWER)
        ]

    def _named(self, text: str) -> Named | None:
        """The person, else the department, that is named."""
        found = self._knowledge.directory.find(text)
        people = (one for one in found if one.kind is Kind.EMPLOYEE)
        return next(people, None) or next(iter(found), None)


def _refuses(text: str, context: Context) -> bool:
    """Whether a question is answered with "non, …": what follows is about something else."""
    return context.expecting in ("yes-no", "choice") and bool(_REFUSAL.match(plain(text)))


def _hints(text: str, named: Named | None) -> dict[str, float]:
    hints: dict[str, float] = {}
    if _QUESTION.search(fold(text)):
        hints |= {"oui": -_HINT, "non": -_HINT, "au-revoir": -_HINT}
    if named and named.kind is Kind.EMPLOYEE and " " in named.words:
        hints["operateur"] = _HINT
    return hints


def _decided(text: str, scored: Scored) -> Match:
    candidates = tuple(map(Candidate, scored.ids, scored.scores))
    if _urgent(scored):
        first = candidates[scored.ids.index("urgence")]
        candidates = (first, *(one for one in candidates if one != first))
    doubtful = _doubtful(candidates)
    if doubtful:
        candidates = (candidates[1], candidates[0], *candidates[2:])
    known = candidates[0].entry in DIALOGUE_IDS
    return Match(
        text=text,
        decision=Decision.CONFIRM if doubtful else _decision(candidates),
        candidates=candidates,
        detail=scored.detail if known and candidates[0].entry == scored.ids[0] else None,
        explain=scored.explain,
    )


def _urgent(scored: Scored) -> bool:
    """Whether a danger to life is likely enough, though something else is likelier."""
    return dict(zip(scored.ids, scored.scores, strict=True)).get("urgence", 0) >= URGENT


def _doubtful(candidates: Sequence[Candidate]) -> bool:
    """Whether it is not sure enough that this is not for the town hall, and may be an entry."""
    first, second = candidates[0], candidates[1] if len(candidates) > 1 else None
    return (
        first.entry == OFF_TOPIC
        and first.score < MOVES[OFF_TOPIC]
        and second is not None
        and second.entry not in DIALOGUE_IDS
        and second.score >= ASKED
    )


def _follow_up(text: str, scored: Scored, last_entry: str) -> Match:
    others = [
        Candidate(one, score)
        for one, score in zip(scored.ids, scored.scores, strict=True)
        if one != last_entry
    ]
    first = Candidate(last_entry, max(ANSWER, scored.scores[0]))
    return Match(
        text, Decision.ANSWER, (first, *others[:4]), follow_up=scored.follow_up,
        explain=scored.explain,
    )  # fmt: skip


def _with_name(match: Match, named: Named | None) -> Match:
    """Who is asked for, where somebody is."""
    if named is None or match.entry not in ("operateur", "rappel"):
        return match
    person = named.name if named.kind is Kind.EMPLOYEE else None
    return replace(match, department=named.department, person=person)


def _decision(candidates: Sequence[Candidate]) -> Decision:
    """What the certainty allows. A move of the dialogue is made or not, never confirmed."""
    best = candidates[0]
    if best.entry in DIALOGUE_IDS:
        sure = best.score >= MOVES.get(best.entry, OTHER_MOVES)
        return Decision.ANSWER if sure else Decision.REJECT
    if best.score >= ANSWER:
        return Decision.ANSWER
    if best.score < CONFIRM:
        return Decision.REJECT
    second = candidates[1] if len(candidates) > 1 else None
    if second and second.entry not in DIALOGUE_IDS and second.score >= CHOOSE * best.score:
        return Decision.CHOOSE
    return Decision.CONFIRM


def _both_sure(whole: Scored, first: Scored, second: Scored) -> bool:
    """Whether the parts of a sentence are two requests that can both be answered at once.

    A story names much that is not asked for: the sentence as a whole must point to the same two.
    """
    if not first.ids or not second.ids:
        return False
    asked = {first.ids[0], second.ids[0]}
    return (
        asked == set(whole.ids[:2])
        and not asked & DIALOGUE_IDS
        and min(first.scores[0], second.scores[0]) >= ANSWER
    )
