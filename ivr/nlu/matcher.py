"""Finds what an utterance means: a FAQ entry, one of its follow-ups, or a move of the dialogue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from ivr.knowledge.base import Knowledge
from ivr.knowledge.directory import Kind, Named
from ivr.nlu.cache import Cache
from ivr.nlu.features import Encoder
from ivr.nlu.language import Language, Scored, examples_of
from ivr.nlu.match import DIALOGUE_IDS, Candidate, Context, Decision, Match

ANSWER = 0.80
"""From this certainty on, answer at once."""
CONFIRM = 0.30
"""From this certainty on, ask whether that is it; below, say that it was not understood."""
CHOOSE = 0.5
"""Offer the second too when it is at least this likely as a share of the first."""

_SPLIT = re.compile(r"\b(?:et(?: aussi| puis| également)?|ainsi que|and(?: also)?)\b|,", re.I)
_SHORTEST_PART = 2
"""Words, at least, of each of two requests in one sentence."""


class Matcher:
    """Matches utterances against one version of the knowledge. Safe to use from many threads."""

    def __init__(self, knowledge: Knowledge, languages: dict[str, Language]) -> None:
        self._knowledge = knowledge
        self._languages = languages

    @classmethod
    def load(cls, knowledge: Knowledge, cache: Path | None = None) -> Matcher:
        """Learn the knowledge, or take what was learnt from the folder ``cache``; blocks.

        Seconds the first time; under two from the cache, or after an edit of a few entries.
        """
        kept, encoder = Cache(cache), Encoder()
        languages = {
            name: Language.load(name, examples_of(knowledge, name), encoder, kept)
            for name in knowledge.languages
        }
        return cls(knowledge, languages)

    def match(self, text: str, context: Context = Context(), day: date | None = None) -> Match:  # noqa: B008 - frozen
        """What ``text`` means, as said in ``context``; entries not valid on ``day`` never.

        ``day`` None: whatever their dates. A language without examples is matched in French.
        """
        language = self._languages.get(context.language) or self._languages["fr"]
        parts = _two_requests(text)
        scored = language.score([text, *(part for pair in parts for part in pair)], context, day)
        whole = scored[0]
        if not whole.ids:
            return Match(text, Decision.REJECT)
        match = self._decided(text, whole)
        for first, second in zip(scored[1::2], scored[2::2], strict=True):
            if _both_sure(first, second):
                match = replace(self._decided(text, first), also=second.ids[0])
                break
        return self._with_names(match)

    def _decided(self, text: str, scored: Scored) -> Match:
        candidates = tuple(
            Candidate(one, round(score, 4))
            for one, score in zip(scored.ids[:5], scored.scores[:5], strict=True)
        )
        best = candidates[0]
        return Match(
            text=text,
            decision=_decision(candidates),
            candidates=candidates,
            follow_up=scored.follow_up,
            detail=scored.detail if best.entry in DIALOGUE_IDS else None,
            explain=scored.explain,
        )

    def _with_names(self, match: Match) -> Match:
        """Who is asked for, where a person is."""
        if match.entry not in ("operateur", "rappel"):
            return match
        named = self._knowledge.directory.find(match.text)
        person = next((one for one in named if one.kind is Kind.EMPLOYEE), None)
        chosen: Named | None = person or next(iter(named), None)
        if chosen is None:
            return match
        return replace(match, department=chosen.department, person=person.name if person else None)


def _decision(candidates: Sequence[Candidate]) -> Decision:
    """What the certainty allows. A move of the dialogue is made or not, never confirmed."""
    best = candidates[0]
    if best.score >= ANSWER:
        return Decision.ANSWER
    if best.score < CONFIRM:
        return Decision.REJECT
    if best.entry in DIALOGUE_IDS:
        return Decision.ANSWER
    second = candidates[1] if len(candidates) > 1 else None
    if second and second.entry not in DIALOGUE_IDS and second.score >= CHOOSE * best.score:
        return Decision.CHOOSE
    return Decision.CONFIRM


def _both_sure(first: Scored, second: Scored) -> bool:
    """Whether two parts of a sentence are two requests that can both be answered at once."""
    if not first.ids or not second.ids or first.ids[0] == second.ids[0]:
        return False
    return not {first.ids[0], second.ids[0]} & DIALOGUE_IDS and bool(
        np.minimum(first.scores[0], second.scores[0]) >= ANSWER
    )


def _two_requests(text: str) -> list[tuple[str, str]]:
    """The ways to cut a sentence in two at "et", "ainsi que" or a comma; at most three."""
    cuts = [(text[: cut.start()], text[cut.end() :]) for cut in _SPLIT.finditer(text)]
    return [
        (before, after)
        for before, after in cuts
        if min(len(before.split()), len(after.split())) >= _SHORTEST_PART
    ][:3]
