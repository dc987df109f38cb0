"""Settings in ``operators.yaml``: who takes calls, at which telephone, for which departments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from ivr.console import web
from ivr.console.hours_pages import told
from ivr.console.settings_pages import Field, Seen, save
from ivr.errors import IvrError
from ivr.knowledge.directory import OperatorsFile
from ivr.knowledge.settings_files import read_as, version

router = APIRouter()

FILE = "operators.yaml"
NEW = "nouveau"
Several = Annotated[list[str] | None, Form(max_length=200)]


@router.get("/reglages/agents")
async def operators(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """All operators."""
    return _list_page(request, shared)


@router.get("/reglages/agents/{extension}")
async def operator(
    request: Request, shared: web.Shared, person: web.Admin, extension: str
) -> Response:
    """The form of one, or of a new one."""
    return _page(request, shared, extension)


@router.post("/reglages/agents/{extension}")
async def change(
    request: Request, shared: web.Shared, person: web.Admin, extension: str, vu: Seen, nom: Field,
    poste: Field = "", services: Several = None,
) -> Response:  # fmt: skip
    """Write one, or a new one."""
    typed = {"name": nom.strip(), "extension": poste.strip(), "departments": services or []}

    def edit(data: dict[str, Any]) -> None:
        if extension == NEW:
            data["operators"] = [*(data.get("operators") or []), typed]
        else:
            one = _find(data, extension)
            for key in ("name", "departments"):  # whatever else is written of them stays
                one[key] = typed[key]

    try:
        action = "a ajouté un agent" if extension == NEW else f"a modifié l'agent {extension}"
        await save(shared, person, FILE, vu, edit, action)
    except IvrError as error:
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


def _find(data: Mapping[str, Any], extension: str) -> dict[str, Any]:
    for one in data.get("operators") or []:
        if one.get("extension") == extension:
            found: dict[str, Any] = one
            return found
    raise HTTPException(404)


def _list_page(request: Request, shared: web.Parts, error: Exception | None = None) -> Response:
    file = shared.settings.paths.knowledge / FILE
    found, _data = read_as(file, OperatorsFile)
    context = {
        "operators": found.operators,
        "names": _departments(shared),
        "seen": version(file),
        "fault": told(error),
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
    empty: dict[str, Any] = {"name": "", "extension": "", "departments": []}
    one = typed or (empty if extension == NEW else _find(data, extension))
    context = {
        "one": one,
        "place": extension,
        "new": extension == NEW,
        "names": _departments(shared),
        "seen": version(file),
        "fault": told(error),
    }
    return web.page(request, "settings/operator.html", context, 422 if error else 200)


def _departments(shared: web.Parts) -> dict[str, str]:
    return {one.id: one.name for one in shared.store.current.departments.values()}
