"""Bringing callers to people: a transfer, a wait, or a callback when nobody is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ivr.dialogue import words
from ivr.dialogue.leaving import LEAVING, Leaving
from ivr.dialogue.state import CallbackDraft, Phase, State
from ivr.dialogue.taking import BEGINS, TAKING, Taking
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import Availability, Outcome, Returned, Say, Transfer, Turn
from ivr.events import QueueOutcome
from ivr.knowledge.base import RECEPTION
from ivr.nlu.match import Match

PEOPLE_PHASES = TAKING | LEAVING | {Phase.WANT_CALLBACK}
"""The phases from which a caller goes to people, is to be called back, or leaves a message."""
MESSAGE_KEY = "3"
"""The key for a message where a callback is offered."""
MOST_WAITS = 4
"""Stays in queues without an operator after which a callback is offered and no further wait."""
LONGEST_TOLD = 30
"""Minutes: a longer wait is told without a number."""
CALL_BACK, BACK = "1", "#"
"""Keys: from the queue to a callback, and from taking a callback back to one's place."""
PASSED_ON = "Passé par un collègue"
"""Why a call reaches an operator that somebody at the town hall passes on."""

_EMPTY = frozenset(
    [
        QueueOutcome.JOIN_EMPTY,
        QueueOutcome.LEAVE_EMPTY,
        QueueOutcome.JOIN_UNAVAILABLE,
        QueueOutcome.LEAVE_UNAVAILABLE,
    ]
)
"""Nobody is there to wait for."""


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

    # --- to a person ---------------------------------------------------------------------------

    def reach(self, state: State, department: str, reason: str, turn: Turn, *says: Say) -> Step:
        """Transfer to a department, or whoever takes its calls; else a callback."""
        if not self.talk.people_there(turn.at):
            return self.closed(state, department, turn, *says)
        transfer = Transfer(department, self.talk.reason(state, reason), state.urgent)
        if state.urgent:
            return self.talk.hand_over(state, transfer, *(says or self._announced(state, transfer)))
        serving = self._serving(department, turn)
        if serving is None:
            return self._instead(state, department, "callback.nobody", *says)
        if serving != department:
            say = self.talk.say(state, "queue.nobody-there")
            transfer = replace(transfer, department=serving)
            says = (*says, say, *self._announced(state, transfer))
        return self._enter(state, transfer, turn, *says)

    def redirect(self, state: State, department: str, operator: str | None) -> Step:
        """Somebody at the town hall passes the call on, also when people are not at work."""
        if department not in self.talk.knowledge.departments:  # new since this call began
            department = RECEPTION
        reason = self.talk.reason(state, PASSED_ON)  # with what is being offered to the caller
        state = replace(state, callback=None, options=())
        say = self.talk.transfer_announcement(state, department)
        return self.talk.transfer(state, department, reason, say, to=operator)

    def wait(self, state: State, turn: Turn, *says: Say) -> Step:
        """Into the queue again, at the place the caller had."""
        department = state.place_in or state.department or RECEPTION
        says = says or (self.talk.say(state, "queue.wait"),)
        return self.reach(state, department, "A déjà attendu", turn, *says)

    def default(self, state: State) -> str:
        """The department that "un agent" means: where the caller has a place, or the topic's."""
        return state.place_in or self.talk.topic_department(state)

    def _enter(self, state: State, transfer: Transfer, turn: Turn, *says: Say) -> Step:
        """Into a queue: at once when somebody is free, else after saying how long it takes."""
        keeps = state.place_in == transfer.department and turn.ahead is not None
        place = turn.ahead + 1 if keeps and turn.ahead is not None else None
        transfer = replace(transfer, place=place)
        known = turn.queues.get(transfer.department)
        place = place or (known.waiting + 1 if known else None)
        if known is not None and place is not None and known.free >= place:
            says = says or self._announced(state, transfer)
        elif state.waits >= MOST_WAITS:
            return self._instead(state, transfer.department, "callback.instead")
        elif place is None:
            says = says or self._announced(state, transfer)
        else:
            transfer = replace(transfer, busy=True, exits=CALL_BACK)
            says = (*says, *self._told(state, place, known))
        return self.talk.hand_over(state, transfer, *says)

    def _told(self, state: State, place: int, known: Availability | None) -> Iterator[Say]:
        """The caller's place, how long it takes, and the way out."""
        yield self.talk.say(state, "queue.busy")
        if place == 1:
            yield self.talk.say(state, "queue.next")
        else:
            yield self.talk.say(state, "queue.position", position=str(place))
        if known is not None and known.wait_s is not None:
            minutes = max(1, round(known.wait_s * place / (known.waiting + 1) / 60))
            if minutes == 1:
                yield self.talk.say(state, "queue.minute")
            elif minutes <= LONGEST_TOLD:
                yield self.talk.say(state, "queue.minutes", minutes=str(minutes))
            else:
                yield self.talk.say(state, "queue.very-long")
        yield self.talk.say(state, "queue.way-out")

    def _announced(self, state: State, transfer: Transfer) -> tuple[Say, ...]:
        return (self.talk.transfer_announcement(state, transfer.department),)

    def _serving(self, department: str, turn: Turn) -> str | None:
        """Who takes a department's calls now; None when it is known that nobody does."""
        for one in self._chain(department):
            if (known := turn.queues.get(one)) is None or known.present:
                return one
        return None

    def _elsewhere(self, department: str, turn: Turn) -> str | None:
        """Another department that could help, where somebody is free."""
        for one in self._chain(department):
            known = turn.queues.get(one)
            if one != department and known is not None and known.free > known.waiting:
                return one
        return None

    def _chain(self, department: str) -> tuple[str, ...]:
        """A department and those that take over."""
        found = self.talk.knowledge.departments.get(department)
        overflow = found.overflow if found else None
        return tuple(dict.fromkeys(one for one in (department, overflow, RECEPTION) if one))

    # --- from the queue ------------------------------------------------------------------------

    def back(self, state: State, back: Returned, turn: Turn) -> Step:
        """The call comes back from the queue: wait on, be called back, or somewhere else?"""
        department = state.department or RECEPTION
        state = replace(state, department=department, place_in=department)
        if back.outcome is QueueOutcome.KEY:
            if back.key == CALL_BACK:
                return self.call_back(state)
            return self.wait(state, turn, self.talk.say(state, "queue.still-waiting"))
        state = replace(state, waits=state.waits + 1)
        there = self.talk.people_there(turn.at)
        if state.urgent and (back.outcome in _EMPTY or not there):
            say = self.talk.say(state, "emergency.nobody")
            return self.talk.ask(state, Phase.REQUEST, say)
        if not there:
            return self.closed(state, department, turn)
        if back.outcome in _EMPTY:
            return self._instead(state, department, "callback.nobody")
        if state.waits >= MOST_WAITS:
            return self._instead(state, department, "callback.instead")
        says = [self.talk.say(state, "queue.nobody-free")]
        if elsewhere := self._elsewhere(department, turn):
            name = self.talk.knowledge.department_name(elsewhere, state.language)
            says.append(self.talk.say(state, "queue.elsewhere", department=name))
        return self.talk.ask(replace(state, elsewhere=elsewhere), Phase.WAIT, *says)

    def waiting(self, state: State, key: str, turn: Turn) -> Step | None:
        """A key pressed when asked whether to wait; None when it means nothing here."""
        match key:
            case "1":
                return self.call_back(state)
            case "2":
                return self.wait(state, turn)
            case "3" if state.elsewhere is not None:
                return self.reach(state, state.elsewhere, "A déjà attendu", turn)
        return None

    # --- a callback instead --------------------------------------------------------------------

    def call_back(self, state: State) -> Step:
        """The caller wants to be called back, and keeps their place in the queue until it is so."""
        department = state.place_in or state.department or RECEPTION
        says = (self.talk.say(state, "queue.keeps-place"),) if state.place_in else ()
        return self.taking.begin(state, department, *says)

    def closed(self, state: State, department: str, turn: Turn, *says: Say) -> Step:
        """Nobody is at work: say when somebody will be, and offer to call back."""
        say = self.talk.with_opening(state, "callback.closed", department, turn.at)
        return self._offer(state, department, *says, say)

    def _instead(self, state: State, department: str, why: str, *says: Say) -> Step:
        """People are at work, and cannot be had."""
        return self._offer(state, department, *says, self.talk.say(state, why))

    def _offer(self, state: State, department: str, *says: Say) -> Step:
        """A callback, or a message where they are taken."""
        draft = CallbackDraft(department, self.talk.reason(state))
        state = replace(
            state, callback=draft, department=department, misunderstood=0, silences=0, place_in=None
        )
        if self.messages:
            says = (*says, self.talk.say(state, "message.or"))
        return self.talk.ask(state, Phase.WANT_CALLBACK, *says)

    def heard(self, state: State, match: Match, turn: Turn) -> Step | None:
        """What the caller said in one of these phases; None when it is something else."""
        # "Je reste chez moi" is an answer to "when?".
        if (
            state.place_in
            and state.phase not in (Phase.WHEN, Phase.NAME)
            and words.waits(match.text)
        ):
            return self.wait(state, turn)
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
        digits = state.callback.digits if state.callback else ""
        if key == BACK and state.place_in and not digits and state.phase is not Phase.NAME:
            return self.wait(state, turn)
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
        if not self.talk.people_there(turn.at):
            say = self.talk.with_opening(state, "callback.given-up", department, turn.at)
        elif state.phase is Phase.WANT_CALLBACK:  # there is nobody, or the wait has been long
            say = self.talk.say(state, "callback.given-up.later")
        else:
            say = self.talk.say(state, "help.person")
            return self.reach(replace(state, callback=None), department, "", turn, say)
        return self.talk.hang_up(state, Outcome.GAVE_UP, say)

    def _called_back(self, state: State, *, yes: bool) -> Step:
        state = replace(state, misunderstood=0)
        if yes:
            return self.taking.begin(state, state.department or RECEPTION)
        state = replace(state, callback=None)
        if self.messages:
            return self.leaving.offer(state)
        return self.talk.ask(state, Phase.MORE, self.talk.say(state, "more"))
