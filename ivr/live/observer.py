"""Who is told what happens in a call. A call never waits for its observer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ivr.calllog.log import CallEnd, TurnRecord
from ivr.dialogue.state import State
from ivr.dialogue.turns import Order
from ivr.events import CallStarted


class Observer(Protocol):
    """Is told of each call in order. Its methods return at once and raise nothing."""

    def began(self, started: CallStarted, order: Callable[[Order], None]) -> None:
        """A conversation begins, or goes on after a stay in the queue; ``order`` steers it.

        An order is carried out when the conversation next listens; one that comes too late is
        ignored, and ``ended`` follows without it.
        """

    def turned(self, call_id: str, turn: TurnRecord, state: State) -> None:
        """Something happened, and this was said; where the conversation stands now."""

    def ended(self, call_id: str, end: CallEnd) -> None:
        """The conversation is over; may be told again, with what became of it in the end."""


class Unobserved:
    """An observer that watches nothing."""

    def began(self, started: CallStarted, order: Callable[[Order], None]) -> None:
        """Nothing."""

    def turned(self, call_id: str, turn: TurnRecord, state: State) -> None:
        """Nothing."""

    def ended(self, call_id: str, end: CallEnd) -> None:
        """Nothing."""
