"""The callbacks in SQL: taken before anything is promised, and what people do with them."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ivr.callbacks import attempts
from ivr.callbacks.policy import OPEN, Outcome, Policy, State
from ivr.calllog.database import Database
from ivr.calllog.tables import Callback, CallbackAttempt
from ivr.errors import CallbackError, CallLogError
from ivr.retention.numbers import is_pseudonym

REFERENCE_DIGITS = "23456789"
"""Digits of a reference number: those that are not mistaken on a bad line (no 0, no 1)."""
SAID_BY_PEOPLE = (
    Outcome.REACHED, Outcome.BUSY, Outcome.NO_ANSWER, Outcome.VOICEMAIL, Outcome.REFUSED,
    Outcome.WRONG_NUMBER,
)  # fmt: skip
"""The outcomes that an operator may report."""


@dataclass(frozen=True)
class Wish:
    """What a caller asked for."""

    number: str
    """E.164, checked by the dialogue."""
    department: str
    reason: str
    when: str
    """As read back to the caller; empty means as soon as possible."""
    call_id: str
    at: datetime
    name: str = ""
    due: datetime | None = None
    """Not before; None: as soon as possible."""
    until: datetime | None = None
    """The end of what the caller wished; None when they named none."""
    origin: str = "caller"
    """As ``tables.Callback.origin``."""


class Jobs(Protocol):
    """Where callbacks are put to be made when they are due."""

    async def plan(self, callback_id: int, due_at: datetime) -> None:
        """Have it made when it is due. Never raises: the next sweep finds what was not planned."""

    async def ring(self, attempt: str) -> bool:
        """Have an attempt that has begun rung now; False, and nothing done, when that fails."""


class NoJobs:
    """Leaves it all to the sweeper."""

    async def plan(self, callback_id: int, due_at: datetime) -> None:
        """Do nothing."""

    async def ring(self, attempt: str) -> bool:
        """Nobody would do it."""
        return False


class Callbacks:
    """The callbacks of a database. Every method raises CallLogError when that fails.

    Methods that take a reference raise CallbackError, in French, when no open callback has it or
    when it cannot be done with it now.
    """

    def __init__(
        self, database: Database, jobs: Jobs | None = None, policy: Policy | None = None
    ) -> None:
        self._database = database
        self._jobs = jobs or NoJobs()
        self._policy = policy or Policy()

    async def take(self, wish: Wish) -> tuple[str, bool]:
        """Write a callback down, or update the open one of this number and department.

        Returns its reference and whether one was updated. It is on disk when this returns.
        """
        try:
            callback, updated = await self._database.run(
                lambda session: _take(session, wish, self._policy)
            )
        except CallLogError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            # The same number was taken by another process at the same moment.
            callback, updated = await self._database.run(
                lambda session: _take(session, wish, self._policy)
            )
        if callback.state == State.PENDING:
            await self._jobs.plan(callback.id, callback.due_at)
        return callback.reference, updated

    # --- what people see -----------------------------------------------------------------------

    async def open(self, departments: Collection[str] | None = None) -> list[Callback]:
        """The callbacks to be made, of these departments or of all, the longest due first."""
        return await self._listed(Callback.state.in_(OPEN), departments, Callback.due_at)

    async def closed(
        self, since: datetime, departments: Collection[str] | None = None
    ) -> list[Callback]:
        """Those done or cancelled since then, the latest first."""
        past = Callback.state.not_in(OPEN) & (Callback.updated_at >= since)
        return await self._listed(past, departments, Callback.updated_at.desc())

    async def find(self, reference: str) -> Callback:
        """An open one by its reference."""
        return await self._database.run(lambda session: _found(session, reference))

    async def history(self, callback_id: int) -> list[CallbackAttempt]:
        """The attempts of a callback, the first first."""
        query = select(CallbackAttempt).where(CallbackAttempt.callback_id == callback_id)
        ordered = query.order_by(CallbackAttempt.started_at)
        return await self._database.run(lambda session: list(session.scalars(ordered)))

    async def _listed(
        self, which: ColumnElement[bool], departments: Collection[str] | None, order: Any
    ) -> list[Callback]:
        query = select(Callback).where(which).order_by(order, Callback.id)
        if departments is not None:
            query = query.where(Callback.department.in_(departments))
        return await self._database.run(lambda session: list(session.scalars(query)))

    # --- what people do ------------------------------------------------------------------------

    async def claim(self, reference: str, extension: str, at: datetime) -> None:
        """An operator takes it on: it rings their telephone and no other."""
        free = Callback.operator.is_(None) | (Callback.operator == extension)
        await self._change(reference, at, {"operator": extension}, free)

    async def release(self, reference: str, extension: str, at: datetime) -> None:
        """The operator gives it back to their colleagues."""
        await self._change(reference, at, {"operator": None}, Callback.operator == extension)

    async def call_now(self, reference: str, extension: str, at: datetime) -> None:
        """Ring this operator's telephone, then the citizen's, whatever the hour."""

        def work(session: Session) -> str:
            callback = _found(session, reference)
            _refuse_while_dialling(callback)
            if callback.operator not in (None, extension):
                raise CallbackError(_taken(callback))
            hold = self._policy.interval(callback.attempts)
            attempt = attempts.begin(session, callback.id, extension, at, hold, ordered=True)
            if attempt is None:  # a colleague was faster
                session.refresh(callback)
                raise CallbackError(_refusal(callback))
            return attempt

        attempt = await self._database.run(work)
        if not await self._jobs.ring(attempt):
            await attempts.Attempts(self._database, self._policy).settle(
                attempt, Outcome.NOBODY, at
            )
            raise CallbackError(
                "l'appel n'a pas pu être lancé : Redis ne répond pas ; composez le numéro vous-même"
            )

    async def reschedule(
        self, reference: str, due_at: datetime, at: datetime, until: datetime | None = None,
        wanted: str = "",
    ) -> None:  # fmt: skip
        """Call at another time, with as many attempts as a new callback."""
        values = {
            "state": State.PENDING, "due_at": due_at, "until": until, "wanted": wanted,
            "attempts": 0,
        }  # fmt: skip
        callback = await self._change(reference, at, values)
        await self._jobs.plan(callback.id, due_at)

    async def cancel(self, reference: str, at: datetime, note: str = "") -> None:
        """It is not to be made any more."""
        values = {"state": State.CANCELLED} | ({"note": note} if note else {})
        await self._change(reference, at, values)

    async def done(
        self, reference: str, at: datetime, note: str = "", operator: str | None = None
    ) -> None:
        """The citizen was reached, by whatever means; also while the call goes on."""
        values: dict[str, object] = {"state": State.DONE, "outcome": Outcome.REACHED}
        values |= {"note": note} if note else {}
        values |= {"operator": operator} if operator else {}
        await self._change(reference, at, values, while_dialling=True)

    async def report(self, reference: str, outcome: Outcome, at: datetime, note: str = "") -> State:
        """What an operator says of a call that they made: it is tried again, or is done.

        outcome: one of ``SAID_BY_PEOPLE``. Returns the state in which the callback is now.
        """

        def work(session: Session) -> Callback:
            callback = _found(session, reference)
            _refuse_while_dialling(callback)
            verdict = self._policy.after(outcome, callback.attempts, at, callback.department)
            attempts.decide(callback, verdict, outcome, at)
            callback.note = note or callback.note
            return callback

        callback = await self._database.run(work)
        if callback.state == State.PENDING:
            await self._jobs.plan(callback.id, callback.due_at)
        return State(callback.state)

    async def complete(
        self, number: int, extension: str, outcome: Outcome, at: datetime, note: str = ""
    ) -> State:
        """What an operator says of one that their own call has closed: the telephone takes whatever
        lasted for a conversation, a voicemail too.

        number: its id, since a closed one's reference may be given again. outcome: one of
        ``SAID_BY_PEOPLE``; unless reached, it is tried again. Returns the state in which it is now.
        """

        def work(session: Session) -> Callback:
            last = attempts.last(session, number)
            if last is None or not closed_by(extension, last):
                raise CallbackError("ce rappel vient d'être fermé par un collègue")
            callback = session.get_one(Callback, number)
            callback.note = note or callback.note
            if outcome is not Outcome.REACHED:
                _may_be_made_again(session, callback)
                before = max(0, callback.attempts - 1)
                verdict = self._policy.after(outcome, before, at, callback.department)
                attempts.decide(callback, verdict, outcome, at)
                last.outcome = outcome
            return callback

        callback = await self._database.run(work)
        if callback.state == State.PENDING:
            await self._jobs.plan(callback.id, callback.due_at)
        return State(callback.state)

    async def _change(
        self,
        reference: str,
        at: datetime,
        values: Mapping[str, object],
        allowed: ColumnElement[bool] | None = None,
        *,
        while_dialling: bool = False,
    ) -> Callback:
        """Write values where the callback still is as it must be: of two at once, one succeeds."""

        def work(session: Session) -> Callback:
            callback = _found(session, reference)
            if not while_dialling:
                _refuse_while_dialling(callback)
            states = OPEN if while_dialling else (State.PENDING, State.PERSON)
            change = update(Callback).where(Callback.id == callback.id, Callback.state.in_(states))
            if allowed is not None:
                change = change.where(allowed)
            done = session.execute(change.values(**values, updated_at=at))
            if not done.rowcount:  # type: ignore[attr-defined]
                session.refresh(callback)
                raise CallbackError(_refusal(callback))
            session.refresh(callback)
            return callback

        return await self._database.run(work)


def _take(session: Session, wish: Wish, policy: Policy) -> tuple[Callback, bool]:
    callback = session.scalar(
        select(Callback).where(
            Callback.number == wish.number,
            Callback.department == wish.department,
            Callback.state.in_(OPEN),
        )
    )
    updated = callback is not None
    if callback is None:
        callback = Callback(
            reference=_new_reference(session),
            number=wish.number,
            department=wish.department,
            taken_at=wish.at,
            due_at=wish.due or wish.at,
            state=State.PENDING,
            origin=wish.origin,
        )
        session.add(callback)
    elif wish.origin == "missed":
        return callback, True  # who hung up while waiting said nothing new
    elif callback.state != State.DIALLING:
        # A new wish is a new start, also of what a person was to decide; but somebody who was
        # called a moment ago is not called again within the interval.
        soonest = max(wish.due or wish.at, attempts.not_before(session, callback, policy))
        callback.due_at, callback.state, callback.attempts = soonest, State.PENDING, 0
    callback.reason, callback.wanted, callback.until = wish.reason, wish.when, wish.until
    callback.name = wish.name or callback.name
    callback.call_id, callback.updated_at = wish.call_id, wish.at
    session.flush()
    return callback, updated


def _new_reference(session: Session) -> str:
    while True:
        reference = "".join(secrets.choice(REFERENCE_DIGITS) for _ in range(4))
        taken = select(Callback.id).where(Callback.reference == reference, Callback.state.in_(OPEN))
        if session.scalar(taken) is None:
            return reference


def _found(session: Session, reference: str) -> Callback:
    callback = session.scalar(
        select(Callback).where(Callback.reference == reference, Callback.state.in_(OPEN))
    )
    if callback is None:
        raise CallbackError(
            f"aucun rappel à faire ne porte la référence {reference} ; "
            "« ivr callbacks » les liste tous"
        )
    return callback


def closed_by(extension: str | None, last: CallbackAttempt | None) -> bool:
    """Whether the last attempt closed its callback, and was made from this telephone."""
    return last is not None and (last.operator, last.outcome) == (extension, Outcome.REACHED)


def _may_be_made_again(session: Session, callback: Callback) -> None:
    """Raises CallbackError for one that is closed for good."""
    if is_pseudonym(callback.number):
        raise CallbackError("le numéro de ce rappel est effacé : personne ne peut être rappelé")
    other = (Callback.reference == callback.reference) | (Callback.number == callback.number)
    if session.scalar(select(Callback.id).where(other, Callback.state.in_(OPEN)).limit(1)):
        raise CallbackError("un rappel plus récent est à faire : notez-y l'issue")


def _refuse_while_dialling(callback: Callback) -> None:
    if callback.state == State.DIALLING:
        raise CallbackError(_refusal(callback))


def _refusal(callback: Callback) -> str:
    if callback.state == State.DIALLING:
        return f"le rappel {callback.reference} est en cours d'appel ; attendez qu'il se termine"
    if callback.state not in OPEN:
        return f"le rappel {callback.reference} vient d'être fermé par un collègue"
    return _taken(callback)


def _taken(callback: Callback) -> str:
    return f"le rappel {callback.reference} est déjà pris par le poste {callback.operator}"
