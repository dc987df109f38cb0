"""The FAQ: the list of questions, their editor, what changed and how to take it back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BeforeValidator

from ivr.console import web
from ivr.console.desk import Desk, OwnDesk
from ivr.console.question_form import NAMES, readable, shown
from ivr.console.question_sheet import Sent, SentNew, Sheet, faults_by_field, language_named
from ivr.errors import CallLogError, IvrError, KnowledgeError
from ivr.faq.history import differences
from ivr.figures.questions import Usage
from ivr.knowledge import editing
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.editing import Conflict, Edit, Written, version
from ivr.knowledge.entries import Entry
from ivr.knowledge.saving import AlreadyBroken
from ivr.knowledge.text import fold
from ivr.learning.example import key

log = logging.getLogger(__name__)
router = APIRouter()

PERIODS = {7: "7 jours", 30: "30 jours", 90: "3 mois", 365: "un an"}
Period = Annotated[Literal[7, 30, 90, 365], BeforeValidator(int)]


@dataclass(frozen=True)
class Row:
    """One question in the list."""

    entry: Entry
    used: Usage
    changed_at: datetime | None
    changed_by: str
    valid: str
    """Empty while it is answered; else since or until when it is not."""
    translations: tuple[str, ...]
    """The other languages that it is answered in."""


# --- the list ------------------------------------------------------------------------------------


@router.get("/questions")
async def listed(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk,
    q: str = "", jours: Period = 30,
) -> Response:  # fmt: skip
    knowledge = shared.store.current
    used, last = await asyncio.gather(
        own.usage(jours, knowledge.hours.zone), own.history.last_by_entry(REFERENCE)
    )
    today = datetime.now(knowledge.hours.zone).date()
    words = fold(q[:200]).split()
    rows = []
    for entry in knowledge.entries.values():
        if not _found(entry, words):
            continue
        change = last.get(entry.id)
        valid = ""
        if entry.valid_until and today > entry.valid_until:
            valid = f"terminée le {entry.valid_until:%d/%m/%Y}"
        elif entry.valid_from and today < entry.valid_from:
            valid = f"à partir du {entry.valid_from:%d/%m/%Y}"
        elif entry.valid_until:
            valid = f"jusqu'au {entry.valid_until:%d/%m/%Y}"
        rows.append(
            Row(
                entry,
                used.get(entry.id, Usage()),
                change.at if change else None,
                change.who if change else "",
                valid,
                tuple(
                    one
                    for one in knowledge.languages
                    if one != REFERENCE and knowledge.speaks(entry.id, one)
                ),
            )
        )
    rows.sort(key=lambda row: (knowledge.department_name(row.entry.department), row.entry.title))
    groups = [
        (knowledge.department_name(department), list(some))
        for department, some in groupby(rows, key=lambda row: row.entry.department)
    ]
    names = await own.names()
    return web.page(
        request,
        "questions/list.html",
        {
            "groups": groups, "count": len(rows), "q": q[:200], "days": jours, "periods": PERIODS,
            "faults": shared.store.faults, "names": names,
        },
    )  # fmt: skip


def _found(entry: Entry, words: Sequence[str]) -> bool:
    """Whether an entry has all these words, in whatever it says."""
    if not words:
        return True
    text = fold(" ".join([entry.id, entry.title, entry.answer, *entry.keywords, *entry.examples]))
    return all(word in text for word in words)


# --- the editor ----------------------------------------------------------------------------------


@router.get("/questions/nouvelle")
async def new(
    request: Request, shared: web.Shared, person: web.Admin, service: str = ""
) -> Response:
    return await _editor(request, shared, Sheet(REFERENCE, "", shown({"department": service})))


@router.post("/questions/nouvelle")
async def add(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, sheet: SentNew
) -> Response:
    """Add a question; ``appris`` in the form: it comes from what callers said."""
    if "commencer" in await request.form():  # comes from what is to be learnt, to be filled in
        return await _editor(request, shared, sheet)
    return await _save(request, shared, own, person.login, sheet)


@router.get("/questions/{language}/{entry}")
async def editor(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, language: str,
    entry: str,
) -> Response:  # fmt: skip
    """The editor of an entry, or of a translation that there is not yet."""
    try:
        found = await asyncio.to_thread(editing.find, own.root, language_named(language), entry)
        french = await asyncio.to_thread(editing.find, own.root, REFERENCE, entry)
    except KnowledgeError as error:
        return web.page(request, "questions/broken.html", {"faults": error.faults}, 409)
    speakable = language in shared.store.current.catalogue.languages
    if found is None and not (french and speakable and language != REFERENCE):
        raise HTTPException(404)
    data = found.data if found else {}
    department = data.get("department") or (found.department if found else "")
    last = await own.history.of(language, entry, 1)
    return await _editor(
        request,
        shared,
        Sheet(language, entry, shown({**data, "department": department}),
              version(found.data if found else None)),
        changed=last[0] if last else None,
        names=await own.names(),
        used=(await own.usage(30, shared.store.current.hours.zone)).get(entry, Usage()),
    )  # fmt: skip


@router.post("/questions/{language}/{entry}")
async def save(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, sheet: Sent
) -> Response:
    return await _save(request, shared, own, person.login, sheet)


_LIVE = "Enregistré. Les appels reçoivent la nouvelle réponse dans deux secondes."


async def _save(request: Request, shared: web.Parts, own: Desk, who: str, sheet: Sheet) -> Response:
    """Save, or show why not."""
    if sheet.given.faults:
        return await _editor(request, shared, sheet, sheet.given.faults, status=422)
    try:
        edit = await asyncio.to_thread(sheet.edit, own.root)
    except Conflict as conflict:
        return await _conflict(request, own, sheet, conflict.current)
    except KnowledgeError as error:
        return await _editor(request, shared, sheet, {"": [str(error)]}, status=422)
    where = f"/questions/{sheet.language}/{edit.entry}"
    if version(edit.after) == version(edit.before):
        return web.go_to(request, where, "Rien n'avait changé.")
    learnt = {key(REFERENCE, one) for one in sheet.learnt} & {
        key(REFERENCE, one) for one in sheet.wanted.get("examples", [])
    }
    try:
        await own.save(edit, who, taken=learnt)
    except Conflict as conflict:
        return await _conflict(request, own, sheet, conflict.current)
    except AlreadyBroken as error:
        return await _editor(request, shared, sheet, {"": _elsewhere(error)}, status=409)
    except KnowledgeError as error:
        faults = await faults_by_field(own.root, edit, error)
        return await _editor(request, shared, sheet, faults, status=422)
    except CallLogError as error:
        log.error("%s is not saved: %s", where, error)
        return await _editor(request, shared, sheet, {"": [web.NO_DATABASE]}, status=503)
    except IvrError as error:
        return await _editor(request, shared, sheet, {"": [f"Rien n'a été changé : {error}"]},
                       status=409)  # fmt: skip
    return web.go_to(request, where, _LIVE)


def _elsewhere(error: KnowledgeError) -> list[str]:
    return [
        "Un fichier modifié à la main a une faute : rien ne peut être mis en service avant sa "
        "correction. Votre texte n'a pas été enregistré.",
        *(str(fault) for fault in error.faults[:5]),
    ]


async def _editor(
    request: Request,
    shared: web.Parts,
    sheet: Sheet,
    faults: Mapping[str, Sequence[str]] | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> Response:
    knowledge = shared.store.current
    there = [one for one in knowledge.languages if knowledge.speaks(sheet.entry, one)]
    french = None
    if sheet.language != REFERENCE:
        with suppress(KnowledgeError):  # which the page tells of
            french = await asyncio.to_thread(editing.find, knowledge.root, REFERENCE, sheet.entry)
    return web.page(
        request,
        "questions/editor.html",
        {
            "sheet": sheet, "given": sheet.given, "faults": faults or {}, "names_of": NAMES,
            "departments": knowledge.departments, "places": knowledge.places,
            "known_as": _known_as(knowledge, sheet), "store_faults": shared.store.faults,
            "languages": there, "french": shown(french.data) if french else None,
            "untranslated": sorted({*knowledge.catalogue.languages} - {*there, REFERENCE}),
            **more,
        },
        status,
    )  # fmt: skip


def _known_as(knowledge: Knowledge, sheet: Sheet) -> str:
    for language in (sheet.language, REFERENCE):
        if entry := knowledge.entries_in(language).get(sheet.entry):
            return entry.title
    return sheet.given.fields.get("title") or sheet.entry  # added a moment ago


# --- two people at the same entry ----------------------------------------------------------------


async def _conflict(request: Request, own: Desk, sheet: Sheet, theirs: Written | None) -> Response:
    """Both versions, field by field; the other one's is what the next save is based on."""
    mine = {
        name: value
        for name, value in sheet.wanted.items()
        if name != "department" or (theirs or {}).get("department")
    }
    rows = [
        (one.field, NAMES.get(one.field, one.field), readable(one.before), readable(one.after))
        for one in differences(theirs, mine)
    ]
    if theirs is not None and not rows:
        return web.go_to(request, sheet.address, "C'était déjà enregistré.")
    return web.page(
        request,
        "questions/conflict.html",
        {"sheet": sheet, "given": sheet.given, "rows": rows, "base": version(theirs),
         "gone": theirs is None, "who": await own.author(sheet.language, sheet.entry, theirs)},
        409,
    )  # fmt: skip


