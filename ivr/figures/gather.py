"""Reads from the call log what the figures need of the calls of some time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy.orm import Session

from ivr.calllog.tables import Call, Message, QueueStay, Turn
from ivr.figures.fate import CallFacts, Exchange, Stay

_STAY = (
    QueueStay.call_id,
    QueueStay.department,
    QueueStay.joined_at,
    QueueStay.answered_at,
    QueueStay.ended_at,
    QueueStay.outcome,
)


def calls_between(session: Session, start: datetime, end: datetime) -> Iterator[CallFacts]:
    """The calls that began at ``start`` or later, before ``end``, whole, however long they last.

    Those that the application never had begin with their first stay in a queue.
    """
    begun = and_(Call.started_at >= start, Call.started_at < end)
    turns, stays = _turns(session, begun), _stays(session, begun)
    messages = set(
        session.scalars(select(Message.call_id).join(Call, Call.id == Message.call_id).where(begun))
    )
    for call in session.execute(
        select(
            Call.id,
            Call.started_at,
            Call.ended_at,
            Call.outcome,
            Call.department,
            Call.language,
            Call.satisfaction,
        ).where(begun)
    ):
        yield CallFacts(
            started_at=call.started_at,
            ended_at=call.ended_at,
            outcome=call.outcome,
            department=call.department or "",
            language=call.language,
            satisfaction=call.satisfaction,
            turns=turns.get(call.id, ()),
            stays=stays.get(call.id, ()),
            message=call.id in messages,
        )
    yield from _without_application(session, start, end)


def _turns(session: Session, begun: ColumnElement[bool]) -> dict[str, list[Exchange]]:
    found: dict[str, list[Exchange]] = defaultdict(list)
    for turn in session.execute(
        select(Turn.call_id, Turn.at, Turn.happened, Turn.notes, Turn.about, Turn.response_ms)
        .join(Call, Call.id == Turn.call_id)
        .where(begun)
        .order_by(Turn.call_id, Turn.number)
    ):
        found[turn.call_id].append(
            Exchange(turn.at, turn.happened, turn.notes, turn.about, turn.response_ms)
        )
    return found


def _stays(session: Session, begun: ColumnElement[bool]) -> dict[str, list[Stay]]:
    return _by_call(
        session.execute(
            select(*_STAY)
            .join(Call, Call.id == QueueStay.call_id)
            .where(begun)
            .order_by(QueueStay.joined_at, QueueStay.id)
        ).all()
    )


def _without_application(session: Session, start: datetime, end: datetime) -> Iterator[CallFacts]:
    """Calls that only the queue saw; each counts when it first joined one."""
    joined = (
        select(QueueStay.call_id)
        .outerjoin(Call, Call.id == QueueStay.call_id)
        .where(QueueStay.joined_at >= start, QueueStay.joined_at < end, Call.id.is_(None))
        .scalar_subquery()
    )
    first = (
        select(QueueStay.call_id)
        .where(QueueStay.call_id.in_(joined))
        .group_by(QueueStay.call_id)
        .having(func.min(QueueStay.joined_at) >= start)
        .scalar_subquery()
    )
    rows = session.execute(
        select(*_STAY)
        .where(QueueStay.call_id.in_(first))
        .order_by(QueueStay.joined_at, QueueStay.id)
    ).all()
    for stays in _by_call(rows).values():
        ended = [stay.ended_at for stay in stays if stay.ended_at]
        yield CallFacts(
            started_at=stays[0].joined_at,
            ended_at=max(ended, default=None),
            outcome=None,
            stays=stays,
            with_application=False,
        )


def _by_call(rows: Sequence[Row[*tuple[Any, ...]]]) -> dict[str, list[Stay]]:
    found: dict[str, list[Stay]] = defaultdict(list)
    for row in rows:
        stay = Stay(row.department, row.joined_at, row.answered_at, row.ended_at, row.outcome)
        found[row.call_id].append(stay)
    return found
