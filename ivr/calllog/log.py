"""The call log: each call and each turn written as it happens, readable whatever is killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, selectinload

from ivr.calllog.database import Database
from ivr.calllog.tables import Call, Turn
from ivr.events import CallStarted

T = TypeVar("T")


@dataclass(frozen=True)
class TurnRecord:
    """What is kept of one turn; see ``tables.Turn`` for the fields."""

    at: datetime
    happened: str
    heard: str = ""
    confidence: float | None = None
    entry: str | None = None
    score: float | None = None
    decision: str = ""
    said: str = ""
    about: str = ""
    notes: str = ""
    cut_short: float | None = None
    response_ms: int | None = None


@dataclass(frozen=True)
class CallEnd:
    """How a call left the machine."""

    at: datetime
    outcome: str
    ended_by: str
    department: str | None = None
    reason: str = ""


class CallLog:
    """The calls and turns of a database. Every method raises CallLogError when that fails."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unopened: dict[str, CallStarted] = {}
        """Calls whose opening is not known to be written: the next write about them opens them."""

    async def open_call(self, started: CallStarted) -> None:
        """A call begins, or comes back from the operators' queue and goes on."""
        self._unopened[started.call_id] = started
        await self._about(started.call_id, lambda session: None)

    async def add_turn(
        self, call_id: str, turn: TurnRecord, about_call: Mapping[str, object] | None = None
    ) -> int:
        """Append a turn; returns its number within the call, from 1.

        about_call: what the turn tells of the whole call, by column: ``language``,
        ``satisfaction``.
        """

        def work(session: Session) -> int:
            last = session.scalar(select(func.max(Turn.number)).where(Turn.call_id == call_id))
            number = (last or 0) + 1
            session.add(Turn(call_id=call_id, number=number, **vars(turn)))
            if about_call:
                session.execute(update(Call).where(Call.id == call_id).values(**about_call))
            return number

        return await self._about(call_id, work)

    async def set_response(self, call_id: str, number: int, response_ms: int) -> None:
        """Note how long the caller waited for the answer of a turn, once known."""
        where = (Turn.call_id == call_id, Turn.number == number)
        await self._database.run(
            lambda session: session.execute(
                update(Turn).where(*where).values(response_ms=response_ms)
            )
        )

    async def close_call(self, call_id: str, end: CallEnd) -> None:
        """The call has left the machine."""

        def work(session: Session) -> None:
            call = session.get(Call, call_id)
            if call is not None:
                call.ended_at, call.outcome, call.ended_by = end.at, end.outcome, end.ended_by
                call.department, call.reason = end.department, end.reason

        try:
            await self._about(call_id, work)
        finally:
            self._unopened.pop(call_id, None)

    async def _about(self, call_id: str, work: Callable[[Session], T]) -> T:
        started = self._unopened.get(call_id)

        def opened(session: Session) -> T:
            if started is not None:
                _open(session, started)
            return work(session)

        done = await self._database.run(opened)
        self._unopened.pop(call_id, None)
        return done

    async def close_interrupted(self) -> int:
        """Close the calls that a killed process left open, at the time of their last turn.

        Returns how many there were. To be called before the first call is taken.
        """

        def work(session: Session) -> int:
            open_calls = session.scalars(
                select(Call).where(Call.ended_at.is_(None)).options(selectinload(Call.turns))
            ).all()
            for call in open_calls:
                call.ended_at = call.turns[-1].at if call.turns else call.started_at
                call.outcome, call.ended_by = "interrupted", "failure"
            return len(open_calls)

        return await self._database.run(work)

    async def calls(
        self, *, limit: int = 50, since: timedelta | None = None, now: datetime | None = None
    ) -> list[Call]:
        """The latest calls with their turns, newest first."""

        def work(session: Session) -> list[Call]:
            query = select(Call).options(selectinload(Call.turns))
            if since is not None and now is not None:
                query = query.where(Call.started_at >= now - since)
            return list(session.scalars(query.order_by(Call.started_at.desc()).limit(limit)).all())

        return await self._database.run(work)


def _open(session: Session, started: CallStarted) -> None:
    call = session.get(Call, started.call_id)
    if call is not None:
        call.ended_at = call.outcome = call.ended_by = None
        return
    session.add(
        Call(
            id=started.call_id,
            caller_number=started.caller.number,
            caller_name=started.caller.name,
            dialled=started.dialled,
            started_at=started.at,
        )
    )
    session.flush()  # before what refers to it
