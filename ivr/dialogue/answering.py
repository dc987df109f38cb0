"""How the dialogue answers, and what follows an answer: the next question, or goodbye. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.dialogue.state import Phase, State
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import Note, Turn

PATIENCE = 2
"""Silences borne without a word when a caller has asked for a moment."""


@dataclass(frozen=True)
class Answering:
    """Steps that answer a caller."""

    talk: Talk
    satisfaction: bool
    """Ask for a mark from 1 to 5 before goodbye."""

    def answer(
        self,
        state: State,
        entry: str,
        turn: Turn,
        note: Note | None = None,
        *,
        follow_up: str | None = None,
        also: str | None = None,
    ) -> Step:
        """Answer, and offer what follows; a second request is answered in the same breath."""
        notes = ((note,) if note else ()) + (Note("answered", entry),)
        says = self.talk.answer(state, entry, turn, follow_up)
        answered = (*state.answered, entry)
        state = replace(state, place_in=None)
        if also is not None and also != entry:
            says += (self.talk.say(state, "also", what=self.talk.noun(state, also)),)
            says += self.talk.answer(state, also, turn, None)
            notes += (Note("answered", also),)
            answered, entry = (*answered, also), also
        state = replace(
            state, misunderstood=0, options=(), asked=None, answered=answered, last_entry=entry
        )
        offer = self.talk.offer(state, entry, turn.at) if follow_up is None else None
        if offer is not None:
            state = replace(state, department=self.talk.department_of(entry))
            return self.talk.ask(state, Phase.OFFER, *says, offer, before=notes)
        return self.talk.ask(state, Phase.MORE, *says, self.talk.say(state, "more"), before=notes)

    def confirmed(self, state: State, entry: str, turn: Turn) -> Step:
        """Answer what the caller has said yes to, or has chosen: what they asked of it, if so."""
        known = state.asked and self.talk.answers(state, entry, state.asked)
        follow_up = state.asked if known else None
        return self.answer(state, entry, turn, Note("confirmed", entry), follow_up=follow_up)

    def repeat(self, state: State, *, slower: bool = False) -> Step:
        """What was said last, once more; ``slower`` than the call went until now."""
        if slower:
            state = replace(state, pace=max(0.7, round(state.pace - 0.15, 2)))
        says = tuple(replace(say, pace=state.pace) for say in state.spoken)
        return self.talk.ask(state, state.phase, *says)

    def pause(self, state: State) -> Step:
        """The caller needs a moment: what was said last stays to be said again."""
        state = replace(state, patience=PATIENCE, silences=0)
        again, (listen,) = self.talk.listen(state)
        return again, (self.talk.say(state, "pause"), listen)

    def go_ahead(self, state: State) -> Step:
        """The caller may say what they want."""
        return self.talk.ask(state, Phase.REQUEST, self.talk.say(state, "go-ahead"))

    def more(self, state: State) -> Step:
        """Whether there is anything else."""
        state = replace(state, options=(), asked=None)
        return self.talk.ask(state, Phase.MORE, self.talk.say(state, "more"))

    def goodbye(self, state: State) -> Step:
        """The end of a call that went well, after a mark where marks are asked for."""
        if self.satisfaction and state.answered and state.phase is not Phase.RATING:
            return self.talk.ask(state, Phase.RATING, self.talk.say(state, "rating"))
        return self.talk.hang_up(state, state.outcome, self.talk.say(state, "goodbye"))

    def rated(self, state: State, mark: int | None) -> Step:
        """A mark from 1 to 5; None when the caller gave none."""
        notes = (Note("satisfaction", value=str(mark)),) if mark else ()
        say = self.talk.say(state, "rating.thanks" if mark else "goodbye")
        return self.talk.hang_up(state, state.outcome, say, before=notes)

    def emergency(self, state: State) -> Step:
        """The emergency numbers at once, then whoever is on duty, before all others."""
        state = replace(state, urgent=True)
        say = self.talk.say(state, "emergency")
        duty = self.talk.knowledge.duty
        return self.talk.transfer(state, duty, "URGENCE : " + state.last_heard, say)
