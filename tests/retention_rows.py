"""A call and all that comes with it, for tests of what is kept and of what is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import (
    Base,
    Call,
    Callback,
    CallbackAttempt,
    Message,
    OperatorNote,
    QueueStay,
    Turn,
)
from ivr.retention.numbers import Pseudonyms

T = TypeVar("T", bound=Base)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NUMBER = "0612345678"
PSEUDONYMS = Pseudonyms("a-key-of-the-tests")


def rows(days: float, name: str, *, number: str = NUMBER, state: str = "done") -> Sequence[Base]:
    """A call and all that comes with it, begun so many days ago."""
    at = NOW - timedelta(days=days)
    e164 = "+33" + number[1:]
    return (
        Call(id=name, caller_number=number, caller_name="Mme Petit", started_at=at, ended_at=at,
             outcome="callback", ended_by="caller", department="eau", reason="« une fuite »"),
        Turn(call_id=name, number=1, at=at, happened="heard", heard="une fuite chez moi",
             entry="fuite", said="C'est le 06 12 34 56 78."),
        QueueStay(call_id=name, caller_number=number, department="eau", reason="« une fuite »",
                  joined_at=at, outcome="abandoned"),
        Callback(id=int(days * 10), reference="4821", number=e164, name="Mme Petit",
                 department=f"eau-{name}", reason="« une fuite »", wanted="demain matin",
                 call_id=name, state=state, due_at=at, note="Très gentille.", taken_at=at,
                 updated_at=at),
        CallbackAttempt(id=f"attempt-{name}", callback_id=int(days * 10), started_at=at,
                        operator="101", outcome="reached"),
        Message(call_id=name, callback_id=int(days * 10), department="eau", file=f"{name}.wav",
                number=e164, state="transcribed",
                seconds=4.2, transcript="Il y a une fuite.", recorded_at=at),
        OperatorNote(call_id=name, operator="101", text="Rappellera.", at=at),
    )  # fmt: skip


async def keep(database: Database, sounds: Path, *wanted: Sequence[Base]) -> None:
    def work(session: Session) -> None:
        for some in wanted:
            for row in some:
                session.add(row)
                session.flush()
                if isinstance(row, Message):
                    (sounds / row.file).write_bytes(b"sound")

    await database.run(work)


async def all_of(database: Database, table: type[T]) -> list[T]:
    return await database.run(lambda session: list(session.scalars(select(table)).all()))


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def values(row: Base) -> dict[str, object]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def on_disk(folder: Path) -> bytes:
    """What the files of the call log hold, its journal included."""
    return b"".join(file.read_bytes() for file in folder.glob("calls.sqlite*"))
