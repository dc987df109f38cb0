"""Spoken messages: what was said, and its sound, for those whose department it concerns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calllog.tables import Callback, Message
from ivr.console import live_words as words
from ivr.console import web
from ivr.console.reader import reader

router = APIRouter()

MOST = 200
"""Messages on the page, the latest first; older ones are found by the callback."""


@dataclass(frozen=True)
class Shown:
    """One message as the page shows it."""

    message: Message
    number: str
    """In part."""
    department: str
    reference: str
    """Of its callback; empty when there is none."""


@router.get("/messages")
async def messages(request: Request, shared: web.Shared, person: web.SignedIn) -> Response:
    """The latest messages."""
    knowledge = shared.store.current
    seen = reader(person, knowledge).seen
    found = await shared.database.run(lambda session: _latest(session, seen))
    shown = [
        Shown(
            message,
            words.number_in_part(message.number or None),
            words.department(message.department, knowledge),
            reference or "",
        )
        for message, reference in found
    ]
    days = shared.settings.retention.messages
    return web.page(request, "messages/index.html", {"shown": shown, "days": days})


@router.get("/messages/{message_id}.wav")
async def sound(
    request: Request, message_id: int, shared: web.Shared, person: web.SignedIn
) -> Response:
    """The sound of one; who listened to it is written down."""
    message = await shared.database.run(lambda session: session.get(Message, message_id))
    if message is None or not message.file or message.state == "recording":
        raise HTTPException(404)
    reader(person, shared.store.current).must_see(message.department)
    path = shared.settings.messages_folder / Path(message.file).name
    if not path.is_file():
        raise HTTPException(404)
    if request.headers.get("range", "bytes=0-").startswith("bytes=0-"):  # not for each part of it
        subject = f"{message_id} ({message.call_id})"
        now = datetime.now(UTC)
        await shared.accounts.audit(person.login, "a écouté le message vocal", subject, now)
    return FileResponse(path, media_type="audio/wav")


def _latest(
    session: Session, departments: Collection[str] | None
) -> list[tuple[Message, str | None]]:
    query = (
        select(Message, Callback.reference)
        .join(Callback, Callback.id == Message.callback_id, isouter=True)
        .where(Message.state != "recording")
        .order_by(Message.id.desc())
        .limit(MOST)
    )
    if departments is not None:
        query = query.where(Message.department.in_(departments))
    return [(message, reference) for message, reference in session.execute(query)]
