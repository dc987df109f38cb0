"""The FAQ: the list of questions, their editor, what changed and how to take it back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BeforeValidator

from ivr.console import web
from ivr.console.desk import Desk, OwnDesk
from ivr.console.question_form import NAMES, Given, entry_of, new_id, readable, received, shown
from ivr.errors import FaultsFound, IvrError, KnowledgeError
from ivr.faq.history import differences
from ivr.faq.usage import Usage
from ivr.knowledge import editing
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.editing import Conflict, Edit, Written, version
from ivr.knowledge.entries import Entry
from ivr.knowledge.saving import AlreadyBroken
from ivr.knowledge.text import fold
from ivr.learning.example import key
from ivr.learning.gather import decide

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


# --- the list ------------------------------------------------------------------------------------


@router.get("/questions")
async def listed(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk,
    q: str = "", jours: Period = 30,
) -> Response:  # fmt: skip
    knowledge = shared.store.current
    used, last = await asyncio.gather(own.usage(jours), own.history.last_by_entry(REFERENCE))
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
    given = shown({"department": service})
    return _editor(request, shared, Editing(REFERENCE, "", given))


@router.post("/questions/nouvelle")
async def add(request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk) -> Response:
    """Add a question; ``appris`` in the form: it comes from what callers said."""
    form = await request.form()
    given = received(form)
    entry = entry_of(given, REFERENCE)
    name = str(entry.get("id") or new_id(str(entry.get("title", ""))))
    if name:
        entry["id"] = name
    learnt = [one for one in form.getlist("appris") if isinstance(one, str)]
    editing_ = Editing(REFERENCE, "", given, learnt=tuple(learnt[:500]))
    if "commencer" in form:  # comes from what is to be learnt, to be filled in
        return _editor(request, shared, editing_)
    edit = Edit(REFERENCE, name, None, entry)
    answer = await _save(request, shared, own, person.login, editing_, edit)
    if answer is not None:
        return answer
    if learnt:
        keys = {key(REFERENCE, one) for one in learnt} & {
            key(REFERENCE, one) for one in entry.get("examples", [])
        }
        await decide(shared.database, keys, "taken", datetime.now(UTC), name)
    return web.go_to(request, f"/questions/fr/{name}", _LIVE)


@router.get("/questions/{language}/{entry}")
async def edit(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, language: str,
    entry: str,
) -> Response:  # fmt: skip
    try:
        found = await asyncio.to_thread(editing.find, own.root, _language(language), entry)
    except KnowledgeError as error:
        return web.page(request, "questions/broken.html", {"faults": error.faults}, 409)
    if found is None:
        raise HTTPException(404)
    given = shown({**found.data, "department": found.data.get("department") or found.department})
    last = await own.history.of(language, entry, 1)
    return _editor(
        request,
        shared,
        Editing(language, entry, given, version(found.data)),
        changed=last[0] if last else None,
        names=await own.names(),
        used=(await own.usage(30)).get(entry, Usage()),
    )


@router.post("/questions/{language}/{entry}")
async def save(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, language: str,
    entry: str,
) -> Response:  # fmt: skip
    form = await request.form()
    given = received(form)
    base = str(form.get("version", ""))
    wanted = {**entry_of(given, _language(language)), "id": entry}
    editing_ = Editing(language, entry, given, base)
    try:
        theirs = [one.removeprefix("choix_") for one, value in form.items() if value == "leur"]
        edit = await asyncio.to_thread(based, own, language, entry, base, wanted, theirs)
    except Conflict as conflict:
        return _conflict(request, editing_, wanted, conflict.current)
    except KnowledgeError as error:
        return _editor(request, shared, editing_, {"": [str(error)]}, status=422)
    if version(edit.after) == version(edit.before):
        return web.go_to(request, f"/questions/{language}/{entry}", "Rien n'avait changé.")
    answer = await _save(request, shared, own, person.login, editing_, edit)
    return answer or web.go_to(request, f"/questions/{language}/{entry}", _LIVE)


_LIVE = "Enregistré. Les appels reçoivent la nouvelle réponse dans deux secondes."


def based(
    own: Desk, language: str, entry: str, base: str, wanted: Written, theirs: Sequence[str] = ()
) -> Edit:
    """The edit of a form that was begun on the version ``base``; some fields stay as they are.

    Raises Conflict when the entry is no longer that version.
    """
    found = editing.find(own.root, language, entry)
    if found is None or version(found.data) != base:
        raise Conflict(found.data if found else None)
    if wanted.get("department") == found.department and "department" not in found.data:
        wanted = {name: value for name, value in wanted.items() if name != "department"}
    if found.data.get("priority") == "0" and "priority" not in wanted:
        wanted["priority"] = 0
    kept = {name: one for name, one in wanted.items() if name not in theirs}
    kept |= {name: found.data[name] for name in theirs if name in found.data}
    return Edit(language, entry, found.data, kept)


@dataclass(frozen=True)
class Editing:
    """An editor: of which entry, and what is typed in it."""

    language: str
    entry: str
    """Its id; empty for a new one."""
    given: Given
    version: str = ""
    """That the form was begun on."""
    learnt: tuple[str, ...] = ()
    """What callers said that the new entry is made for."""

    @property
    def address(self) -> str:
        """Of its page."""
        return f"/questions/{self.language}/{self.entry}" if self.entry else "/questions/nouvelle"


async def _save(
    request: Request, shared: web.Parts, own: Desk, who: str, editing_: Editing, edit: Edit
) -> Response | None:
    """Save, or the page that says why not."""
    if editing_.given.faults:
        return _editor(request, shared, editing_, editing_.given.faults, status=422)
    try:
        await own.save(edit, who)
    except Conflict as conflict:
        return _conflict(request, editing_, edit.after or {}, conflict.current)
    except AlreadyBroken as error:
        return _editor(request, shared, editing_, {"": _elsewhere(error)}, status=409)
    except KnowledgeError as error:
        faults = await asyncio.to_thread(faults_by_field, own, edit, error)
        return _editor(request, shared, editing_, faults, status=422)
    except FaultsFound:
        raise
    except IvrError as error:
        return _editor(request, shared, editing_, {"": [f"Rien n'a été changé : {error}"]},
                       status=409)  # fmt: skip
    return None


def faults_by_field(own: Desk, edit: Edit, error: KnowledgeError) -> dict[str, list[str]]:
    """What keeps an edit from being saved, by field."""
    try:
        made = editing.drafts(own.root, edit)
        found = editing.by_field(made[-1], edit.entry, error.faults)
        return {name: [_beside_field(one) for one in some] for name, some in found.items()}
    except (IvrError, OSError):
        return {"": [str(error)]}


def _beside_field(message: str) -> str:
    """A fault as it reads beside its field, without the name that the field has in the file."""
    if message.startswith("il manque le champ"):
        return "ce champ est obligatoire : remplissez-le"
    return re.sub(r"^« \w+ » : ", "", message)


def _elsewhere(error: KnowledgeError) -> list[str]:
    return [
        "Un fichier modifié à la main a une faute : rien ne peut être mis en service avant sa "
        "correction. Votre texte n'a pas été enregistré.",
        *(str(fault) for fault in error.faults[:5]),
    ]


def _editor(
    request: Request,
    shared: web.Parts,
    editing_: Editing,
    faults: Mapping[str, Sequence[str]] | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> Response:
    knowledge = shared.store.current
    name = "questions/editor.html"
    return web.page(
        request,
        name,
        {
            "editing": editing_, "given": editing_.given, "faults": faults or {}, "names_of": NAMES,
            "departments": knowledge.departments, "places": knowledge.places,
            "known_as": _known_as(knowledge, editing_), "store_faults": shared.store.faults,
            "languages": [
                one for one in knowledge.languages if knowledge.speaks(editing_.entry, one)
            ],
            **more,
        },
        status,
    )  # fmt: skip


def _known_as(knowledge: Knowledge, editing_: Editing) -> str:
    entry = knowledge.entries_in(editing_.language).get(editing_.entry)
    return entry.title if entry else editing_.entry


def _language(name: str) -> str:
    if not re.fullmatch("[a-z]{2}", name):
        raise HTTPException(404)
    return name


# --- two people at the same entry ----------------------------------------------------------------


def _conflict(
    request: Request, editing_: Editing, mine: Written, theirs: Written | None
) -> Response:
    """Both versions, field by field; the other one's is what the next save is based on."""
    rows = [
        (one.field, NAMES.get(one.field, one.field), readable(one.before), readable(one.after))
        for one in differences(theirs, {k: v for k, v in mine.items() if k != "department"
                                        or (theirs or {}).get("department")})
    ]  # fmt: skip
    base = version(theirs)
    return web.page(
        request,
        "questions/conflict.html",
        {"editing": editing_, "given": editing_.given, "rows": rows, "base": base,
         "gone": theirs is None},
        409,
    )  # fmt: skip


# --- removing ------------------------------------------------------------------------------------


@router.get("/questions/{language}/{entry}/supprimer")
async def ask_to_remove(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, language: str,
    entry: str,
) -> Response:  # fmt: skip
    found = await asyncio.to_thread(editing.find, own.root, _language(language), entry)
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
            "used": (await own.usage(30)).get(entry, Usage()),
        },
    )  # fmt: skip


@router.post("/questions/{language}/{entry}/supprimer")
async def remove(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, language: str,
    entry: str,
) -> Response:  # fmt: skip
    form = await request.form()
    found = await asyncio.to_thread(editing.find, own.root, _language(language), entry)
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
