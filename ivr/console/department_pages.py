"""Settings in ``departments.yaml``: how a department is called, reached and relieved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from ivr.console import web
from ivr.console.forms import reread, told
from ivr.console.settings_pages import Field, Seen, save
from ivr.errors import IvrError
from ivr.knowledge.directory import DepartmentsFile
from ivr.knowledge.settings_files import read_as, version

router = APIRouter()

FILE = "departments.yaml"
KEYS = {
    "name": "nom",
    "synonyms": "synonymes",
    "address": "adresse",
    "phone": "telephone",
    "schedule": "horaire",
    "overflow": "releve",
    "outside": "exterieur",
}
"""What can be set here: the key in the file, and the form's field."""
LABELS = {
    "nom": "Nom", "synonymes": "Comment les gens l'appellent", "adresse": "Adresse",
    "telephone": "Numéro donné au public", "horaire": "Horaire",
    "releve": "Sans agent, ses appels vont à", "exterieur": "Numéro extérieur",
}  # fmt: skip


@router.get("/reglages/services")
async def departments(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """All departments."""
    knowledge = shared.store.current
    rows = [
        (one, [who.name for who in knowledge.operators if one.id in who.departments])
        for one in knowledge.departments.values()
    ]
    names = {one.id: one.name for one in knowledge.departments.values()}
    return web.page(request, "settings/departments.html", {"rows": rows, "names": names})


@router.get("/reglages/services/{name}")
async def department(
    request: Request, shared: web.Shared, person: web.Admin, name: str
) -> Response:
    """The form of one."""
    return _page(request, shared, name)


@router.post("/reglages/services/{name}")
async def change(
    request: Request, shared: web.Shared, person: web.Admin, name: str, vu: Seen,
    nom: Field = "", synonymes: Annotated[str, Form(max_length=5_000)] = "", adresse: Field = "",
    telephone: Field = "", horaire: Field = "", releve: Field = "", exterieur: Field = "",
) -> Response:  # fmt: skip
    """Write one."""
    typed = {
        "nom": nom, "synonymes": synonymes, "adresse": adresse, "telephone": telephone,
        "horaire": horaire, "releve": releve, "exterieur": exterieur,
    }  # fmt: skip

    def edit(data: dict[str, Any]) -> None:
        one = _find(data, name)
        for key, field in KEYS.items():
            lines = [" ".join(line.split()) for line in typed[field].splitlines() if line.strip()]
            value: Any = lines if key == "synonyms" else " ".join(lines)
            if value:
                one[key] = value
            elif key in ("name", "schedule"):
                one[key] = ""  # which the check reports
            else:
                one.pop(key, None)

    try:
        await save(shared, person, FILE, vu, edit, f"a modifié le service {name}")
    except IvrError as error:
        return _page(request, shared, name, error, typed)
    return web.go_to(request, "/reglages/services", "C'est enregistré.")


def _find(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    for one in data["departments"]:
        if one.get("id") == name:
            found: dict[str, Any] = one
            return found
    raise HTTPException(404)


def _page(
    request: Request,
    shared: web.Parts,
    name: str,
    error: Exception | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    file = shared.settings.paths.knowledge / FILE
    found, data = read_as(file, DepartmentsFile)
    one = _find(data, name)
    written = {field: one.get(key) or "" for key, field in KEYS.items()}
    written["synonymes"] = "\n".join(one.get("synonyms") or [])
    mine = reread(error, typed, written)
    context = {
        "one": written if mine or not typed else typed,
        "mine": [(LABELS[field], text) for field, text in mine],
        "title": one["name"],
        "place": name,
        "names": {one.id: one.name for one in found.departments},
        "schedules": list(shared.store.current.hours.schedules),
        "seen": version(file),
        "told": told(error, {name}, KEYS),
    }
    return web.page(request, "settings/department.html", context, 422 if error else 200)
