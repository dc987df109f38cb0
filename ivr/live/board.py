"""The calls in progress, kept in the memory of ``ivr serve`` as its conversations tell of them.

Only the latest state of a call waits to be told to those who watch: however long Redis is away,
what is kept grows with the calls in progress and with nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from ivr.calllog.log import CallEnd, TurnRecord
from ivr.dialogue import turns
from ivr.dialogue.state import State
from ivr.events import CallStarted
from ivr.live.messages import (
    Answer,
    CallChanged,
    CallOver,
    Change,
    Everything,
    Health,
    Heartbeat,
    LiveCall,
    LiveTurn,
    People,
    PeopleChanged,
    Place,
)

MOST_TURNS = 8
"""Turns of a call that are shown."""
LONGEST = 600
"""Characters of what was heard or said that are shown."""
ON_ITS_WAY_S = 5
"""Within which a call that the machine has let go of reaches the queue."""
ORDERS = {turns.Redirected: "redirected", turns.Dismissed: "dismissed"}
"""What an order that is carried out is called in the call log."""


@dataclass
class _Line:
    """How to steer a conversation."""

    order: Callable[[turns.Order], None]
    given: list[tuple[str, asyncio.Future[Answer]]]
    """Orders that are not carried out yet: the happening awaited, and who waits for it."""


class Board:
    """An observer of calls (see ``observer.Observer``) that remembers those in progress."""

    def __init__(self) -> None:
        self._calls: dict[str, LiveCall] = {}
        self._lines: dict[str, _Line] = {}
        self._people: People | None = None
        self._untold: set[str] = set()
        """Calls that changed; one that is not on the board any more has ended."""
        self._people_untold = False
        self._everything_wanted = True
        self._changed = asyncio.Event()

    # --- what the conversations tell -----------------------------------------------------------

    def began(self, started: CallStarted, order: Callable[[turns.Order], None]) -> None:
        """A conversation begins, or goes on after a stay in the queue."""
        known = self._calls.get(started.call_id)
        call = known or LiveCall(
            started.call_id, started.caller.number, started.caller.name, started.at
        )
        self._lines[call.id] = _Line(order, [])
        self._put(replace(call, place=Place.MACHINE, since=started.at, operator=None, reason=""))

    def turned(self, call_id: str, turn: TurnRecord, state: State) -> None:
        """Something happened, and this was said."""
        if (call := self._calls.get(call_id)) is None:
            return
        shown = LiveTurn(
            turn.at, turn.happened, turn.heard[:LONGEST], turn.entry, turn.score, turn.decision,
            turn.said[:LONGEST],
        )  # fmt: skip
        self._put(
            replace(
                call,
                phase=state.phase.value,
                department=state.department,
                entry=state.last_entry,
                turns=(*call.turns, shown)[-MOST_TURNS:],
            )
        )
        if line := self._lines.get(call_id):
            for awaited, waiting in line.given:
                if awaited == turn.happened and not waiting.done():
                    waiting.set_result(Answer.DONE)

    def ended(self, call_id: str, end: CallEnd) -> None:
        """The machine has let go of a call: it is over, or with people now."""
        line, call = self._lines.pop(call_id, None), self._calls.get(call_id)
        with_people = end.department is not None
        for _, waiting in line.given if line else ():
            if not waiting.done():
                waiting.set_result(Answer.ELSEWHERE if with_people else Answer.OVER)
        if call is not None and with_people and self._people is not None:
            self._put(
                replace(
                    call, place=Place.QUEUE, since=end.at, department=end.department,
                    reason=end.reason,
                )
            )  # fmt: skip
        elif call is not None:
            self._drop(call_id)

    # --- what Asterisk tells about people ------------------------------------------------------

    def people(self, people: People | None, at: datetime) -> None:
        """Operators and queues as they are now; None when that cannot be known."""
        self._people, self._people_untold = people, True
        self._settle(at)
        self._changed.set()

    def _settle(self, at: datetime) -> None:
        """Where each call is that the machine has let go of; one that is with nobody is over."""
        people = self._people
        waiting = {one.call_id: q for q in people.queues for one in q.waiting} if people else {}
        busy = {one.call_id: one for one in people.operators if one.call_id} if people else {}
        for call in [one for one in self._calls.values() if one.id not in self._lines]:
            if (talks := busy.get(call.id)) and talks.state != "ringing":
                moved = replace(call, place=Place.OPERATOR, operator=talks.extension)
            elif queue := waiting.get(call.id):
                moved = replace(call, department=queue.department, operator=None)
            elif talks or (call.since and (at - call.since).total_seconds() < ON_ITS_WAY_S):
                continue  # it rings at the one operator that somebody chose, or is on its way
            else:
                self._drop(call.id)
                continue
            if moved != call:
                self._put(replace(moved, since=at))

    # --- orders --------------------------------------------------------------------------------

    def place(self, call_id: str) -> Place | None:
        """Who has a call; None when it is over."""
        if call_id in self._lines:
            return Place.MACHINE
        call = self._calls.get(call_id)
        return call.place if call else None

    async def steer(self, call_id: str, order: turns.Order, patience_s: float) -> Answer:
        """Give an order to a conversation, and see whether it carries it out."""
        if (line := self._lines.get(call_id)) is None:
            return Answer.OVER
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        given = ORDERS[type(order)], waiting
        line.given.append(given)
        line.order(order)
        try:
            async with asyncio.timeout(patience_s):
                return await waiting
        except TimeoutError:
            return Answer.NO_REPLY
        finally:
            line.given.remove(given)

    # --- for those who watch -------------------------------------------------------------------

    def ask_everything(self) -> None:
        """Somebody begins to watch."""
        self._everything_wanted = True
        self._changed.set()

    async def until_changed(self, at_most_s: float) -> None:
        """Returns when there is something to tell, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):  # wait_for may lose a cancellation
                await self._changed.wait()

    def untold(self, health: Health, at: datetime) -> list[Change]:
        """What has changed since the last time, which is to be told now."""
        self._settle(at)  # no news of people comes when a call ends on its way to them
        self._changed.clear()
        told, self._untold = self._untold, set()
        people_told, self._people_untold = self._people_untold, False
        if self._everything_wanted:
            self._everything_wanted = False
            return [Everything(tuple(self._calls.values()), self._people, health)]
        changes: list[Change] = [
            CallChanged(call) if (call := self._calls.get(name)) else CallOver(name)
            for name in sorted(told)
        ]
        if people_told:
            changes.append(PeopleChanged(self._people))
        return [*changes, Heartbeat(health)]

    def _put(self, call: LiveCall) -> None:
        self._calls[call.id] = call
        self._tell(call.id)

    def _drop(self, call_id: str) -> None:
        del self._calls[call_id]
        self._tell(call_id)

    def _tell(self, call_id: str) -> None:
        self._untold.add(call_id)
        self._changed.set()
