"""All that is held of the person behind a telephone number: found, and forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import OPEN_STATES, Base, Call, Callback, Turn
from ivr.errors import IvrError
from ivr.retention.numbers import Pseudonyms, random_pseudonym, spellings, written
from ivr.retention.purge import blank, remove_sound
from ivr.retention.rules import RULES, Rule


@dataclass(frozen=True)
class Held:
    """What is held of one person."""

    number: str
    """E.164."""
    rows: Mapping[type[Base], list[Base]]
    """By table, oldest first; tables without any are left out."""

    def of(self, table: type[Base]) -> list[Any]:
        """The rows of one table."""
        return self.rows.get(table, [])

    @property
    def open_callbacks(self) -> list[Callback]:
        """Callbacks that are still to be made."""
        return [one for one in self.of(Callback) if one.state in OPEN_STATES]

    @property
    def sounds(self) -> list[str]:
        """Names of files in ``var/messages``."""
        columns = [(rule.table, rule.sound) for rule in RULES if rule.sound]
        names = (getattr(row, name) for table, name in columns for row in self.of(table))
        return [name for name in names if name]


class BeingCalled(IvrError):
    """Somebody is on the line with this person, or about to be: nothing was forgotten."""


class People:
    """What a database holds of people. Numbers are given in E.164; see ``numbers.parse``.

    Every method raises CallLogError when the database fails.
    """

    def __init__(self, database: Database, pseudonyms: Pseudonyms, sounds: Path) -> None:
        """sounds: the folder of the spoken messages."""
        self._database = database
        self._pseudonyms = pseudonyms
        self._sounds = sounds

    async def find(self, number: str) -> Held:
        """All that is held of a number, what stands under its pseudonym included."""
        return await self._database.run(lambda session: self._find(session, number))

    async def forget(self, number: str, now: datetime) -> Held:
        """Erase words, names and messages, cancel open callbacks, and loosen the rest for good.

        What remains is that somebody called, under a pseudonym that leads back to no number. All
        or nothing is changed. Returns what there was. Raises BeingCalled while this person is on
        the line, and IvrError when the sound of a message cannot be deleted.
        """

        def work(session: Session) -> Held:
            held = self._find(session, number)
            _refuse_if_on_the_line(held)
            for name in held.sounds:
                remove_sound(self._sounds, name)
            anyone = random_pseudonym()
            for callback in held.open_callbacks:
                callback.state, callback.updated_at = "cancelled", now
            for rule in RULES:
                for row in held.of(rule.table):
                    _loosen(rule, row, anyone)
            _forget_what_was_dictated(session, held)
            return held

        try:
            held = await self._database.run(work)
        except OSError as error:
            raise IvrError(
                f"{error.filename} : le message vocal ne peut pas être effacé ({error.strerror}) ; "
                "rien d'autre n'a été changé"
            ) from error
        await self._database.empty_journal()
        return held

    def _find(self, session: Session, number: str) -> Held:
        names = spellings(number) | {self._pseudonyms.of(number)}
        found: dict[type[Base], list[Base]] = {}
        for rule in RULES:
            wanted = [getattr(rule.table, name).in_(names) for name in rule.numbers]
            for name, parent in rule.links.items():
                ids = [getattr(row, "id") for row in found.get(parent, ())]  # noqa: B009
                wanted.append(getattr(rule.table, name).in_(ids))
            if wanted:
                since = getattr(rule.table, rule.since)
                rows = session.scalars(select(rule.table).where(or_(*wanted)).order_by(since))
                found[rule.table] = list(rows)
        return Held(number, {table: rows for table, rows in found.items() if rows})


def _refuse_if_on_the_line(held: Held) -> None:
    if any(call.ended_at is None for call in held.of(Call)):
        raise BeingCalled(
            f"un appel du {written(held.number)} est en cours ; rien n'a été effacé : "
            "recommencez quand il sera terminé"
        )
    if any(callback.state == "dialling" for callback in held.open_callbacks):
        raise BeingCalled(
            f"le {written(held.number)} est justement en train d'être rappelé ; rien n'a été "
            "effacé : recommencez dans quelques minutes"
        )


def _loosen(rule: Rule, row: Base, anyone: str) -> None:
    for name in (*rule.emptied, *([rule.sound] if rule.sound else [])):
        setattr(row, name, blank(rule.table, name))
    for name in rule.numbers:
        if getattr(row, name):
            setattr(row, name, anyone)


def _forget_what_was_dictated(session: Session, held: Held) -> None:
    """The words of calls from another telephone that asked to call this number back."""
    own = {call.id for call in held.of(Call)}
    asked: Iterable[str] = {one.call_id for one in held.of(Callback) if one.call_id} - own
    session.execute(update(Turn).where(Turn.call_id.in_(asked)).values(heard="", said=""))
    session.execute(update(Call).where(Call.id.in_(asked)).values(reason=""))
