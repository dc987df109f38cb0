"""Settings: the page that leads to each, the voice, and those that are set elsewhere."""

from __future__ import annotations

import asyncio
import logging
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import SecretStr
from sqlalchemy.orm import Session

from ivr.calllog.accounts import AuditLine
from ivr.console import web
from ivr.console.accounts import Person
from ivr.console.forms import Mistyped, told
from ivr.errors import CallLogError, IvrError
from ivr.knowledge.settings_files import (
    Change,
    Prepared,
    lines_changed,
    prepare,
    prepare_alone,
    read_as,
    version,
)
from ivr.settings import Section, Settings
from ivr.settings_file import DEFAULT_FILE, variable_name
from ivr.speech.voice_file import VoiceFile, voice_file

log = logging.getLogger(__name__)
router = APIRouter()

Field = Annotated[str, Form(max_length=500)]
Seen = Annotated[str, Form(max_length=64)]
"""The version of the file that the form was made from."""


SECTIONS = {
    "paths": "Dossiers", "sip": "Téléphonie", "trunk": "Ligne de l'opérateur",
    "asterisk": "Central téléphonique", "redis": "Redis", "database": "Base de données",
    "hearing": "Reconnaissance de la parole", "speaking": "Voix", "calls": "Appels",
    "messages": "Messages", "retention": "Durées de conservation", "console": "Console",
    "callbacks": "Rappels", "mail": "Courriel", "log": "Journal",
}  # fmt: skip
"""The sections of ``ivr.toml`` as people read them."""
VOICE_FIELDS = {"pace": "debit", "loudness": "volume"}
"""Keys of a voice's file, and the fields of its form."""
NO_NUMBER = "un nombre était attendu, comme dans l'exemple"


@dataclass(frozen=True)
class Shown:
    """One setting, for people."""

    name: str
    value: str
    where: str


@router.get("/reglages")
async def index(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """What can be set, here or elsewhere."""
    settings = shared.settings
    context = {
        "announced": shared.store.current.hours.announced(datetime.now(UTC)),
        "faults": shared.store.faults,
        "sections": SECTIONS,
        "elsewhere": await asyncio.to_thread(elsewhere, settings, os.environ),
    }
    return web.page(request, "settings/index.html", context)


@router.get("/reglages/voix")
async def voice(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """Pace and loudness of the configured voice."""
    return _voice_page(request, shared)


@router.post("/reglages/voix")
async def change_voice(
    request: Request, shared: web.Shared, person: web.Admin, vu: Seen, debit: Field, volume: Field
) -> Response:
    """Write them."""

    typed = {"pace": debit, "loudness": volume}
    numbers = {key: _number(text) for key, text in typed.items()}

    def change(data: dict[str, Any]) -> None:
        wrong = {VOICE_FIELDS[key]: NO_NUMBER for key, one in numbers.items() if one is None}
        if wrong:
            raise Mistyped(wrong)
        data |= {key: one for key, one in numbers.items() if one != _number(data.get(key))}

    file = voice_file(shared.settings)
    try:
        prepare_it = partial(prepare_alone, file, vu, VoiceFile, change)
        await make(shared, person, "a modifié la voix", file.name, prepare_it)
    except (IvrError, Mistyped) as error:
        return _voice_page(request, shared, error, typed)
    return web.go_to(
        request,
        "/reglages/voix",
        "La voix est enregistrée. Les appels l'entendent dans quelques secondes.",
    )


async def save(
    shared: web.Parts, person: Person, name: str, seen: str, change: Change, action: str
) -> None:
    """Change a file of the knowledge and note it in the audit log, or neither. Raises IvrError."""
    root = shared.settings.paths.knowledge
    await make(shared, person, action, name, partial(prepare, root, name, seen, change))


async def make(
    shared: web.Parts, person: Person, action: str, subject: str, prepare: Callable[[], Prepared]
) -> None:
    """Make a change of a file and note it, or neither; nothing when it says that already."""

    def note(_session: Session, prepared: Prepared) -> list[AuditLine]:
        before, after = lines_changed(*prepared.drafts)
        return [
            AuditLine(
                at=datetime.now(UTC), who=person.login, action=action, subject=subject,
                before=before, after=after,
            )
        ]  # fmt: skip

    try:
        await shared.records.make(prepare, note)
    except CallLogError as error:
        log.error("%s is not changed: %s", subject, error)
        raise IvrError(web.NO_DATABASE) from error


def elsewhere(settings: Settings, environ: Mapping[str, str]) -> dict[str, list[Shown]]:
    """Every setting of ``ivr.toml``, by section: its value, and what it was set by."""
    file = Path(environ.get("IVR_CONFIG") or DEFAULT_FILE)
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        written = {}
    found: dict[str, list[Shown]] = {}
    for section in type(settings).model_fields:
        table = getattr(settings, section)
        assert isinstance(table, Section)
        for key in type(table).model_fields:
            where = "valeur par défaut"
            if key in written.get(section, {}):
                where = str(file)
            if variable_name(section, key) in environ:
                where = f"variable {variable_name(section, key)}"
            value = _shown(key, getattr(table, key))
            found.setdefault(section, []).append(Shown(f"{section}.{key}", value, where))
    return found


def _shown(key: str, value: object) -> str:
    if isinstance(value, SecretStr) or "password" in key:
        return "••••••" if str(value) else "aucun"
    if key == "url" and "@" in str(value):  # a password may stand in it
        return f"…@{str(value).rpartition('@')[2]}"
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "aucun"
    return str(value) if value not in (None, "") else "aucun"


def _voice_page(
    request: Request,
    shared: web.Parts,
    error: Exception | None = None,
    given: Mapping[str, str] | None = None,
) -> Response:
    file = voice_file(shared.settings)
    found, _data = read_as(file, VoiceFile)
    context = {
        "voice": found,
        "given": given or {"pace": _typed(found.pace), "loudness": _typed(found.loudness)},
        "file": file.name,
        "seen": version(file),
        "told": told(error, names=VOICE_FIELDS),
    }
    return web.page(request, "settings/voice.html", context, 422 if error else 200)


def _typed(number: float) -> str:
    """As a French form has it."""
    return f"{number:g}".replace(".", ",")


def _number(text: Any) -> float | None:
    try:
        return float(str(text).replace(",", "."))
    except ValueError:
        return None
