"""Removes what has been kept long enough, in small transactions: no call waits for it."""

from __future__ import annotations

import logging
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    delete,
    func,
    inspect,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from ivr.calllog.database import Database
from ivr.calllog.tables import TURN_WITH_WORDS, Base, Purge, Turn
from ivr.errors import IvrError
from ivr.retention.numbers import PREFIX, Pseudonyms
from ivr.retention.rules import RULES, Kind, Rule, parts_of
from ivr.settings import Retention

log = logging.getLogger(__name__)

BATCH = 500
"""Rows in one transaction: some milliseconds."""


class PurgeFailed(IvrError):
    """Some of what is due could not be removed; the rest was."""


@dataclass(frozen=True)
class _Step:
    """One thing to do with the rows of one rule that are old enough."""

    rule: Rule
    kind: Kind
    columns: tuple[str, ...]
    """What is emptied or pseudonymised; empty: the rows are deleted."""


class Purger:
    """The purge of one database and of the spoken messages that belong to it."""

    def __init__(
        self, database: Database, days: Retention, pseudonyms: Pseudonyms, sounds: Path
    ) -> None:
        """sounds: the folder of the spoken messages."""
        self._database = database
        self._days = days
        self._pseudonyms = pseudonyms
        self._sounds = sounds

    async def run(self, now: datetime) -> Mapping[Kind, int]:
        """Remove all that is due; how many rows or files, by kind, those without any left out.

        Safe to kill and to run twice at once. Raises PurgeFailed or CallLogError.
        """
        run = await self._database.run(lambda session: _begin(session, now))
        removed: Counter[Kind] = Counter()
        failures = []
        for step in _steps():
            try:
                removed[step.kind] += await self._do(step, now)
            except OSError as error:
                failures.append(f"{error.filename}: {error.strerror}")
        try:
            removed[Kind.MESSAGES] += _sweep(self._sounds, now, self._days.messages)
        except OSError as error:
            failures.append(f"{error.filename}: {error.strerror}")
        counts = {kind: count for kind, count in removed.items() if count}
        told = ", ".join(f"{kind} {count}" for kind, count in counts.items()) or "nothing"
        log.info("purge: removed: %s", told)
        await self._database.run(
            lambda session: _end(session, run, counts, None if failures else now)
        )
        if counts:
            await self._database.empty_journal()
        if failures:
            raise PurgeFailed(f"la purge n'a pas tout effacé : {' ; '.join(failures)}")
        return counts

    async def last_run(self) -> datetime | None:
        """When the last purge that came to its end began."""
        return await self._database.run(
            lambda session: session.scalar(
                select(func.max(Purge.started_at)).where(Purge.ended_at.is_not(None))
            )
        )

    async def _do(self, step: _Step, now: datetime) -> int:
        before = now - timedelta(days=getattr(self._days, step.kind))
        done, after = 0, None
        while True:
            work = partial(self._batch, step, _due(step, before, after))
            count, after = await self._database.run(work)
            done += count
            if count < BATCH:
                return done

    def _batch(
        self, step: _Step, query: Select[Any], session: Session
    ) -> tuple[int, datetime | None]:
        rows = session.execute(query).all()
        if not rows:
            return 0, None
        keys = [tuple(row[: len(_key(step.rule.table))]) for row in rows]
        if not step.columns:
            delete_rows(session, step.rule, keys)
        else:
            if step.rule.sound is not None and step.rule.sound in step.columns:
                for row in rows:
                    remove_sound(self._sounds, getattr(row, step.rule.sound))
            self._blank(session, step, rows, keys)
        return len(rows), getattr(rows[-1], step.rule.since)

    def _blank(
        self, session: Session, step: _Step, rows: Sequence[Row[Any]], keys: list[tuple[Any, ...]]
    ) -> None:
        table = step.rule.table
        if step.columns != step.rule.numbers:
            blanks = {name: blank(table, name) for name in step.columns}
            session.execute(
                update(table).where(_are(table, keys)).values(blanks),
                execution_options={"synchronize_session": False},
            )
            return
        names = [column.key for column in _key(table)]
        session.execute(
            update(table),
            [
                dict(zip(names, key, strict=True))
                | {
                    name: self._pseudonyms.of(number)
                    for name in step.columns
                    if (number := getattr(row, name))
                }
                for row, key in zip(rows, keys, strict=True)
            ],
        )


