"""Bringing callers to people: a transfer, a wait, or a callback when nobody is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ivr.dialogue import numbers, words
from ivr.dialogue.numbers import Refused
from ivr.dialogue.state import CALLBACK, CallbackDraft, Phase, State
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import (
    CallbackFailed,
    CallbackTaken,
    Outcome,
    Say,
    TakeCallback,
)
from ivr.knowledge.base import RECEPTION
from ivr.nlu.match import Decision, Match

PEOPLE_PHASES = frozenset(
    [Phase.WANT_CALLBACK, Phase.NUMBER_OK, Phase.NUMBER, Phase.NUMBER_READ_BACK, Phase.WHEN]
)
"""The phases in which a callback is being taken."""
BEGINS = "begins"
"""Detail of ``oui``: "j'ai une autre question", a yes to that question and to no other."""
MOST_REFUSED_NUMBERS = 3
FRENCH_NUMBER = 10
"""Digits of a French number as keyed."""


@dataclass(frozen=True)
class People:
    """The part of the dialogue that ends with a person, now or later."""

    talk: Talk

    def reach(self, state: State, department: str, reason: str, at: datetime, *says: Say) -> Step:
        """Transfer to a department; a callback instead when nobody is at work."""
        if not self.talk.people_there(at):
            return self.offer(state, department, at, *says)
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

    def nobody_free(self, state: State, at: datetime) -> Step:
        """The call comes back from the queue: wait on, or be called back?"""
        department = state.department or RECEPTION
        state = replace(state, department=department)
        if not self.talk.people_there(at):
            return self.offer(state, department, at)
        return self.talk.ask(state, Phase.WAIT, self.talk.say(state, "queue.nobody-free"))

    def wait(self, state: State) -> Step:
        """The caller prefers to wait in the queue."""
        department = state.department or RECEPTION
        reason = self.talk.reason(state, "A déjà attendu")
        return self.talk.transfer(state, department, reason, self.talk.say(state, "queue.wait"))

    # --- taking a callback ---------------------------------------------------------------------

    def offer(self, state: State, department: str, at: datetime, *says: Say) -> Step:
        """Nobody is at work: say when somebody will be, and offer to call back."""
        draft = CallbackDraft(department, self.talk.reason(state))
        state = replace(state, callback=draft, department=department, misunderstood=0, silences=0)
        say = self.talk.with_opening(state, "callback.closed", department, at)
        return self.talk.ask(state, Phase.WANT_CALLBACK, *says, say)

    def begin(self, state: State, department: str, at: datetime) -> Step:
        """The caller wants to be called back: on which number?"""
        draft = CallbackDraft(department, self.talk.reason(state))
        state = replace(state, callback=draft, department=department, misunderstood=0, silences=0)
        presented = self._checked(state.caller_number or "")
        if isinstance(presented, Refused):
            return self.talk.ask(state, Phase.NUMBER, self.talk.say(state, "callback.number"))
        state = replace(state, callback=replace(draft, number=presented))
        say = self.talk.say(state, "callback.number-ok", number=numbers.written(presented))
        return self.talk.ask(state, Phase.NUMBER_OK, say)

    def heard(self, state: State, match: Match, at: datetime) -> Step | None:
        """What the caller said while a callback is being taken; None when it is something else."""
        match state.phase:
            case Phase.NUMBER:
                digits = numbers.digits_heard(match.text)
                if digits:
                    return self._number(state, digits)
            case Phase.WHEN:
                # "Demain matin" resembles a goodbye: whatever is not clearly else is the wish.
                sure = match.decision is Decision.ANSWER
                if not (sure and match.entry in ("operateur", "repeter")):
                    return self._write(state, words.moment(match.text))
            case _ if match.entry in ("oui", "non") and match.detail != BEGINS:
                return self._yes_or_no(state, yes=match.entry == "oui", at=at)
            case Phase.WANT_CALLBACK if words.wants_callback(match.text):
                return self._yes_or_no(state, yes=True, at=at)
        return None

    def keyed(self, state: State, key: str, at: datetime) -> Step:
        """A key pressed while a callback is being taken."""
        draft = _draft(state)
        if state.phase is Phase.NUMBER:
            if key == "*":
                state = replace(state, callback=replace(draft, digits=""))
                return self.talk.ask(state, Phase.NUMBER, self.talk.say(state, "callback.number"))
            digits = draft.digits + (key if key.isdigit() else "")
            if key == "#" or (len(digits) == FRENCH_NUMBER and not digits.startswith("00")):
                return self._number(state, digits)
            return self.talk.listen(replace(state, callback=replace(draft, digits=digits)))
        if key in ("1", "2") and state.phase is not Phase.WHEN:
            return self._yes_or_no(state, yes=key == "1", at=at)
        if state.phase is Phase.WHEN:
            return self._write(state, "")
        return self.talk.listen(state)

    def again(self, state: State) -> Step:
        """Not understood while a callback is being taken: ask again, with the keys to press."""
        key = "callback.number-again" if state.phase is Phase.NUMBER else "callback.yes-no"
        if state.phase is Phase.WHEN:
            key = "callback.when"
        return self.talk.ask(state, state.phase, self.talk.say(state, key))

    def give_up(self, state: State, at: datetime) -> Step:
        """Twice not understood: a person if one is there, else a polite goodbye with the hours."""
        department = state.department or RECEPTION
        if self.talk.people_there(at):
            say = self.talk.say(state, "help.person")
            return self.reach(replace(state, callback=None), department, "", at, say)
        say = self.talk.with_opening(state, "callback.given-up", department, at)
        return self.talk.hang_up(state, Outcome.GAVE_UP, say)

    def written(self, state: State, result: CallbackTaken | CallbackFailed, at: datetime) -> Step:
        """The callback is on disk, or could not be written down: the caller is told the truth."""
        draft = _draft(state)
        state = replace(state, callback=None)
        if isinstance(result, CallbackFailed):
            say = self.talk.say(state, "callback.failed")
            if self.talk.people_there(at):
                return self.reach(state, draft.department, "Rappel non noté", at, say)
            return self.talk.hang_up(state, Outcome.GAVE_UP, say, self.talk.say(state, "goodbye"))
        key = "callback.updated" if result.updated else "callback.taken"
        reference = " ".join(result.reference)
        number = numbers.written(draft.number)
        say = self.talk.say(state, key, number=number, reference=reference)
        state = replace(state, answered=(*state.answered, CALLBACK))
        return self.talk.ask(state, Phase.MORE, say, self.talk.say(state, "more"))

    def _yes_or_no(self, state: State, *, yes: bool, at: datetime) -> Step:
        draft = _draft(state)
        state = replace(state, misunderstood=0)
        match state.phase, yes:
            case Phase.WANT_CALLBACK, True:
                return self.begin(state, draft.department, at)
            case Phase.WANT_CALLBACK, False:
                state = replace(state, callback=None)
                return self.talk.ask(state, Phase.MORE, self.talk.say(state, "more"))
            case ((Phase.NUMBER_OK | Phase.NUMBER_READ_BACK), True):
                return self.talk.ask(state, Phase.WHEN, self.talk.say(state, "callback.when"))
            case _:
                state = replace(state, callback=replace(draft, number="", digits=""))
                return self.talk.ask(state, Phase.NUMBER, self.talk.say(state, "callback.number"))

    def _number(self, state: State, digits: str) -> Step:
        draft = replace(_draft(state), digits="")
        checked = self._checked(digits)
        if isinstance(checked, Refused):
            draft = replace(draft, failures=draft.failures + 1)
            state = replace(state, callback=draft)
            if draft.failures >= MOST_REFUSED_NUMBERS:
                say = self.talk.say(state, "callback.no-number")
                return self.talk.hang_up(state, Outcome.GAVE_UP, say)
            say = self.talk.say(state, f"callback.refused.{checked.why}")
            return self.talk.ask(state, Phase.NUMBER, say)
        state = replace(state, callback=replace(draft, number=checked), misunderstood=0)
        say = self.talk.say(state, "callback.read-back", number=numbers.written(checked))
        return self.talk.ask(state, Phase.NUMBER_READ_BACK, say)

    def _write(self, state: State, when: str) -> Step:
        draft = _draft(state)
        state = replace(state, phase=Phase.WRITING)
        take = TakeCallback(draft.number, draft.department, draft.reason, when)
        return state, (take,)

    def _checked(self, number: str) -> str | Refused:
        return numbers.check(number, self.talk.knowledge.own_numbers)


def _draft(state: State) -> CallbackDraft:
    return state.callback or CallbackDraft(state.department or RECEPTION, "")
