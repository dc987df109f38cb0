"""The messages that people find: listed, looked up, deleted before their time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import Callback, Message
from ivr.errors import MessageError
from ivr.messages import files

REASON = "Message vocal"
"""What operators read of a callback whose message has not been transcribed yet."""
DELETED = f"{REASON} (effacé)"
"""What operators read of a callback whose message somebody deleted."""


@dataclass(frozen=True)
class Kept:
    """One message, and the callback that goes with it."""

    message: Message
    callback_id: int | None
    reference: str
    """Of the callback; empty when there is none."""


async def latest(
    database: Database, limit: int, departments: Collection[str] | None = None
) -> list[Kept]:
    """The latest messages of some departments, or of all, the latest first."""
    mine = [Message.department.in_(departments)] if departments is not None else []
    return await database.run(lambda session: _kept(session, *mine, limit=limit))


async def of_callback(database: Database, callback_id: int) -> list[Kept]:
    """The messages that go with a callback, the latest first."""
    return await database.run(lambda session: _kept(session, Message.callback_id == callback_id))


async def find(database: Database, message_id: int) -> Kept | None:
    """One message; None when there is no such message, or it is being recorded."""
    found = await database.run(lambda session: _kept(session, Message.id == message_id))
    return found[0] if found else None


async def delete(database: Database, folder: Path, message_id: int) -> Kept:
    """Delete the sound and the words of a message; when it came and its callback stay.

    The words go from the callback's reason, too. Raises MessageError when there is no such
    message, when it has been deleted already, or when its file cannot be deleted.
    """

    def work(session: Session) -> Kept:
        found = _kept(session, Message.id == message_id)
        if not found:
            raise MessageError(f"Il n'y a pas de message {message_id}.")
        (one,) = found
        if not one.message.file:
            raise MessageError(f"Le message {message_id} est déjà effacé.")
        try:
            files.remove(folder, Path(one.message.file).name)
        except MessageError as error:
            raise MessageError(
                f"Le message {message_id} n'a pas pu être effacé : {error}"
            ) from error
        one.message.file = one.message.transcript = ""
        callback = session.get(Callback, one.callback_id) if one.callback_id else None
        if callback is not None and callback.reason.startswith(REASON):
            callback.reason = DELETED
        return one

    return await database.run(work)


def _kept(
    session: Session, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[Kept]:
    query = (
        select(Message, Callback)
        .join(Callback, Callback.id == Message.callback_id, isouter=True)
        .where(Message.state != "recording", *conditions)
        .order_by(Message.id.desc())
        .limit(limit)
    )
    rows: list[tuple[Message, Callback | None]] = [(one, to) for one, to in session.execute(query)]
    return [Kept(one, to.id if to else None, to.reference if to else "") for one, to in rows]