def blank(table: type[Base], name: str) -> str | None:
    """What an emptied column holds."""
    return None if table.__table__.columns[name].nullable else ""


def delete_rows(session: Session, rule: Rule, keys: list[tuple[Any, ...]]) -> None:
    """Delete rows, after those that are part of them."""
    for part in parts_of(rule.table):
        link = getattr(part.table, part.part_of or "")
        session.execute(
            delete(part.table).where(link.in_([key[0] for key in keys])),
            execution_options={"synchronize_session": False},
        )
    session.execute(
        delete(rule.table).where(_are(rule.table, keys)),
        execution_options={"synchronize_session": False},
    )


def remove_sound(folder: Path, name: str) -> None:
    """Delete the file of a message, if it is there. Raises OSError."""
    if name:
        (folder / os.path.basename(name)).unlink(missing_ok=True)


def _steps() -> Iterator[_Step]:
    for rule in reversed(RULES):  # what refers to others first
        by_kind: dict[Kind, list[str]] = {}
        for name, kind in rule.emptied.items():
            by_kind.setdefault(kind, []).append(name)
        if rule.sound:
            by_kind.setdefault(Kind.MESSAGES, []).append(rule.sound)
        for kind, names in by_kind.items():
            yield _Step(rule, kind, tuple(names))
        if rule.numbers:
            yield _Step(rule, Kind.NUMBERS, rule.numbers)
        if rule.rows:
            yield _Step(rule, rule.rows, ())


def _due(step: _Step, before: datetime, after: datetime | None) -> Select[Any]:
    """The next rows of a step, oldest first: their keys, their moment, what is to be read."""
    rule = step.rule
    since: InstrumentedAttribute[datetime] = getattr(rule.table, rule.since)
    read = {*rule.numbers, rule.sound or ""} & set(step.columns)
    columns = [getattr(rule.table, name) for name in read]
    query = select(*_key(rule.table), since, *columns).where(since < before)
    if after is not None:  # the older ones have been dealt with
        query = query.where(since >= after)
    if step.columns:
        query = query.where(_something_left(step))
    if rule.done is not None:
        query = query.where(rule.done)
    return query.order_by(since).limit(BATCH)


def _something_left(step: _Step) -> ColumnElement[bool]:
    table, numbers = step.rule.table, step.columns == step.rule.numbers
    if table is Turn:  # as it stands in the index
        return literal_column(f"({TURN_WITH_WORDS})")
    left = []
    for name in step.columns:
        column: InstrumentedAttribute[str | None] = getattr(table, name)
        there = column != ""  # and so not NULL
        left.append(there & column.not_like(f"{PREFIX}%") if numbers else there)
    return or_(*left)


def _key(table: type[Base]) -> list[InstrumentedAttribute[Any]]:
    return [getattr(table, str(column.key)) for column in inspect(table).primary_key]


def _are(table: type[Base], keys: list[tuple[Any, ...]]) -> ColumnElement[bool]:
    columns = _key(table)
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)


def _begin(session: Session, now: datetime) -> int:
    run = Purge(started_at=now, removed={})
    session.add(run)
    session.flush()
    return run.id


def _end(
    session: Session, run: int, removed: Mapping[Kind, int], ended_at: datetime | None
) -> None:
    row = session.get(Purge, run)
    if row is not None:  # unless another purge has removed it
        row.removed = {str(kind): count for kind, count in removed.items()}
        row.ended_at = ended_at


def _sweep(folder: Path, now: datetime, days: int) -> int:
    """Delete old files that no row knows: no sound is kept longer. Raises OSError."""
    oldest = (now - timedelta(days=days)).timestamp()
    old = []
    for file in folder.iterdir() if folder.is_dir() else ():
        state = file.lstat()
        if stat.S_ISREG(state.st_mode) and state.st_mtime < oldest:
            old.append(file)
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)
