"""Missed calls: who was lost in a queue, and has not been spoken with since."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.callbacks.policy import OPEN
from ivr.callbacks.schedule import Callbacks, Wish
from ivr.calllog.database import Database
from ivr.calllog.tables import Callback, QueueStay
from ivr.dialogue import numbers
from ivr.errors import CallbackError, CallLogError
from ivr.waiting.stays import ABANDONED, UNKNOWN

log = logging.getLogger(__name__)

GRACE = timedelta(minutes=10)
"""Who hangs up may call again at once: a callback is taken only after so long."""
LOOK_BACK = timedelta(hours=24)
"""Calls missed earlier are left alone."""
LOOK_EVERY_S = 60.0
"""Seconds between two looks for missed calls."""


@dataclass(frozen=True)
class Missed:
    """A call that was lost in a queue."""

    call_id: str
    number: str | None
    """As presented; None when withheld."""
    department: str
    reason: str
    at: datetime
    """When the caller hung up or was cut off."""
    waited_s: int
    callback: str | None = None
    """The reference of a callback taken since, or open for this number."""
    answered_at: datetime | None = None
    """When the same number was answered by an operator afterwards."""


async def missed(database: Database, since: datetime) -> list[Missed]:
    """The calls missed since then, the latest first. Raises CallLogError."""
    return await database.run(lambda session: _missed(session, since))


class MissedCalls:
    """Has those called back who hung up in the queue, once each."""

    def __init__(
        self,
        database: Database,
        callbacks: Callbacks,
        own_numbers: Callable[[], frozenset[str]],
        now: Callable[[], datetime],
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        """allowed: ``foreign`` and ``premium`` where the town calls such numbers back."""
        self._database = database
        self._callbacks = callbacks
        self._own_numbers = own_numbers
        self._allowed = allowed
        self._now = now

    async def run(self) -> None:
        """Look for ever; a look that fails is logged, and the next one makes up for it."""
        while True:
            try:
                await self.look()
            except CallLogError as error:
                log.error("missed calls: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Take callbacks for those missed, cancel those of who has been spoken with since."""
        now = self._now()
        for one in await missed(self._database, now - LOOK_BACK):
            if one.answered_at is not None:
                await self._settled(one, now)
            elif one.callback is None and one.number and now - one.at >= GRACE:
                await self._take(one, one.number, now)

    async def _take(self, one: Missed, presented: str, now: datetime) -> None:
        number = numbers.check(presented, self._own_numbers(), self._allowed)
        if isinstance(number, numbers.Refused):
            log.debug("call %s: %s will not be called back: %s", one.call_id, presented, number.why)
            return
        reason = f"Appel manqué - {one.reason}" if one.reason else "Appel manqué"
        wish = Wish(number, one.department, reason, "", one.call_id, now, origin="missed")
        reference, _ = await self._callbacks.take(wish)
        log.info("call %s was missed: callback %s", one.call_id, reference)

    async def _settled(self, one: Missed, now: datetime) -> None:
        def work(session: Session) -> list[str]:
            query = select(Callback.reference).where(
                Callback.call_id == one.call_id,
                Callback.origin == "missed",
                Callback.state.in_(OPEN),
            )
            return list(session.scalars(query))

        for reference in await self._database.run(work):
            try:
                await self._callbacks.cancel(reference, now, "A rappelé entre-temps.")
            except CallbackError as error:  # it is being dialled at this moment
                log.info("callback %s: %s", reference, error)


def _missed(session: Session, since: datetime) -> list[Missed]:
    query = select(QueueStay).where(QueueStay.joined_at >= since)
    calls: dict[str, list[QueueStay]] = {}
    for stay in session.scalars(query.order_by(QueueStay.joined_at, QueueStay.id)):
        calls.setdefault(stay.call_id, []).append(stay)
    answered: dict[str, datetime] = {}
    for stays in calls.values():
        for stay in stays:
            if stay.answered_at and stay.caller_number:
                key = _same(stay.caller_number)
                answered[key] = max(stay.answered_at, answered.get(key, stay.answered_at))
    found = []
    for call_id, stays in calls.items():
        last = stays[-1]
        # Of unknown end are those whom a fault of ours has cut off, and of whom we had no news.
        lost = last.outcome in (ABANDONED, UNKNOWN) and not any(one.answered_at for one in stays)
        if not lost or last.ended_at is None:
            continue
        number = next((s.caller_number for s in stays if s.caller_number), None)
        later = answered.get(_same(number)) if number else None
        found.append(
            Missed(
                call_id,
                number,
                stays[0].department,
                next((stay.reason for stay in stays if stay.reason), ""),
                last.ended_at,
                round((last.ended_at - stays[0].joined_at).total_seconds()),
                _callback(session, call_id, number),
                later if later and later > last.ended_at else None,
            )
        )
    return sorted(found, key=lambda one: one.at, reverse=True)


def _callback(session: Session, call_id: str, number: str | None) -> str | None:
    wanted = Callback.call_id == call_id
    if number:
        same = numbers.check(number, frozenset(), frozenset(["foreign", "premium"]))
        if isinstance(same, str):
            wanted |= (Callback.number == same) & Callback.state.in_(OPEN)
    query = select(Callback.reference).where(wanted).order_by(Callback.id.desc())
    return session.scalars(query).first()


def _same(number: str) -> str:
    """One form for a number that is presented in several."""
    checked = numbers.check(number, frozenset(), frozenset(["foreign", "premium"]))
    return checked if isinstance(checked, str) else number
