"""What the dialogue does when nothing was understood, or nothing was said."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.dialogue.answering import Answering
from ivr.dialogue.people import PEOPLE_PHASES, People
from ivr.dialogue.state import Phase, State
from ivr.dialogue.taking import TAKING
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import Note, Turn
from ivr.knowledge.base import RECEPTION

_CLOSED = (Phase.CONFIRM, Phase.CHOOSE, Phase.OFFER)
"""The phases with a question that has few answers: it stands until it is answered."""


@dataclass(frozen=True)
class Recovering:
    """Steps after a turn that led nowhere; never the same one three times."""

    talk: Talk
    answering: Answering
    people: People

    def misunderstood(self, state: State, turn: Turn, why: str, note: Note | None = None) -> Step:
        """Once: ask again, with examples. Twice in a row: help, never a third reprompt."""
        if state.phase is Phase.URGENT and note is None:
            return self.answering.emergency(state)
        before = (note,) if note else ()
        times = state.misunderstood + 1
        if times == 1 and state.phase in _CLOSED and why in ("noise", "not-understood"):
            sorry = self.talk.say(state, "reprompt.again")
            state, (*asked, listen) = self.ask_again(replace(state, misunderstood=times))
            return state, (*before, sorry, *asked, listen)
        state = replace(state, misunderstood=times, options=(), asked=None)
        if state.phase in PEOPLE_PHASES:
            again = times < 2
            return self.people.again(state) if again else self.people.give_up(state, turn)
        if times >= 3 or (state.phase is Phase.HELP and times >= 2):
            say = self.talk.say(state, "help.person")
            return self.people.reach(state, self.talk.topic_department(state), "", turn, say)
        if times == 2:
            say = self.talk.say(state, "help.menu")
            return self.talk.ask(state, Phase.HELP, say, *self.talk.keys(state), before=before)
        say = self.talk.say(state, f"reprompt.{why}")
        return self.talk.ask(state, Phase.REQUEST, say, before=before)

    def silence(self, state: State, turn: Turn) -> Step:
        """Gently, twice; then goodbye if all is answered, else a person."""
        times = state.silences + 1
        state = replace(state, silences=times)
        if state.phase is Phase.RATING:
            return self.answering.rated(state, None)
        if state.phase is Phase.URGENT:
            return self.answering.emergency(state)
        if state.phase is Phase.NAME:
            return self.people.taking.again(state)
        if state.phase is Phase.WAIT:  # who says nothing waits
            return self.people.wait(state, turn)
        if state.phase is Phase.NUMBER and state.callback and state.callback.digits:
            return self.people.keyed(state, "#", turn)
        if state.phase in _CLOSED and times == 1:
            return self.ask_again(state)
        answered = state.phase in (Phase.MORE, Phase.OFFER)
        if answered and times >= 2:
            return self.answering.goodbye(state)
        if state.phase in PEOPLE_PHASES:
            again = times < 3
            return self.people.again(state) if again else self.people.give_up(state, turn)
        if times >= 3 or (state.phase is Phase.HELP and times >= 2):
            if state.answered or not self.talk.people_there(turn.at):
                say = self.talk.say(state, "silence.goodbye")
                return self.talk.hang_up(state, state.outcome, say)
            say = self.talk.say(state, "help.person")
            return self.people.reach(state, RECEPTION, "Silence de l'appelant", turn, say)
        key = "silence.more" if answered else f"silence.{times}"
        return self.talk.ask(state, state.phase, self.talk.say(state, key))

    def overloaded(self, state: State, turn: Turn) -> Step:
        """Too many calls for the recogniser: the keys of the telephone."""
        if state.phase in TAKING:
            return self.misunderstood(state, turn, "noise")
        if state.phase is Phase.HELP:
            say = self.talk.say(state, "help.person")
            return self.people.reach(state, RECEPTION, "", turn, say)
        say = self.talk.say(state, "overloaded")
        return self.talk.ask(state, Phase.HELP, say, *self.talk.keys(state))

    def ask_again(self, state: State) -> Step:
        """The question alone, without the greeting or the answer that came before it."""
        says = state.spoken
        if state.phase is Phase.REQUEST:
            says = (self.talk.say(state, "go-ahead"),)
        elif state.phase in (Phase.MORE, Phase.OFFER):
            says = says[-1:]
        return self.talk.ask(state, state.phase, *says)

    def patient(self, state: State) -> Step:
        """Nothing while the caller takes their time; after a while what was said last, again."""
        state = replace(state, patience=state.patience - 1)
        return self.talk.listen(state) if state.patience else self.answering.repeat(state)
