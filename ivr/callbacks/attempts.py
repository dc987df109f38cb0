"""Attempts to call somebody back, in SQL: begun once, settled once, whatever is killed between."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ivr.callbacks.policy import Outcome, Policy, State, Verdict
from ivr.calllog.database import Database
from ivr.calllog.tables import Callback, CallbackAttempt

_PREFIX = "rappel-"


@dataclass(frozen=True)
class Attempt:
    """One that has begun and is not settled."""

    id: str
    """Names its channel in Asterisk."""
    callback: Callback
    operator: str
    """The extension that rings first."""
    started_at: datetime


class Attempts:
    """The attempts of a database. Every method raises CallLogError when that fails."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._policy = policy

    async def pending(self, at: datetime | None = None) -> list[Callback]:
        """Those that wait, of which the time has come by then when ``at`` is given."""
        query = (
            select(Callback)
            .where(Callback.state == State.PENDING)
            .order_by(Callback.due_at, Callback.id)
        )
        if at is not None:
            query = query.where(Callback.due_at <= at)
        return await self._database.run(lambda session: list(session.scalars(query)))

    async def begin(self, callback: Callback, operator: str, at: datetime) -> str | None:
        """Claim it for one attempt; None when it is not to be made now.

        From here on no other attempt can begin within the interval. Returns the attempt's id.
        """
        hold = self._policy.interval(callback.attempts)
        return await self._database.run(
            lambda session: begin(session, callback.id, operator, at, hold)
        )

    def opening(self, department: str, at: datetime) -> datetime:
        """The first moment from ``at`` on when its people can call."""
        return self._policy.opening(department, at)

    async def postpone(self, department: str, at: datetime, until: datetime) -> None:
        """Nobody of the department is at work: what is due by ``at`` waits until they are."""
        where = (
            Callback.department == department,
            Callback.state == State.PENDING,
            Callback.due_at <= at,
        )
        await self._database.run(
            lambda session: session.execute(update(Callback).where(*where).values(due_at=until))
        )

    async def under_way(self) -> list[Attempt]:
        """Those begun and not settled, the first first; also of callbacks that a person closed."""
        return await self._database.run(lambda session: _under_way(session))

    async def find(self, attempt: str) -> Attempt | None:
        """One that has begun; None when it is settled."""
        found = await self._database.run(lambda session: _under_way(session, attempt))
        return found[0] if found else None

    async def settle(self, attempt: str, outcome: Outcome, at: datetime) -> Callback | None:
        """Write down how it ended, and what follows; None when that was written already."""

        def work(session: Session) -> Callback | None:
            unsettled = (CallbackAttempt.id == attempt, CallbackAttempt.ended_at.is_(None))
            change = update(CallbackAttempt).where(*unsettled)
            done = session.execute(change.values(ended_at=at, outcome=outcome))
            if not done.rowcount:  # type: ignore[attr-defined]
                return None
            where = (Callback.attempt == attempt, Callback.state == State.DIALLING)
            callback = session.scalar(select(Callback).where(*where))
            if callback is not None:  # else a person has decided meanwhile
                verdict = self._policy.after(outcome, callback.attempts, at, callback.department)
                decide(callback, verdict, outcome, at)
                if callback.state == State.PENDING:
                    soonest = not_before(session, callback, self._policy)
                    callback.due_at = max(callback.due_at, soonest)
            return callback

        return await self._database.run(work)


def is_attempt(channel_id: str) -> bool:
    """Whether this channel of Asterisk is an operator's who is asked to call somebody back."""
    return channel_id.startswith(_PREFIX)


def _under_way(session: Session, attempt: str | None = None) -> list[Attempt]:
    query = (
        select(Callback, CallbackAttempt)
        .join(CallbackAttempt, CallbackAttempt.callback_id == Callback.id)
        .where(CallbackAttempt.ended_at.is_(None))
        .order_by(CallbackAttempt.started_at)
    )
    if attempt is not None:
        query = query.where(CallbackAttempt.id == attempt)
    return [Attempt(a.id, c, a.operator or "", a.started_at) for c, a in session.execute(query)]


def begin(
    session: Session,
    callback_id: int,
    operator: str,
    at: datetime,
    hold: timedelta,
    *,
    ordered: bool = False,
) -> str | None:
    """Claim a callback for one attempt in one statement: of two at once, one gets it.

    ordered: by a person, also before it is due. Returns the attempt's id, or None.
    """
    attempt = f"{_PREFIX}{callback_id}-{secrets.token_hex(6)}"
    claim = update(Callback).where(Callback.id == callback_id)
    if ordered:
        claim = claim.where(Callback.state.in_([State.PENDING, State.PERSON]))
    else:
        claim = claim.where(Callback.state == State.PENDING, Callback.due_at <= at)
    values = {
        "state": State.DIALLING, "attempt": attempt, "operator": operator, "due_at": at + hold,
        "updated_at": at,
    }  # fmt: skip
    if not session.execute(claim.values(**values)).rowcount:  # type: ignore[attr-defined]
        return None
    session.add(
        CallbackAttempt(id=attempt, callback_id=callback_id, operator=operator, started_at=at)
    )
    return attempt


def last(session: Session, callback_id: int) -> CallbackAttempt | None:
    """The latest attempt of a callback."""
    own = select(CallbackAttempt).where(CallbackAttempt.callback_id == callback_id)
    return session.scalar(own.order_by(CallbackAttempt.started_at.desc()).limit(1))


def not_before(session: Session, callback: Callback, policy: Policy) -> datetime:
    """The end of the interval since the citizen was last dialled; else when it was taken."""
    dialled = select(func.max(CallbackAttempt.started_at)).where(
        CallbackAttempt.callback_id == callback.id,
        CallbackAttempt.outcome.not_in(["", Outcome.NOBODY]),
    )
    last = session.scalar(dialled)
    if last is None:
        return callback.taken_at
    return last + policy.interval(max(0, callback.attempts - 1))


def decide(callback: Callback, verdict: Verdict, outcome: Outcome, at: datetime) -> None:
    """Write a verdict into a callback."""
    callback.state, callback.attempts, callback.due_at = (
        verdict.state, verdict.attempts, verdict.due_at,
    )  # fmt: skip
    callback.attempt, callback.operator, callback.updated_at = None, None, at
    if outcome is not Outcome.NOBODY:
        callback.outcome = outcome
