"""What the pages of the FAQ share: saving with a history, changes by hand, use, models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ivr.calllog.accounts import Account, AuditLine
from ivr.calllog.changes import FaqChange
from ivr.calllog.database import Database
from ivr.calllog.tables import Base, Suggestion
from ivr.console.records import Records
from ivr.console.workshop import Workshop
from ivr.errors import CallLogError, KnowledgeError
from ivr.faq.history import BY_HAND, History, differences, from_json, undoing
from ivr.figures.period import Period
from ivr.figures.questions import Usage, usage
from ivr.knowledge import editing
from ivr.knowledge.base import Knowledge
from ivr.knowledge.editing import Edit, Prepared, Saved, Written, version, written
from ivr.learning.example import key
from ivr.learning.gather import decided
from ivr.settings import Settings

log = logging.getLogger(__name__)


class Desk:
    """The FAQ of one console."""

    def __init__(self, settings: Settings, database: Database, records: Records) -> None:
        self.root: Path = settings.paths.knowledge
        self.history = History(database, self.root)
        self.workshop = Workshop(settings)
        self._database = database
        self._records = records
        self._seen: dict[str, dict[str, Written]] = {}

    async def save(
        self, edit: Edit, who: str, undoes: int | None = None, *,
        taken: Collection[str] = (), again: Collection[str] = (),
    ) -> Saved:  # fmt: skip
        """Make an edit and write it down, or neither.

        taken, again: keys of what callers said that is an example by this, or is no more, and is
        shown again among what is to learn. Raises what ``editing.save`` does, and CallLogError.
        """
        now = datetime.now(UTC)
        done = (
            "a ajouté la question" if edit.before is None
            else "a supprimé la question" if edit.after is None
            else "a annulé une modification de la question" if undoes
            else "a modifié la question"
        )  # fmt: skip
        subject = f"{edit.language}/{edit.entry}"

        def note(session: Session, ready: Prepared) -> list[Base]:
            session.execute(delete(Suggestion).where(Suggestion.key.in_(again)))
            return [
                *self.history.add(session, ready.saved, who, now, undoes),
                *decided(session, taken, "taken", now, edit.entry),
                AuditLine(at=now, who=who, action=done, subject=subject),
            ]

        ready = await self._records.make(partial(editing.prepare, self.root, edit), note)
        return ready.saved

    async def undo(self, change: FaqChange, who: str) -> Saved:
        """Take a change back. Raises UndoRefused, and what ``save`` does.

        Examples that came from callers, and go by this, are shown again among what is to learn.
        """
        parts = await self.history.parts(change.id)
        edit = await asyncio.to_thread(undoing, self.root, change, parts)
        before, after = from_json(change.before), from_json(change.after)
        gone = [
            key(change.language, text)
            for one in differences(before, after)
            if one.field == "examples"
            for text in set(one.after or []) - set(one.before or [])
        ]
        return await self.save(edit, who, change.id, again=gone)

    async def usage(self, days: int, zone: ZoneInfo) -> Mapping[str, Usage]:
        """What became of each entry today and in the days before. Raises CallLogError."""
        today = datetime.now(zone).date()
        period = Period(today - timedelta(days=days), today)
        return await self._database.run(lambda session: usage(session, period, zone))

    async def names(self) -> Mapping[str, str]:
        """Who may have changed something, by login; "" stands for a change by hand."""

        def work(session: Session) -> dict[str, str]:
            return {one.login: one.name for one in session.scalars(select(Account))}

        return {**await self._database.run(work), BY_HAND: "hors console"}

    async def author(self, language: str, entry: str, now: Written | None) -> str | None:
        """Who made an entry what it is now, None for gone; None when that is not known.

        Nobody is named when the database fails: what was typed matters more.
        """
        try:
            last = await self.history.of(language, entry, 1)
            names = await self.names()
        except CallLogError as error:
            log.warning("who changed %s/%s is not known: %s", language, entry, error)
            return None
        if not last or last[0].who == BY_HAND or version(from_json(last[0].after)) != version(now):
            return None
        return names.get(last[0].who, last[0].who)

    # --- changes by hand -------------------------------------------------------------------------

    async def begin(self) -> None:
        """Note what was changed by hand since the console last ran, in entries with a history."""
        try:
            async with self._records.alone():
                self._seen = await asyncio.to_thread(self._states)
                await self._notice(self._seen)
        except CallLogError as error:
            log.warning("changes by hand are not noted: %s", error)

    async def noticed(self, knowledge: Knowledge) -> None:
        """Note what was changed by hand: ``knowledge`` is about to be in use."""
        try:
            async with self._records.alone():
                now = await asyncio.to_thread(self._states)
                await self._notice(now)
                self._seen = now
        except (CallLogError, KnowledgeError) as error:
            log.warning("changes by hand are not noted: %s", error)

    async def _notice(self, now: Mapping[str, dict[str, Written]]) -> None:
        for language, entries in now.items():
            before = self._seen.get(language, entries)
            await self.history.notice(before, entries, language, datetime.now(UTC))

    def _states(self) -> dict[str, dict[str, Written]]:
        languages = [one.name for one in (self.root / "faq").glob("??") if one.is_dir()]
        return {name: written(self.root, name) for name in ("fr", *sorted(languages))}


@asynccontextmanager
async def open_desk(
    settings: Settings, database: Database, records: Records
) -> AsyncIterator[Desk]:
    """The FAQ of a console, as long as it runs."""
    made = Desk(settings, database, records)
    try:
        try:
            await made.begin()
        except KnowledgeError as error:
            log.warning("changes by hand are not noted: %s", error)
        yield made
    finally:
        await made.workshop.close()


def desk(request: Request) -> Desk:
    """The FAQ of this console."""
    found = request.app.state.desk
    assert isinstance(found, Desk)
    return found


OwnDesk = Annotated[Desk, Depends(desk)]
