"""The SQL database: opened, brought up to date, and written in one thread off the event loop."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import alembic.command
import alembic.config
from pydantic_core import from_json
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ivr.errors import CallLogError

T = TypeVar("T")

log = logging.getLogger(__name__)

_MIGRATING = threading.Lock()
"""Alembic keeps what it works on in globals: one thread of a process at a time."""

BUSY_MS = 30_000
"""A write waits so long for another program that holds the database, such as a backup, in ms."""

JOURNAL_MS = 1_000
"""So long does emptying SQLite's journal wait for others, who cannot write meanwhile, in ms."""

CONNECT_S = 5
"""A PostgreSQL that does not answer for so long is away, in seconds."""

_LOCKS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(1634495599)"}
"""What keeps other processes out until the transaction ends."""


class Database:
    """One database. Work runs in the order it was given, each piece in its own transaction."""

    def __init__(self, url: str, *, busy_ms: int = BUSY_MS) -> None:
        """Open the database and bring its tables up to date.

        url: SQLAlchemy URL; the folder of an SQLite file is made when missing. busy_ms: how long
        a write waits for another program that holds the database, or a part of it. Raises
        CallLogError with a message for people.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._busy_ms = busy_ms
        self._engine = _engine(url, busy_ms)
        try:
            _migrate(self._engine)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise CallLogError(
                f"call log {_shown(url)}: cannot be opened: {_cause(error)}"
            ) from error

    async def run(self, work: Callable[[Session], T]) -> T:
        """Do a piece of work in a transaction; it is on disk when this returns.

        Raises CallLogError when the database fails; nothing of the work is kept then.
        """

        def run() -> T:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                return work(session)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except SQLAlchemyError as error:
            raise CallLogError(f"call log: {_cause(error)}") from error

    async def empty_journal(self) -> None:
        """Have what was removed leave SQLite's journal, too, where it would stay for days.

        While another program reads, it stays until the next time.
        """
        if self._engine.dialect.name != "sqlite":
            return

        def run() -> None:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={JOURNAL_MS}")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql(f"PRAGMA busy_timeout={self._busy_ms}")

        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except SQLAlchemyError as error:
            log.warning("the journal of the call log is not emptied: %s", _cause(error))

    async def close(self) -> None:
        """Finish pending work and let go of the database."""
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()


def _engine(url: str, busy_ms: int) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            file = Path(parsed.database)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)  # who called, and what they said
        engine = create_engine(
            parsed,
            connect_args=_connect_args(parsed.get_backend_name(), busy_ms),
            json_deserializer=from_json,  # twice as fast as json
            pool_pre_ping=True,  # a server that was started anew costs no call its record
        )
    except ImportError as error:
        raise CallLogError(
            f"call log {_shown(url)}: the driver of this database is not installed "
            f'({error.name}): for PostgreSQL, .venv/bin/pip install "psycopg[binary]"'
        ) from error
    except (SQLAlchemyError, OSError) as error:
        raise CallLogError(
            f"call log {_shown(url)}: {_cause(error)}; correct [database] url in ivr.toml, or "
            "leave it empty for a file in var/"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_sqlite_pragmas, busy_ms))
    return engine


def _connect_args(backend: str, busy_ms: int) -> dict[str, Any]:
    if backend != "postgresql":
        return {}
    return {"connect_timeout": CONNECT_S, "options": f"-c lock_timeout={busy_ms}"}


def _sqlite_pragmas(busy_ms: int, connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={busy_ms}")  # first: the next may have to wait
    cursor.execute("PRAGMA journal_mode=WAL")  # readers never wait for the writer
    cursor.execute("PRAGMA synchronous=FULL")  # a committed turn survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # what is removed is gone from the file, too
    cursor.close()


def _migrate(engine: Engine) -> None:
    """Bring the tables up to date; of processes that start together, one at a time."""
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _MIGRATING, engine.begin() as connection:
        if lock := _LOCKS.get(engine.dialect.name):
            connection.exec_driver_sql(lock)
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
