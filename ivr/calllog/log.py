"""The call log: each call and each turn written as it happens, readable whatever is killed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import alembic.command
import alembic.config
from sqlalchemy import Engine, create_engine, event, func, make_url, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, selectinload

from ivr.calllog.tables import Call, Turn
from ivr.errors import CallLogError
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
    """One database of calls. Writes run in order, in one thread, off the event loop.

    Every method raises CallLogError, with a message for people, when the database fails.
    """

    def __init__(self, url: str) -> None:
        """Open the database and bring its tables up to date.

        url: SQLAlchemy URL; the folder of an SQLite file is made when missing.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="calllog")
        self._engine = _engine(url)
        try:
            _migrate(self._engine)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise CallLogError(
                f"call log {_shown(url)}: cannot be opened: {_cause(error)}"
            ) from error

    async def open_call(self, started: CallStarted) -> None:
        """A call begins, or comes back from the operators' queue and goes on."""

        def work(session: Session) -> None:
            call = session.get(Call, started.call_id)
            if call is None:
                session.add(
                    Call(
                        id=started.call_id,
                        caller_number=started.caller.number,
                        caller_name=started.caller.name,
                        dialled=started.dialled,
                        started_at=started.at,
                    )
                )
            else:
                call.ended_at = call.outcome = call.ended_by = None

        await self._write(work)

    async def add_turn(self, call_id: str, turn: TurnRecord) -> int:
        """Append a turn; returns its number within the call, from 1."""

        def work(session: Session) -> int:
            last = session.scalar(select(func.max(Turn.number)).where(Turn.call_id == call_id))
            number = (last or 0) + 1
            session.add(Turn(call_id=call_id, number=number, **vars(turn)))
            return number

        return await self._write(work)

    async def set_response(self, call_id: str, number: int, response_ms: int) -> None:
        """Note how long the caller waited for the answer of a turn, once known."""
        where = (Turn.call_id == call_id, Turn.number == number)
        await self._write(
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

        await self._write(work)

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

        return await self._write(work)

    async def calls(
        self, *, limit: int = 50, since: timedelta | None = None, now: datetime | None = None
    ) -> list[Call]:
        """The latest calls with their turns, newest first."""

        def work(session: Session) -> list[Call]:
            query = select(Call).options(selectinload(Call.turns))
            if since is not None and now is not None:
                query = query.where(Call.started_at >= now - since)
            return list(session.scalars(query.order_by(Call.started_at.desc()).limit(limit)).all())

        return await self._write(work)

    async def close(self) -> None:
        """Finish pending writes and let go of the database."""
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()

    async def _write(self, work: Callable[[Session], T]) -> T:
        def run() -> T:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                return work(session)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except SQLAlchemyError as error:
            raise CallLogError(f"call log: {_cause(error)}") from error


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed)
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise CallLogError(f"call log {_shown(url)}: {_cause(error)}") from error
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _sqlite_pragmas)
    return engine


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers never wait for the writer
    cursor.execute("PRAGMA synchronous=FULL")  # a committed turn survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _migrate(engine: Engine) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")


def _shown(url: str) -> str:
    """The URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "(unreadable URL)"


def _cause(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error)
