"""Who changed which entry of the FAQ, and how to take a change back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.calllog.changes import FaqChange
from ivr.calllog.database import Database
from ivr.errors import IvrError
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.editing import ORDER, Edit, Saved, Written, find, version
from ivr.yamltext import normal

BY_HAND = ""
"""Who made a change that was not made in the console."""


class UndoRefused(IvrError):
    """A change cannot be taken back; the message says why and what to do."""


class Clash(UndoRefused):
    """Fields have been changed again since."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(
            "Ce qui avait été modifié l'a été de nouveau depuis : annulez d'abord les "
            "modifications plus récentes, ou corrigez la question directement."
        )
        self.fields = tuple(fields)


@dataclass(frozen=True)
class Difference:
    """What of an entry differs between two versions."""

    field: str
    before: Any
    """Texts, lists and mappings; None where the field was not written."""
    after: Any


def differences(before: Written | None, after: Written | None) -> list[Difference]:
    """The fields that differ, in the order of an entry."""
    old, new = normal(before or {}), normal(after or {})
    names = [*ORDER, *sorted((old.keys() | new.keys()) - set(ORDER))]
    return [
        Difference(name, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def as_json(data: Written | None) -> str | None:
    """An entry as the table keeps it."""
    return None if data is None else json.dumps(normal(data), ensure_ascii=False)


def from_json(text: str | None) -> Written | None:
    """An entry as the table kept it."""
    if text is None:
        return None
    data = json.loads(text)
    return data if isinstance(data, dict) else None


class History:
    """The changes in a database. Every method raises CallLogError when that fails."""

    def __init__(self, database: Database, root: Path) -> None:
        """root: the folder of the knowledge files."""
        self._database = database
        self._root = root

    async def record(self, saved: Saved, who: str, at: datetime, undoes: int | None = None) -> int:
        """Write down an edit with its translations'; returns its number."""

        def work(session: Session) -> int:
            return self.add(session, saved, who, at, undoes)[0].id

        return await self._database.run(work)

    def add(
        self, session: Session, saved: Saved, who: str, at: datetime, undoes: int | None = None
    ) -> list[FaqChange]:
        """The rows of an edit and of its translations', its own first, in a transaction."""

        def row(edit: Edit, part_of: int | None = None) -> FaqChange:
            return FaqChange(
                at=at,
                who=who,
                language=edit.language,
                entry=edit.entry,
                file=edit.file,
                before=as_json(edit.before),
                after=as_json(edit.after),
                undoes=undoes if part_of is None else None,
                part_of=part_of,
            )

        own = row(replace(saved.edit, file=saved.file.relative_to(self._root).as_posix()))
        session.add(own)
        session.flush()
        parts = [row(one, own.id) for one in saved.edit.translations]
        session.add_all(parts)
        return [own, *parts]

    async def of(self, language: str, entry: str, limit: int = 100) -> list[FaqChange]:
        """The changes of an entry, newest first."""
        listed = (
            select(FaqChange)
            .where(FaqChange.language == language, FaqChange.entry == entry)
            .order_by(FaqChange.id.desc())
            .limit(limit)
        )
        return await self._database.run(lambda session: list(session.scalars(listed)))

    async def latest(self, limit: int = 100) -> list[FaqChange]:
        """The changes of all entries, newest first."""
        listed = select(FaqChange).order_by(FaqChange.id.desc()).limit(limit)
        return await self._database.run(lambda session: list(session.scalars(listed)))

    async def last_by_entry(self, language: str) -> dict[str, FaqChange]:
        """The last change of each entry of a language."""
        last = (
            select(func.max(FaqChange.id))
            .where(FaqChange.language == language)
            .group_by(FaqChange.entry)
        )
        listed = select(FaqChange).where(FaqChange.id.in_(last))

        def work(session: Session) -> dict[str, FaqChange]:
            return {one.entry: one for one in session.scalars(listed)}

        return await self._database.run(work)

    async def change(self, number: int) -> FaqChange | None:
        """A change by its number."""
        return await self._database.run(lambda session: session.get(FaqChange, number))

    async def parts(self, number: int) -> list[FaqChange]:
        """The changes of translations that a change of their French entry made."""
        listed = select(FaqChange).where(FaqChange.part_of == number).order_by(FaqChange.id)
        return await self._database.run(lambda session: list(session.scalars(listed)))

    async def notice(
        self,
        before: Mapping[str, Written],
        after: Mapping[str, Written],
        language: str,
        at: datetime,
    ) -> int:
        """Record what was changed by hand between two states of the files; returns how many.

        What the console itself has recorded is left out.
        """
        last = await self.last_by_entry(language)
        count = 0
        for entry in sorted(before.keys() | after.keys()):
            known = from_json(last[entry].after) if entry in last else before.get(entry)
            now = after.get(entry)
            if version(known) == version(now):
                continue
            found = find(self._root, language, entry)
            file = (
                found.file if found else self._root / (last[entry].file if entry in last else "faq")
            )
            await self.record(Saved(Edit(language, entry, known, now), file, ()), BY_HAND, at)
            count += 1
        return count


def undoing(root: Path, change: FaqChange, parts: Sequence[FaqChange] = ()) -> Edit:
    """The edit that takes a change back and keeps what was changed since in other fields.

    parts: the changes of translations that it made; those that it removed come back with it.
    Raises UndoRefused when the same fields have been changed since, and KnowledgeError when the
    file is no YAML.
    """
    before, after = from_json(change.before), from_json(change.after)
    found = find(root, change.language, change.entry)
    current = found.data if found else None
    if after is None:
        if current is not None:
            raise UndoRefused(
                "Cette question existe de nouveau : il n'y a rien à rétablir. Pour reprendre "
                "l'ancien texte, copiez-le depuis l'historique."
            )
        if change.language != REFERENCE and find(root, REFERENCE, change.entry) is None:
            raise UndoRefused(
                "Cette traduction est partie avec sa question : annulez d'abord la suppression de "
                "la question en français, elle revient alors avec elle."
            )
        translations = tuple(
            Edit(one.language, one.entry, None, from_json(one.before), one.file)
            for one in parts
            if one.after is None
        )
        return Edit(change.language, change.entry, None, before, change.file, translations)
    if current is None:
        raise UndoRefused("Cette question a été supprimée depuis : annulez d'abord sa suppression.")
    if before is None:
        if version(current) != version(after):
            raise UndoRefused(
                "Cette question a été modifiée depuis son ajout. Pour la retirer, supprimez-la."
            )
        return Edit(change.language, change.entry, current, None)
    wanted = dict(current)
    clashes = []
    for one in differences(before, after):
        if normal(current.get(one.field)) != one.after:
            clashes.append(one.field)
        elif one.before is None:
            del wanted[one.field]
        else:
            wanted[one.field] = before[one.field]
    if clashes:
        raise Clash(clashes)
    return Edit(change.language, change.entry, current, wanted)
