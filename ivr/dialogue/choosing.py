"""Asking which entry is meant: whether it is this one, or which of two."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.dialogue import words
from ivr.dialogue.answering import Answering
from ivr.dialogue.state import Phase, State
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import Turn
from ivr.nlu.match import DIALOGUE_IDS, Decision, Match

LIKELY = 0.15
"""From this certainty on, what was said is taken for one of the two that were offered."""


@dataclass(frozen=True)
class Choosing:
    """Steps between a request that was half understood and its answer."""

    talk: Talk
    answering: Answering

    def ask(self, state: State, *entries: str) -> Step:
        """Is it this entry, or which of these two?"""
        state = replace(state, options=entries, asked=None)
        if len(entries) > 1:
            return self._which(state, "choose")
        say = self.talk.say(state, "confirm", what=self.talk.noun(state, entries[0]))
        return self.talk.ask(state, Phase.CONFIRM, say)

    def depends(self, state: State, follow_up: str) -> Step:
        """ "Combien ça coûte ?", asked about both: which of the two is meant comes first."""
        return self._which(replace(state, asked=follow_up), "choose.depends")

    def again(self, state: State) -> Step:
        """Neither was chosen: which of the two is it?"""
        state = replace(state, misunderstood=state.misunderstood + 1)
        return self._which(state, "choose.again")

    def chosen(self, state: State, match: Match, turn: Turn) -> Step | None:
        """What the caller chose; None when they said something else."""
        first, second = state.options
        if words.both(match.text):
            return self.answering.answer(state, first, turn, also=second)
        if place := words.choice(match.text):
            return self.answering.confirmed(state, state.options[place - 1], turn)
        if match.decision is Decision.ANSWER and match.entry not in state.options:
            return None
        if (named := words.named(match.text, self.talk.nouns(state))) is not None:
            return self.answering.confirmed(state, state.options[named], turn)
        for candidate in match.candidates:
            if candidate.entry in state.options and candidate.score >= LIKELY:
                return self.answering.confirmed(state, candidate.entry, turn)
        return None

    def _which(self, state: State, key: str) -> Step:
        first, second = state.options
        return self.talk.ask(state, Phase.CHOOSE, *self.talk.choose(state, first, second, key))


def asks_something_else(match: Match) -> bool:
    """Whether what was said instead of a choice is a request of its own."""
    return match.decision is Decision.ANSWER and match.entry not in DIALOGUE_IDS
