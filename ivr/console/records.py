"""Changes of files, each with its record: neither stays without the other.

The record is on disk before the files are written, and with it an intent: which files, and what
they held. Once they are written the intent goes. What a console that was killed in between has left
is settled by its next start, or the next change: the record of files that are still as they were
goes, any other stays.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import delete, inspect, select
from sqlalchemy.orm import Session

from ivr.calllog.changes import Intent
from ivr.calllog.database import Database
from ivr.calllog.tables import Base
from ivr.errors import CallLogError
from ivr.knowledge.together import Draft, alone

log = logging.getLogger(__name__)


class Prepared(Protocol):
    """A change that has been checked, and is not yet made."""

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """What the files become."""

    @property
    def write(self) -> Callable[[], None]:
        """Makes it, or raises with nothing changed."""


P = TypeVar("P", bound=Prepared)


class Records:
    """Makes changes and writes them down. Every method raises CallLogError when that fails."""

    def __init__(self, database: Database, folder: Path) -> None:
        """folder: an own one of the switchboard's, by which its consoles wait for each other."""
        self._database = database
        self._folder = folder

    async def make(
        self, prepare: Callable[[], P], note: Callable[[Session, P], Sequence[Base]]
    ) -> P:
        """Make a change and write it down, or neither; neither when the files say it already.

        note: adds the rows of the record to a transaction, and returns those that go again when the
        change is not made. Raises what ``prepare`` and the change do.
        """
        return await asyncio.shield(self._make(prepare, note))  # to its end, whoever waits for it

    async def _make(
        self, prepare: Callable[[], P], note: Callable[[Session, P], Sequence[Base]]
    ) -> P:
        async with self.alone():
            ready = await asyncio.to_thread(prepare)
            files = {
                str(one.file): _digest(one.before)
                for one in ready.drafts
                if one.before != one.after
            }
            if not files:
                return ready

            def begin(session: Session) -> int:
                rows = note(session, ready)
                session.add_all(rows)
                session.flush()
                keys = [
                    [row.__tablename__, *inspect(row).mapper.primary_key_from_instance(row)]
                    for row in rows
                ]
                intent = Intent(at=datetime.now(UTC), files=files, rows=keys)
                session.add(intent)
                session.flush()
                return intent.id

            number = await self._database.run(begin)
            made = False
            try:
                await asyncio.to_thread(ready.write)
                made = True
            finally:
                await self._end(number, made)
            return ready

    async def _end(self, number: int, made: bool) -> None:
        def work(session: Session) -> None:
            if (intent := session.get(Intent, number)) is not None:
                _settle(session, intent, made)

        try:
            await self._database.run(work)
        except CallLogError as error:
            log.warning("a change is left to be settled by the next one: %s", error)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """While this lasts no change is being made, and none is left unsettled."""
        with ExitStack() as held:
            await asyncio.to_thread(held.enter_context, alone(self._folder))
            await self._database.run(_settle_all)
            yield


def _settle_all(session: Session) -> None:
    for intent in session.scalars(select(Intent)).all():
        made = any(_now(Path(file)) != was for file, was in intent.files.items())
        log.warning(
            "a change of %s was interrupted %s", ", ".join(intent.files),
            "after it was made" if made else "before it was made: its record goes",
        )  # fmt: skip
        _settle(session, intent, made)


def _settle(session: Session, intent: Intent, made: bool) -> None:
    for name, key in () if made else intent.rows:
        table = Base.metadata.tables[name]
        session.execute(delete(table).where(table.primary_key.columns[0] == key))
    session.delete(intent)


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _now(file: Path) -> str | None:
    try:
        return _digest(file.read_bytes())
    except OSError:
        return None
