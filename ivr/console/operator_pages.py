"""Settings in ``operators.yaml``: who takes calls, at which telephone, for which departments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from ivr.console import web
from ivr.console.forms import DAY_NAMES, Mistyped, read_week, reread, shown_week, told, typed_week
from ivr.console.settings_pages import Field, Seen, save
from ivr.errors import IvrError
from ivr.knowledge.directory import OperatorsFile, Skill
from ivr.knowledge.hours import DAYS
from ivr.knowledge.settings_files import read_as, set_week, version

router = APIRouter()

FILE = "operators.yaml"
NEW = "nouveau"
SKILLS = {
    Skill.EXPERT.value: "sonne en premier",
    Skill.NORMAL.value: "sonne avec les autres",
    Skill.BACKUP.value: "sonne si tous sont pris",
}
FIELDS = {
    "name": "nom",
    "extension": "poste",
    "departments": "services",
    "skills": "rangs",
    "shifts": "presence",
    **{f"shifts.{day}": day for day in DAYS},
}
"""The keys of an operator in the file, and the fields of the form."""
Several = Annotated[list[str] | None, Form(max_length=200)]


@router.get("/reglages/agents")
async def operators(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """All operators."""
    return _list_page(request, shared)


@router.post("/reglages/agents")
async def change_wrap_up(
    request: Request, shared: web.Shared, person: web.Admin, vu: Seen, traitement: Field = ""
) -> Response:
    """Write how long all of them have after a call."""

    def edit(data: dict[str, Any]) -> None:
        data["wrap_up"] = int(traitement) if traitement.strip().isdecimal() else traitement

    try:
        await save(shared, person, FILE, vu, edit, "a modifié le temps de traitement")
    except IvrError as error:
        return _list_page(request, shared, error, traitement)
    return web.go_to(request, "/reglages/agents", "Le temps de traitement est enregistré.")


@router.get("/reglages/agents/{extension}")
async def operator(
    request: Request, shared: web.Shared, person: web.Admin, extension: str
) -> Response:
    """The form of one, or of a new one."""
    return _page(request, shared, extension)


@router.post("/reglages/agents/{extension}")
async def change(
    request: Request, shared: web.Shared, person: web.Admin, extension: str, vu: Seen,
    nom: Field = "", poste: Field = "", services: Several = None,
) -> Response:  # fmt: skip
    """Write one, or a new one."""
    form = await request.form()
    departments = services or []
    typed = {
        "name": " ".join(nom.split()),
        "extension": poste.strip() if extension == NEW else extension,
        "departments": departments,
        "skills": {one: str(form.get(f"rang-{one}", ""))[:50] or "normal" for one in departments},
        "week": typed_week(form),
        "on_holidays": "feries" in form,
    }

    def edit(data: dict[str, Any]) -> None:
        if extension == NEW:
            one = {"name": "", "extension": typed["extension"]}
            data["operators"] = [*(data.get("operators") or []), one]
        else:
            one = _find(data, extension)
        _write(one, typed)

    try:
        action = "a ajouté un agent" if extension == NEW else f"a modifié l'agent {extension}"
        await save(shared, person, FILE, vu, edit, action)
    except (IvrError, Mistyped) as error:
        return _page(request, shared, extension, error, typed)
    return web.go_to(request, "/reglages/agents", f"{nom} : c'est enregistré.")


@router.post("/reglages/agents/{extension}/retirer")
async def remove(
    request: Request, shared: web.Shared, person: web.Admin, extension: str, vu: Seen
) -> Response:
    """Take one away."""

    def edit(data: dict[str, Any]) -> None:
        gone = _find(data, extension)
        data["operators"] = [one for one in data["operators"] if one is not gone]

    try:
        await save(shared, person, FILE, vu, edit, f"a retiré l'agent {extension}")
    except IvrError as error:
        return _list_page(request, shared, error)
    return web.go_to(request, "/reglages/agents", "C'est retiré.")


def _write(one: dict[str, Any], typed: Mapping[str, Any]) -> None:
    """Put what a form holds into an operator's data; what stays the same stays as written."""
    one["name"], one["departments"] = typed["name"], typed["departments"]
    was = one.get("skills") or {}
    skills = {
        department: rank
        for department, rank in typed["skills"].items()
        if rank != Skill.NORMAL.value or was.get(department) == rank
    }
    week = read_week(typed["week"])
    if any(week.values()):
        set_week(one.setdefault("shifts", {}), week, on_holidays=typed["on_holidays"])
    else:
        one.pop("shifts", None)
    if skills:
        one["skills"] = skills
    else:
        one.pop("skills", None)


def _find(data: Mapping[str, Any], extension: str) -> dict[str, Any]:
    for one in data.get("operators") or []:
        if one.get("extension") == extension:
            found: dict[str, Any] = one
            return found
    raise HTTPException(404)


def _list_page(
    request: Request, shared: web.Parts, error: Exception | None = None, typed: str | None = None
) -> Response:
    file = shared.settings.paths.knowledge / FILE
    found, _data = read_as(file, OperatorsFile)
    context = {
        "operators": found.operators,
        "wrap_up": found.wrap_up if typed is None else typed,
        "names": _departments(shared),
        "seen": version(file),
        "fault": told(error).general,
    }
    return web.page(request, "settings/operators.html", context, 422 if error else 200)


def _page(
    request: Request,
    shared: web.Parts,
    extension: str,
    error: Exception | None = None,
    typed: Mapping[str, Any] | None = None,
) -> Response:
    file = shared.settings.paths.knowledge / FILE
    _found, data = read_as(file, OperatorsFile)
    written = {} if extension == NEW else _find(data, extension)
    now = _shown(written)
    mine = []
    if typed and extension != NEW:
        mine = reread(error, _labelled(typed), _labelled(now))
    context = {
        "one": now if mine or not typed else typed,
        "mine": mine,
        "title": written.get("name"),
        "place": extension,
        "new": extension == NEW,
        "names": _departments(shared),
        "skills": SKILLS,
        "days": DAY_NAMES,
        "seen": version(file),
        "told": told(error, {str((typed or {}).get("name")), "operators"}, FIELDS),
    }
    return web.page(request, "settings/operator.html", context, 422 if error else 200)


def _labelled(one: Mapping[str, Any]) -> dict[str, str]:
    """What a form holds, in words."""
    ranks = (
        f"{name} ({SKILLS.get(one['skills'].get(name, 'normal'), '?')})"
        for name in one["departments"]
    )
    days = {DAY_NAMES[day].capitalize(): hours for day, hours in one["week"].items()}
    return {"Prénom et nom": one["name"], "Services": ", ".join(ranks), **days}


def _shown(written: Mapping[str, Any]) -> dict[str, Any]:
    """An operator's data in their form."""
    shifts = written.get("shifts") or {}
    return {
        "name": written.get("name", ""),
        "extension": written.get("extension", ""),
        "departments": written.get("departments", []),
        "skills": written.get("skills") or {},
        "week": shown_week(shifts),
        "on_holidays": shifts.get("open_on_public_holidays") == "true",
    }


def _departments(shared: web.Parts) -> dict[str, str]:
    return {one.id: one.name for one in shared.store.current.departments.values()}
