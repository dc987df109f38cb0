"""Spoken messages: what was said, and its sound, for those whose department it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from ivr.calllog.tables import Message
from ivr.console import live_words as words
from ivr.console import web
from ivr.console.accounts import Person
from ivr.console.reader import reader
from ivr.errors import MessageError
from ivr.knowledge.base import Knowledge
from ivr.messages import kept

router = APIRouter()

MOST = 200
"""Messages on the page, the latest first; older ones are found by the callback."""


@dataclass(frozen=True)
class Shown:
    """One message as the pages show it."""

    message: Message
    number: str
    """In part."""
    department: str
    callback_id: int | None
    reference: str
    """Of its callback; empty when there is none."""


def shown(found: list[kept.Kept], knowledge: Knowledge) -> list[Shown]:
    """Messages as the pages show them."""
    return [
        Shown(
            one.message,
            words.number_in_part(one.message.number or None),
            words.department(one.message.department, knowledge),
            one.callback_id,
            one.reference,
        )
        for one in found
    ]


@router.get("/messages")
async def messages(request: Request, shared: web.Shared, person: web.SignedIn) -> Response:
    """The latest messages."""
    knowledge = shared.store.current
    found = await kept.latest(shared.database, MOST, reader(person, knowledge).seen)
    days = shared.settings.retention.messages
    return web.page(
        request, "messages/index.html", {"shown": shown(found, knowledge), "days": days}
    )


@router.get("/messages/{message_id}.wav")
async def sound(
    request: Request, message_id: web.Row, shared: web.Shared, person: web.SignedIn
) -> Response:
    """The sound of one; who listened to it is written down."""
    message = await _theirs(shared, message_id, person)
    path = shared.settings.messages_folder / Path(message.file).name
    if not message.file or not path.is_file():
        raise HTTPException(404)
    if request.headers.get("range", "bytes=0-").startswith("bytes=0-"):  # not for each part of it
        await _audit(shared, person, "a écouté le message vocal", message)
    return FileResponse(path, media_type="audio/wav")


@router.post("/messages/{message_id}/effacer")
async def delete(
    request: Request, message_id: web.Row, shared: web.Shared, person: web.SignedIn
) -> Response:
    """Delete its sound and its words; the callback stays."""
    await _theirs(shared, message_id, person)
    try:
        gone = await kept.delete(shared.database, shared.settings.messages_folder, message_id)
    except MessageError as error:
        return web.go_to(request, "/messages", str(error), fault=True)
    await _audit(shared, person, "a effacé le message vocal", gone.message)
    stays = f" Le rappel {gone.reference} est conservé." if gone.reference else ""
    return web.go_to(request, "/messages", f"Le message est effacé.{stays}")


async def _theirs(shared: web.Parts, message_id: int, person: Person) -> Message:
    """Raises the page 404, or Forbidden for another department's."""
    found = await kept.find(shared.database, message_id)
    if found is None:
        raise HTTPException(404)
    reader(person, shared.store.current).must_see(found.message.department)
    return found.message


async def _audit(shared: web.Parts, person: Person, action: str, message: Message) -> None:
    subject = f"{message.id} ({message.call_id})"
    await shared.accounts.audit(person.login, action, subject, datetime.now(UTC))
