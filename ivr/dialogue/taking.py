"""Taking a callback: on which number, when, and the promise once it is written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ivr.dialogue import numbers, words
from ivr.dialogue.numbers import Refused
from ivr.dialogue.state import CALLBACK, CallbackDraft, Phase, State
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import CallbackFailed, CallbackTaken, Outcome, Say, TakeCallback, Turn
from ivr.knowledge.base import RECEPTION
from ivr.nlu.match import Decision, Match

TAKING = frozenset([Phase.NUMBER_OK, Phase.NUMBER, Phase.NUMBER_READ_BACK, Phase.WHEN])
"""The phases in which a callback is being taken."""
BEGINS = "begins"
"""Detail of ``oui``: "j'ai une autre question", a yes to that question and to no other."""
MOST_REFUSED_NUMBERS = 3
FRENCH_NUMBER = 10
"""Digits of a French number as keyed."""


class Reach(Protocol):
    """How a caller is brought to people: ``People.reach``."""

    def __call__(
        self, state: State, department: str, reason: str, turn: Turn, *says: Say
    ) -> Step: ...


@dataclass(frozen=True)
class Taking:
    """The part of the dialogue in which a callback is taken."""

    talk: Talk
    reach: Reach
    """Where the caller goes when taking it fails while people are at work."""

    def begin(self, state: State, department: str) -> Step:
        """The caller wants to be called back: on which number?"""
        draft = CallbackDraft(department, self.talk.reason(state))
        state = replace(state, callback=draft, department=department, misunderstood=0, silences=0)
        presented = self._checked(state.caller_number or "")
        if isinstance(presented, Refused):
            return self.talk.ask(state, Phase.NUMBER, self.talk.say(state, "callback.number"))
        state = replace(state, callback=replace(draft, number=presented))
        say = self.talk.say(state, "callback.number-ok", number=numbers.written(presented))
        return self.talk.ask(state, Phase.NUMBER_OK, say)

    def heard(self, state: State, match: Match, turn: Turn) -> Step | None:
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
                return self._yes_or_no(state, yes=match.entry == "oui")
        return None

    def keyed(self, state: State, key: str, turn: Turn) -> Step:
        """A key pressed while a callback is being taken."""
        draft = draft_of(state)
        if state.phase is Phase.NUMBER:
            if key == "*":
                state = replace(state, callback=replace(draft, digits=""))
                return self.talk.ask(state, Phase.NUMBER, self.talk.say(state, "callback.number"))
            digits = draft.digits + (key if key.isdigit() else "")
            if key == "#" or (len(digits) == FRENCH_NUMBER and not digits.startswith("00")):
                return self._number(state, digits)
            return self.talk.listen(replace(state, callback=replace(draft, digits=digits)))
        if state.phase is Phase.WHEN:
            return self._write(state, "")
        if key in ("1", "2"):
            return self._yes_or_no(state, yes=key == "1")
        return self.talk.listen(state)

    def again(self, state: State) -> Step:
        """Not understood while a callback is being taken: ask again, with the keys to press."""
        key = "callback.number-again" if state.phase is Phase.NUMBER else "callback.yes-no"
        if state.phase is Phase.WHEN:
            key = "callback.when"
        return self.talk.ask(state, state.phase, self.talk.say(state, key))

    def written(self, state: State, result: CallbackTaken | CallbackFailed, turn: Turn) -> Step:
        """The callback is on disk, or could not be written down: the caller is told the truth."""
        draft = draft_of(state)
        state = replace(state, callback=None)
        if isinstance(result, CallbackFailed):
            say = self.talk.say(state, "callback.failed")
            if self.talk.people_there(turn.at):
                return self.reach(state, draft.department, "Rappel non noté", turn, say)
            return self.talk.hang_up(state, Outcome.GAVE_UP, say, self.talk.say(state, "goodbye"))
        key = "callback.updated" if result.updated else "callback.taken"
        reference = " ".join(result.reference)
        number = numbers.written(draft.number)
        say = self.talk.say(state, key, number=number, reference=reference)
        state = replace(state, answered=(*state.answered, CALLBACK))
        return self.talk.ask(state, Phase.MORE, say, self.talk.say(state, "more"))

    def _yes_or_no(self, state: State, *, yes: bool) -> Step:
        state = replace(state, misunderstood=0)
        if yes:
            return self.talk.ask(state, Phase.WHEN, self.talk.say(state, "callback.when"))
        state = replace(state, callback=replace(draft_of(state), number="", digits=""))
        return self.talk.ask(state, Phase.NUMBER, self.talk.say(state, "callback.number"))

    def _number(self, state: State, digits: str) -> Step:
        draft = replace(draft_of(state), digits="")
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
        draft = draft_of(state)
        state = replace(state, phase=Phase.WRITING)
        take = TakeCallback(draft.number, draft.department, draft.reason, when)
        return state, (take,)

    def _checked(self, number: str) -> str | Refused:
        return numbers.check(number, self.talk.knowledge.own_numbers)


def draft_of(state: State) -> CallbackDraft:
    """The callback being taken."""
    return state.callback or CallbackDraft(state.department or RECEPTION, "")
