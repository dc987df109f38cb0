"""Takes callbacks: in SQL before anything is promised, one open one per number and department."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import Callback

REFERENCE_DIGITS = "23456789"
"""Digits of a reference number: those that are not mistaken on a bad line (no 0, no 1)."""


@dataclass(frozen=True)
class Wish:
    """What a caller asked for."""

    number: str
    """E.164, checked by the dialogue."""
    department: str
    reason: str
    when: str
    """As said by the caller; empty means as soon as possible."""
    call_id: str
    at: datetime


class Callbacks:
    """The callbacks of a database. Every method raises CallLogError when that fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, wish: Wish) -> tuple[str, bool]:
        """Write a callback down, or update the open one of this number and department.

        Returns its reference and whether one was updated. It is on disk when this returns.
        """

        def work(session: Session) -> tuple[str, bool]:
            callback = session.scalar(
                select(Callback).where(
                    Callback.number == wish.number,
                    Callback.department == wish.department,
                    Callback.state == "pending",
                )
            )
            updated = callback is not None
            if callback is None:
                callback = Callback(
                    reference=_new_reference(session),
                    number=wish.number,
                    department=wish.department,
                    taken_at=wish.at,
                    due_at=wish.at,
                    state="pending",
                )
                session.add(callback)
            callback.reason, callback.wanted = wish.reason, wish.when
            callback.call_id, callback.updated_at = wish.call_id, wish.at
            return callback.reference, updated

        return await self._database.run(work)

    async def pending(self) -> list[Callback]:
        """The callbacks to be made, oldest first."""
        return await self._database.run(
            lambda session: list(
                session.scalars(
                    select(Callback).where(Callback.state == "pending").order_by(Callback.taken_at)
                ).all()
            )
        )

    async def close(self, reference: str, state: str, at: datetime) -> bool:
        """Mark a pending callback ``done`` or ``cancelled``; False if there is none such."""

        def work(session: Session) -> bool:
            callback = session.scalar(
                select(Callback).where(Callback.reference == reference, Callback.state == "pending")
            )
            if callback is None:
                return False
            callback.state, callback.updated_at = state, at
            return True

        return await self._database.run(work)


def _new_reference(session: Session) -> str:
    while True:
        reference = "".join(secrets.choice(REFERENCE_DIGITS) for _ in range(4))
        taken = select(Callback.id).where(
            Callback.reference == reference, Callback.state == "pending"
        )
        if session.scalar(taken) is None:
            return reference
