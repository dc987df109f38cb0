"""People's data: what is held of a telephone number, handed out or forgotten. For admins."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from ivr.calllog.tables import Call, Callback, Message, OperatorNote, Turn
from ivr.console import web
from ivr.console.accounts import Person
from ivr.errors import CallLogError, IvrError
from ivr.figures.wording import number
from ivr.retention.export import as_zip
from ivr.retention.numbers import Pseudonyms, in_part, parse, written
from ivr.retention.person import Held, People
from ivr.secrets import load_or_create

router = APIRouter()

Number = Annotated[str, Form(max_length=60)]
COUNTED = (
    (Call, "appel", "appels"),
    (Turn, "échange avec l'assistant vocal", "échanges avec l'assistant vocal"),
    (Callback, "demande de rappel", "demandes de rappel"),
    (Message, "message vocal", "messages vocaux"),
    (OperatorNote, "note d'agent", "notes d'agents"),
)


@router.get("/donnees")
async def data(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """The form, and how long what is kept."""
    return _page(request, shared)


@router.post("/donnees")
async def look(request: Request, shared: web.Shared, person: web.Admin, numero: Number) -> Response:
    """How much is held of a number."""
    try:
        held = await (await _people(shared)).find(parse(numero))
    except CallLogError:
        raise
    except IvrError as error:
        return _page(request, shared, numero, fault=web.sentence(str(error)))
    await _tell(shared, person, "a cherché les données d'un numéro", held)
    return _page(request, shared, numero, held=held)


@router.post("/donnees/export")
async def export(
    request: Request, shared: web.Shared, person: web.Admin, numero: Number
) -> Response:
    """All of it as a ZIP file."""
    now, zone = datetime.now(UTC), shared.store.current.hours.zone
    try:
        held = await (await _people(shared)).find(parse(numero))
    except CallLogError:
        raise
    except IvrError as error:
        return _page(request, shared, numero, fault=web.sentence(str(error)))
    content = await asyncio.to_thread(as_zip, held, shared.settings.messages_folder, now, zone)
    await _tell(shared, person, "a exporté les données d'un numéro", held)
    digits = re.sub(r"\D", "", written(held.number))
    name = f"donnees-{digits}-{now.astimezone(zone):%Y-%m-%d}.zip"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=disposition)


@router.post("/donnees/effacement")
async def forget(
    request: Request,
    shared: web.Shared,
    person: web.Admin,
    numero: Number,
    accord: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Forget it, when that was confirmed."""
    try:
        people = await _people(shared)
        held = await people.find(parse(numero))
        if accord != "oui":
            fault = "Rien n'a été effacé : cochez la case pour confirmer."
            return _page(request, shared, numero, held=held, fault=fault)
        held = await people.forget(held.number, datetime.now(UTC))
    except CallLogError:
        raise
    except IvrError as error:
        return _page(request, shared, numero, fault=web.sentence(str(error)))
    await _tell(shared, person, "a effacé les données d'un numéro", held)
    return web.go_to(request, "/donnees", "C'est effacé, définitivement.")


async def _people(shared: web.Parts) -> People:
    secrets = await asyncio.to_thread(load_or_create, shared.settings.paths.var)
    return People(shared.database, Pseudonyms(secrets.pseudonyms), shared.settings.messages_folder)


async def _tell(shared: web.Parts, person: Person, action: str, held: Held) -> None:
    who, now = person.login, datetime.now(UTC)
    await shared.accounts.audit(
        who, action, in_part(held.number), now, before=", ".join(_counts(held))
    )


def _counts(held: Held) -> list[str]:
    """ "1 appel", "2 messages vocaux": what there is."""
    counts = [(len(held.of(table)), one, many) for table, one, many in COUNTED]
    return [f"{number(count)} {many if count > 1 else one}" for count, one, many in counts if count]


def _page(
    request: Request,
    shared: web.Parts,
    typed: str = "",
    *,
    held: Held | None = None,
    fault: str = "",
) -> Response:
    context = {
        "typed": typed,
        "shown": written(held.number) if held else "",
        "counts": _counts(held) if held else [],
        "callbacks": [one.reference for one in held.open_callbacks] if held else [],
        "anything": bool(held and held.rows),
        "looked": held is not None,
        "retention": shared.settings.retention,
        "fault": fault,
    }
    return web.page(request, "data/index.html", context, 422 if fault else 200)
