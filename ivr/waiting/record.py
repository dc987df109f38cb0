"""Stays in queues written down as they happen, and what became of the calls in the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.asterisk import ami_events as ami
from ivr.asterisk.ami import Ami
from ivr.calllog.database import Database
from ivr.calllog.tables import Call, QueueStay
from ivr.errors import AsteriskError, CallLogError
from ivr.waiting.stays import ABANDONED, UNKNOWN, CallOver, Change, Stay, Stays

log = logging.getLogger(__name__)

RETRY_S = 2.0
"""Seconds between two attempts to write, or to ask Asterisk."""
_FIELDS = (
    "call_id", "department", "joined_at", "caller_number", "reason", "priority", "answered_at",
    "ended_at", "outcome", "operator",
)  # fmt: skip


class Recorder:
    """Keeps the table of stays. ``over`` is told of each call that has ended, once written."""

    def __init__(
        self, database: Database, stays: Stays, client: Ami, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._stays = stays
        self._client = client
        self._now = now
        self._todo: asyncio.Queue[tuple[Change, dict[str, object]] | None] = asyncio.Queue()
        self._watchers: list[Callable[[CallOver], None]] = []
        client.subscribe(self._took)

    def subscribe(self, over: Callable[[CallOver], None]) -> None:
        """Have a function told of each call that is over; it must not wait."""
        self._watchers.append(over)

    async def run(self) -> None:
        """Write for ever, in order; what the database refuses is tried again."""
        while True:
            todo = await self._todo.get()
            while True:
                try:
                    await (self._resume() if todo is None else self._write(*todo))
                    break
                except CallLogError as error:
                    log.error("stays in queues are not written: %s", error)
                    await asyncio.sleep(RETRY_S)
                except AsteriskError as error:
                    log.warning("stays in queues are not known: %s", error)
                    if not self._client.connected.is_set():  # it will be asked when it is back
                        break
                    await asyncio.sleep(RETRY_S)

    def _took(self, event: ami.AmiEvent) -> None:
        if isinstance(event, ami.Connected):
            self._stays.forget()
            self._todo.put_nowait(None)
        for change in self._stays.took(event):
            values = {name: getattr(change, name) for name in _FIELDS if isinstance(change, Stay)}
            self._todo.put_nowait((change, values))

    async def _write(self, change: Change, values: dict[str, object]) -> None:
        if isinstance(change, Stay):
            known = change.id
            change.id = await self._database.run(lambda session: _put(session, known, values))
            return
        if not change.answered:
            await self._database.run(lambda session: _abandoned(session, change.call_id))
        for watcher in self._watchers:
            watcher(change)

    async def _resume(self) -> None:
        """After a while without Asterisk: the stays that last go on, the others are closed."""
        waiting = {call_id: queue for queue, call_id in await self._client.waiting()}
        living, now = set(await self._client.channels()), self._now()

        def work(session: Session) -> list[Stay]:
            going_on = []
            for row in session.scalars(select(QueueStay).where(QueueStay.ended_at.is_(None))):
                if self._stays.lasting(row.call_id):
                    continue
                waits = waiting.get(row.call_id) == row.department
                if row.call_id in living and (row.answered_at or waits):
                    values = {name: getattr(row, name) for name in _FIELDS}
                    going_on.append(Stay(**values, id=row.id))
                elif row.answered_at:  # for how long, nobody knows
                    row.ended_at = row.answered_at
                else:
                    row.ended_at, row.outcome = now, UNKNOWN
            return going_on

        for stay in await self._database.run(work):
            self._stays.adopt(stay)
        for call_id, queue in waiting.items():
            if not self._stays.lasting(call_id):
                stay = Stay(call_id, queue, now)
                self._stays.adopt(stay)
                values: dict[str, object] = {name: getattr(stay, name) for name in _FIELDS}
                stay.id = await self._database.run(
                    lambda session, values=values: _put(session, None, values)  # type: ignore[misc]
                )


def _put(session: Session, known: int | None, values: dict[str, object]) -> int:
    row = session.get(QueueStay, known) if known is not None else None
    if row is None:
        row = QueueStay(**values)
        if row.caller_number is None and (call := session.get(Call, row.call_id)):
            row.caller_number = call.caller_number
        session.add(row)
    else:
        for name in ("answered_at", "ended_at", "outcome", "operator"):
            setattr(row, name, values[name])
    session.flush()
    return row.id


def _abandoned(session: Session, call_id: str) -> None:
    """The caller was passed on and nobody spoke with them: that is no transfer."""
    session.execute(
        update(Call)
        .where(Call.id == call_id, Call.outcome == "transferred")
        .values(outcome=ABANDONED)
    )
