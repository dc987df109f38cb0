"""What the call log tells about calls and callers, for the pages that follow them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from ivr.calllog.database import Database
from ivr.calllog.tables import Call, OperatorNote, QueueStay
from ivr.retention.numbers import canonical, spellings

RECENT = 20
"""Calls that are shown when those in progress cannot be seen."""
LONGEST_WAIT = timedelta(hours=6)
"""Nobody waits longer in a queue."""
EARLIER = 5
"""Earlier calls of a caller that are shown."""


async def call_with_turns(database: Database, call_id: str) -> Call | None:
    """One call and its conversation; None when it is not known."""
    query = select(Call).where(Call.id == call_id).options(selectinload(Call.turns))
    return await database.run(lambda session: session.scalar(query))


async def recent_calls(database: Database) -> list[Call]:
    """The latest calls, newest first."""
    query = select(Call).order_by(Call.started_at.desc()).limit(RECENT)
    return await database.run(lambda session: list(session.scalars(query)))


async def earlier_calls(database: Database, number: str | None, but: str) -> list[Call]:
    """The calls of a number but this one, newest first; none for a withheld number."""
    if not number:
        return []
    query = (
        select(Call)
        .where(Call.caller_number.in_(spellings(canonical(number))), Call.id != but)
        .options(selectinload(Call.turns))
        .order_by(Call.started_at.desc())
        .limit(EARLIER)
    )
    return await database.run(lambda session: list(session.scalars(query)))


async def stay(database: Database, call_id: str) -> QueueStay | None:
    """The latest stay of a call in a queue."""
    query = (
        select(QueueStay).where(QueueStay.call_id == call_id).order_by(QueueStay.joined_at.desc())
    )
    return await database.run(lambda session: session.scalar(query.limit(1)))


async def without_note(database: Database, extension: str, since: datetime) -> list[str]:
    """The calls that an operator has answered since then and not written about, newest first."""
    noted = select(OperatorNote.call_id).where(OperatorNote.operator == extension)
    query = (
        select(QueueStay.call_id)
        .where(
            QueueStay.joined_at >= since - LONGEST_WAIT,  # the index
            QueueStay.operator == extension,
            QueueStay.answered_at >= since,
            QueueStay.call_id.not_in(noted),
        )
        .order_by(QueueStay.answered_at.desc())
        .limit(3)
    )
    return await database.run(lambda session: list(session.scalars(query)))


async def departments_of(database: Database, call_id: str) -> set[str]:
    """The departments that have had a call."""

    def work(session: Session) -> set[str]:
        stays = session.scalars(select(QueueStay.department).where(QueueStay.call_id == call_id))
        call = session.get(Call, call_id)
        return {*stays, *([call.department] if call and call.department else [])}

    return await database.run(work)


async def write_note(database: Database, note: OperatorNote) -> None:
    """What an operator says of a call; a second note about it replaces their first."""

    def work(session: Session) -> None:
        known = session.scalar(
            select(OperatorNote).where(
                OperatorNote.call_id == note.call_id, OperatorNote.operator == note.operator
            )
        )
        if known is None:
            session.add(note)
        else:
            known.outcome, known.text, known.at = note.outcome, note.text, note.at

    await database.run(work)
