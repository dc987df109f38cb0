"""Bringing callers to people: a transfer, a wait, or a callback when nobody is there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.dialogue import words
from ivr.dialogue.leaving import LEAVING, Leaving
from ivr.dialogue.state import CallbackDraft, Phase, State
from ivr.dialogue.taking import BEGINS, TAKING, Taking
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import Outcome, Say, Turn
from ivr.knowledge.base import RECEPTION
from ivr.nlu.match import Match

PEOPLE_PHASES = TAKING | LEAVING | {Phase.WANT_CALLBACK}
"""The phases from which a caller goes to people, is to be called back, or leaves a message."""
MESSAGE_KEY = "3"
"""The key for a message where a callback is offered."""


@dataclass(frozen=True)
class People:
    """The part of the dialogue that ends with a person, now or later."""

    talk: Talk
    messages: bool = False
    """Callers may leave a spoken message when nobody can be reached."""

    @property
    def leaving(self) -> Leaving:
        """The part in which a message is left."""
        return Leaving(self.talk, self.reach)

    @property
    def taking(self) -> Taking:
        """The part in which a callback is taken."""
        return Taking(self.talk, self.reach)

    def reach(self, state: State, department: str, reason: str, turn: Turn, *says: Say) -> Step:
        """Transfer to a department; a callback instead when nobody is at work."""
        if not self.talk.people_there(turn.at):
            return self.closed(state, department, turn, *says)
        reason = self.talk.reason(state, reason)
        says = says or (self.talk.transfer_announcement(state, department),)
        return self.talk.transfer(state, department, reason, *says)

    def redirect(self, state: State, department: str, operator: str | None) -> Step:
        """Somebody at the town hall passes the call on, also when people are not at work."""
        if department not in self.talk.knowledge.departments:  # new since this call began
            department = RECEPTION
        state = replace(state, callback=None, options=())
        say = self.talk.transfer_announcement(state, department)
        return self.talk.transfer(state, department, self.talk.reason(state), say, to=operator)

    def nobody_free(self, state: State, turn: Turn) -> Step:
        """The call comes back from the queue: wait on, or be called back?"""
        department = state.department or RECEPTION
        state = replace(state, department=department)
        if not self.talk.people_there(turn.at):
            return self.closed(state, department, turn)
        return self.talk.ask(state, Phase.WAIT, self.talk.say(state, "queue.nobody-free"))

    def wait(self, state: State) -> Step:
        """The caller prefers to wait in the queue."""
        department = state.department or RECEPTION
        reason = self.talk.reason(state, "A déjà attendu")
        return self.talk.transfer(state, department, reason, self.talk.say(state, "queue.wait"))

    def closed(self, state: State, department: str, turn: Turn, *says: Say) -> Step:
        """Nobody is at work: say when somebody will be, and offer to call back."""
        draft = CallbackDraft(department, self.talk.reason(state))
        state = replace(state, callback=draft, department=department, misunderstood=0, silences=0)
        says = (*says, self.talk.with_opening(state, "callback.closed", department, turn.at))
        if self.messages:
            says = (*says, self.talk.say(state, "message.or"))
        return self.talk.ask(state, Phase.WANT_CALLBACK, *says)

    def heard(self, state: State, match: Match, turn: Turn) -> Step | None:
        """What the caller said in one of these phases; None when it is something else."""
        if state.phase in TAKING:
            return self.taking.heard(state, match, turn)
        if state.phase in LEAVING:
            return self.leaving.heard(state, match, turn)
        if self.messages and words.wants_message(match.text):
            return self.leaving.begin(state)
        yes = match.entry == "oui" and match.detail != BEGINS
        if yes or words.wants_callback(match.text):
            return self._called_back(state, yes=True)
        return self._called_back(state, yes=False) if match.entry == "non" else None

    def keyed(self, state: State, key: str, turn: Turn) -> Step:
        """A key pressed in one of these phases."""
        if state.phase in TAKING:
            return self.taking.keyed(state, key, turn)
        if state.phase in LEAVING:
            return self.leaving.keyed(state, key)
        if self.messages and key == MESSAGE_KEY:
            return self.leaving.begin(state)
        if key in ("1", "2"):
            return self._called_back(state, yes=key == "1")
        return self.talk.listen(state)

    def again(self, state: State) -> Step:
        """Not understood in one of these phases: ask again, with the keys to press."""
        part = self.leaving if state.phase in LEAVING else self.taking
        return part.again(state)

    def give_up(self, state: State, turn: Turn) -> Step:
        """Twice not understood: a callback if its number is known, else a person if one is there,
        else a polite goodbye with the hours."""
        if state.phase is Phase.REVIEW:
            return self.leaving.keep(state)
        if (step := self.taking.anyway(state, turn)) is not None:
            return step
        department = state.department or RECEPTION
        if self.talk.people_there(turn.at):
            say = self.talk.say(state, "help.person")
            return self.reach(replace(state, callback=None), department, "", turn, say)
        say = self.talk.with_opening(state, "callback.given-up", department, turn.at)
        return self.talk.hang_up(state, Outcome.GAVE_UP, say)

    def _called_back(self, state: State, *, yes: bool) -> Step:
        state = replace(state, misunderstood=0)
        if yes:
            return self.taking.begin(state, state.department or RECEPTION)
        state = replace(state, callback=None)
        if self.messages:
            return self.leaving.offer(state)
        return self.talk.ask(state, Phase.MORE, self.talk.say(state, "more"))