# --- removing ------------------------------------------------------------------------------------


@router.get("/questions/{language}/{entry}/supprimer")
async def ask_to_remove(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, language: str,
    entry: str,
) -> Response:  # fmt: skip
    found = await asyncio.to_thread(editing.find, own.root, language_named(language), entry)
    if found is None:
        raise HTTPException(404)
    knowledge = shared.store.current
    translations = [
        one for one in knowledge.languages
        if language == REFERENCE != one and knowledge.speaks(entry, one)
    ]  # fmt: skip
    return web.page(
        request,
        "questions/remove.html",
        {
            "language": language, "entry": entry, "data": found.data,
            "version": version(found.data), "translations": translations,
            "used": (await own.usage(30, shared.store.current.hours.zone)).get(entry, Usage()),
        },
    )  # fmt: skip


@router.post("/questions/{language}/{entry}/supprimer")
async def remove(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, language: str,
    entry: str,
) -> Response:  # fmt: skip
    form = await request.form()
    found = await asyncio.to_thread(editing.find, own.root, language_named(language), entry)
    if found is None:
        return web.go_to(request, "/questions", "Cette question était déjà supprimée.")
    if version(found.data) != form.get("version"):
        return web.go_to(
            request,
            f"/questions/{language}/{entry}",
            "Rien n'a été supprimé : la question a été modifiée entre-temps. Relisez-la.",
        )
    await own.save(Edit(language, entry, found.data, None), person.login)
    return web.go_to(
        request, "/questions", "Question supprimée. L'historique permet de la rétablir."
    )
