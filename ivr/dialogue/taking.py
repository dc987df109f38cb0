"""Taking a callback: on which number, for whom, when, and the promise once it is written down."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Protocol

from ivr.callbacks.when import Agenda, Impossible, soon, understand, written
from ivr.dialogue import numbers, words
from ivr.dialogue.numbers import FRENCH_NUMBER, Refused
from ivr.dialogue.state import CALLBACK, CallbackDraft, Phase, State
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import CallbackFailed, CallbackTaken, Outcome, Say, TakeCallback, Turn
from ivr.knowledge.base import RECEPTION
from ivr.knowledge.wording import FRENCH
from ivr.nlu.match import Decision, Match

TAKING = frozenset(
    [
        *(Phase.NUMBER_OK, Phase.NUMBER, Phase.NUMBER_READ_BACK),
        *(Phase.NAME, Phase.WHEN, Phase.WHEN_OK),
    ]
)
"""The phases in which a callback is being taken."""
BEGINS = "begins"
"""Detail of ``oui``: "j'ai une autre question", a yes to that question and to no other."""
MOST_REFUSED_NUMBERS = 3
LEAVES = 0.9
"""From this certainty on a goodbye is one where a name or a time is asked for."""


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

    def begin(self, state: State, department: str, *says: Say) -> Step:
        """The caller wants to be called back: on which number?"""
        draft = CallbackDraft(department, self.talk.reason(state))
        state = replace(state, callback=draft, department=department, misunderstood=0, silences=0)
        presented = self._checked(state.caller_number or "")
        if isinstance(presented, Refused):
            return self.talk.ask(
                state, Phase.NUMBER, *says, self.talk.say(state, "callback.number")
            )
        state = replace(state, callback=replace(draft, number=presented))
        say = self.talk.say(state, "callback.number-ok", number=numbers.written(presented))
        return self.talk.ask(state, Phase.NUMBER_OK, *says, say)

    def heard(self, state: State, match: Match, turn: Turn) -> Step | None:
        """What the caller said while a callback is being taken; None when it is something else."""
        match state.phase:
            case Phase.NAME | Phase.WHEN_OK if _leaves(match):  # the number is known
                return self._write(state) if draft_of(state).window else self._soon(state, turn)
            case Phase.NUMBER:
                digits = numbers.digits_heard(match.text)
                if digits:
                    return self._part(state, digits)
                known = draft_of(state).digits
                if known and numbers.corrects(match.text):
                    return self.keyed(state, "*", turn)
                if known and match.entry in ("oui", "au-revoir"):  # "c'est tout"
                    return self._number(state, known)
            case Phase.NUMBER_OK | Phase.NUMBER_READ_BACK if match.entry != "oui" and (
                len(digits := numbers.digits_heard(match.text)) == FRENCH_NUMBER
            ):
                return self._number(state, digits)
            # "Martine Durand" resembles asking for somebody.
            case Phase.NAME if not _asks_else(match) or not _asks_plainly(match):
                return self._named(state, words.name(match.text))
            # "Demain matin" resembles a goodbye: whatever is not clearly else is the wish.
            case Phase.WHEN if not _asks_else(match):
                return self._when(state, match.text, turn)
            case Phase.WHEN_OK if match.entry != "oui" and not _asks_else(match):
                return self._another_time(state, match, turn)
            case _ if match.entry in ("oui", "non") and match.detail != BEGINS:
                return self._yes_or_no(state, turn, yes=match.entry == "oui")
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
        if state.phase is Phase.NAME:
            return self._named(state, "")
        if state.phase is Phase.WHEN:
            return self._soon(state, turn)
        if key in ("1", "2"):
            return self._yes_or_no(state, turn, yes=key == "1")
        return self.talk.listen(state)

    def again(self, state: State) -> Step:
        """Not understood while a callback is being taken: ask again, with the keys to press."""
        if state.phase is Phase.NAME:
            return self._named(state, "")
        keys = {Phase.NUMBER: "callback.number-again", Phase.WHEN: "callback.when-again"}
        say = self.talk.say(state, keys.get(state.phase, "callback.yes-no"))
        return self.talk.ask(state, state.phase, say)

    def anyway(self, state: State, turn: Turn) -> Step | None:
        """Not understood again: the number is known, so the callback is taken, with what is known.

        None while the number is not confirmed.
        """
        if state.phase is Phase.WHEN_OK:
            return self._write(state)
        return self._soon(state, turn) if state.phase is Phase.WHEN else None

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
        when = self._written(state, draft, turn)
        say = self.talk.say(state, key, when=when, number=number, reference=reference)
        state = replace(state, answered=(*state.answered, CALLBACK), place_in=None)
        return self.talk.ask(state, Phase.MORE, say, self.talk.say(state, "more"))

    def _yes_or_no(self, state: State, turn: Turn, *, yes: bool) -> Step:
        state = replace(state, misunderstood=0)
        match state.phase, yes:
            case Phase.WHEN_OK, True:
                return self._write(state)
            case Phase.WHEN_OK, False:
                return self.talk.ask(state, Phase.WHEN, self.talk.say(state, "callback.when"))
            case _, True:
                return self.talk.ask(state, Phase.NAME, self.talk.say(state, "callback.name"))
        state = replace(state, callback=replace(draft_of(state), number="", digits=""))
        return self.talk.ask(state, Phase.NUMBER, self.talk.say(state, "callback.number"))

    def _named(self, state: State, name: str) -> Step:
        draft = replace(draft_of(state), name=name)
        state = replace(state, callback=draft, misunderstood=0, silences=0)
        return self.talk.ask(state, Phase.WHEN, self.talk.say(state, "callback.when"))

    def _part(self, state: State, digits: str) -> Step:
        """A number, or as many digits of it as are said at a time."""
        before = draft_of(state).digits
        together = before + digits
        if len(digits) >= FRENCH_NUMBER or (len(together) > FRENCH_NUMBER and digits[0] == "0"):
            together = digits  # said anew from the beginning
        if not re.fullmatch(r"0[1-9][0-9]{0,7}|0", together):
            return self._number(state, together)
        state = replace(state, callback=replace(draft_of(state), digits=together), misunderstood=0)
        return self.talk.ask(state, Phase.NUMBER, self.talk.say(state, "callback.go-on"))

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

    def _when(self, state: State, text: str, turn: Turn) -> Step:
        """A time that the caller wishes: read back, or another proposed where it cannot be."""
        wanted = words.moment(text)
        if not wanted:
            return self._soon(state, turn)
        draft = draft_of(state)
        try:
            found = understand(text, self._agenda(draft, turn))
        except LookupError:  # nobody will be there for months: whoever is there then decides
            return self._write(replace(state, callback=replace(draft, wanted=wanted)))
        if found is None:
            again = state.misunderstood == 0
            state = replace(state, misunderstood=state.misunderstood + 1)
            return self.again(state) if again else self._soon(state, turn, wanted)
        window = found.instead if isinstance(found, Impossible) else found
        draft = replace(draft, wanted=wanted, window=window)
        state = replace(state, callback=draft, misunderstood=0)
        if found == window and window.soon:
            return self._write(state)
        key = f"callback.when.{found.why}" if isinstance(found, Impossible) else "callback.when-ok"
        department = self.talk.knowledge.department_name(draft.department, state.language)
        when = self._written(state, draft, turn)
        say = self.talk.say(state, key, department=department, when=when)
        return self.talk.ask(state, Phase.WHEN_OK, say)

    def _another_time(self, state: State, match: Match, turn: Turn) -> Step | None:
        """ "Non, plutôt jeudi": a no with a new time in it, or without."""
        try:
            found = understand(match.text, self._agenda(draft_of(state), turn))
        except LookupError:
            found = None
        if found is not None:
            return self._when(state, match.text, turn)
        return self._yes_or_no(state, turn, yes=False) if match.entry == "non" else None

    def _soon(self, state: State, turn: Turn, wanted: str = "") -> Step:
        """As soon as people can; what the caller said beyond that is kept for them to read."""
        draft = draft_of(state)
        try:
            window = soon(self._agenda(draft, turn))
        except LookupError:
            window = None
        return self._write(replace(state, callback=replace(draft, wanted=wanted, window=window)))

    def _write(self, state: State) -> Step:
        draft = draft_of(state)
        state = replace(state, phase=Phase.WRITING)
        due, until = (draft.window.start, draft.window.end) if draft.window else (None, None)
        who, why = draft.name, draft.reason
        take = TakeCallback(draft.number, draft.department, why, draft.wanted, who, due, until)
        return state, (take,)

    def _agenda(self, draft: CallbackDraft, turn: Turn) -> Agenda:
        knowledge = self.talk.knowledge
        schedule = knowledge.departments[draft.department].schedule
        return Agenda(knowledge.hours, schedule, knowledge.hours.local(turn.at))

    def _written(self, state: State, draft: CallbackDraft, turn: Turn) -> str:
        """When it will be, as it is read back."""
        language = self.talk.knowledge.wordings.get(state.language, FRENCH)
        if draft.window is None:
            return language.soon
        return written(draft.window, self.talk.knowledge.hours.local(turn.at), language)

    def _checked(self, number: str) -> str | Refused:
        return numbers.check(number, self.talk.knowledge.own_numbers, self.talk.called_back)


def _leaves(match: Match) -> bool:
    """Whether the caller is satisfied and says goodbye."""
    return match.entry == "au-revoir" and match.score >= LEAVES and not words.gives_up(match.text)


def _asks_else(match: Match) -> bool:
    """Whether the caller clearly wants something else than to answer."""
    sure = match.decision is Decision.ANSWER
    return sure and match.entry in ("operateur", "repeter")


def _asks_plainly(match: Match) -> bool:
    """Whether a sentence that resembles a name cannot be one."""
    asks = match.entry == "repeter" or words.wants_person(match.text)
    return asks and not match.person


def draft_of(state: State) -> CallbackDraft:
    """The callback being taken."""
    return state.callback or CallbackDraft(state.department or RECEPTION, "")
