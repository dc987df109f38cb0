"""Leaving a spoken message when nobody can be reached: recorded after the caller is told so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.dialogue import numbers, words
from ivr.dialogue.numbers import Refused
from ivr.dialogue.state import CALLBACK, MESSAGE, Phase, State
from ivr.dialogue.taking import BEGINS, Reach
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import (
    DropMessage,
    KeepMessage,
    MessageKept,
    Record,
    Recorded,
    RecordingFailed,
    Replay,
    Turn,
)
from ivr.knowledge.base import RECEPTION
from ivr.nlu.match import Match

LEAVING = frozenset([Phase.WANT_MESSAGE, Phase.REVIEW])
"""The phases in which the caller is asked about a message."""
MOST_EMPTY = 2
"""Recordings in which nothing was said, before something else is talked about."""
_KEYS = {"1": "keep", "2": "listen", "3": "again", "4": "drop"}
"""What the keys do with the message just recorded."""


@dataclass(frozen=True)
class Leaving:
    """The part of the dialogue that ends with a message on disk."""

    talk: Talk
    reach: Reach
    """Where the caller goes who presses 0 while recording."""

    def offer(self, state: State) -> Step:
        """Nobody can be reached: does the caller want to leave a message?"""
        state = replace(state, misunderstood=0, silences=0)
        return self.talk.ask(state, Phase.WANT_MESSAGE, self.talk.say(state, "message.offer"))

    def begin(self, state: State) -> Step:
        """Say that it will be recorded, and record."""
        checked = numbers.check(state.caller_number or "", self.talk.knowledge.own_numbers)
        number = "" if isinstance(checked, Refused) else checked
        record = Record(state.department or RECEPTION, self.talk.reason(state), number)
        say = self.talk.say(state, "message.begin")
        state = replace(
            state,
            phase=Phase.RECORDING,
            callback=None,
            misunderstood=0,
            silences=0,
            spoken=(say,),
        )
        return state, (say, record)

    def recorded(self, state: State, what: Recorded | RecordingFailed, turn: Turn) -> Step:
        """The recording has ended: what shall become of it?"""
        if isinstance(what, RecordingFailed):
            return self._on(state, "message.failed")
        if what.key == "0":
            return self.reach(state, state.department or RECEPTION, "", turn)
        if not what.seconds:
            state = replace(state, empty_messages=state.empty_messages + 1)
            if state.empty_messages >= MOST_EMPTY:
                return self._on(state, "message.nothing")
            says = (
                self.talk.say(state, "message.nothing"),
                self.talk.say(state, "message.retry"),
            )
            return self.talk.ask(state, Phase.WANT_MESSAGE, *says)
        state = replace(state, empty_messages=0)
        cut = (self.talk.say(state, "message.too-long"),) if what.too_long else ()
        return self.talk.ask(state, Phase.REVIEW, *cut, self.talk.say(state, "message.review"))

    def kept(self, state: State, what: MessageKept) -> Step:
        """The message is safe."""
        answered = (*state.answered, CALLBACK if what.reference else MESSAGE)
        state = replace(state, answered=answered)
        if what.reference is None:
            return self._on(state, "message.kept")
        reference = " ".join(what.reference)
        return self._on(state, "message.kept-callback", reference=reference)

    def heard(self, state: State, match: Match, turn: Turn) -> Step | None:
        """What the caller said in one of these phases; None when it is something else."""
        yes = match.entry == "oui" and match.detail != BEGINS
        if state.phase is Phase.WANT_MESSAGE:
            if yes or words.wants_message(match.text):
                return self.begin(state)
            return self._on(state) if match.entry == "non" else None
        wish = words.review(match.text) or ("keep" if yes else None)
        if wish is None and match.entry == "repeter":
            wish = "listen"
        return self._decided(state, wish) if wish else None

    def keyed(self, state: State, key: str) -> Step:
        """A key pressed in one of these phases."""
        if state.phase is Phase.REVIEW and key in _KEYS:
            return self._decided(state, _KEYS[key])
        if state.phase is Phase.WANT_MESSAGE and key in ("1", "3"):
            return self.begin(state)
        if state.phase is Phase.WANT_MESSAGE and key == "2":
            return self._on(state)
        return self.again(state)

    def again(self, state: State) -> Step:
        """Not understood: the keys to press."""
        review = state.phase is Phase.REVIEW
        key = "message.review" if review else "callback.yes-no"
        return self.talk.ask(state, state.phase, self.talk.say(state, key))

    def keep(self, state: State) -> Step:
        """Keep the message as it is."""
        return replace(state, phase=Phase.KEEPING, misunderstood=0), (KeepMessage(),)

    def _decided(self, state: State, wish: str) -> Step:
        state = replace(state, misunderstood=0)
        match wish:
            case "keep":
                return self.keep(state)
            case "listen":
                state, actions = self.again(state)
                return state, (Replay(), *actions)
            case "again":
                return self.begin(state)
            case _:
                state, actions = self._on(state, "message.dropped")
                return state, (DropMessage(), *actions)

    def _on(self, state: State, key: str | None = None, **params: str) -> Step:
        """On to whatever else the caller wants."""
        says = (self.talk.say(state, key, **params),) if key else ()
        state = replace(state, misunderstood=0)
        return self.talk.ask(state, Phase.MORE, *says, self.talk.say(state, "more"))
