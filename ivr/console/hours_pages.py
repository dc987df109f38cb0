"""Settings in ``hours.yaml``: hours, closures, openings, announcements, and who answers when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from ivr.console import web
from ivr.console.forms import (
    DAY_NAMES,
    Mistyped,
    Told,
    read_week,
    reread,
    shown_week,
    told,
    typed_week,
)
from ivr.console.settings_pages import Field, Seen, save
from ivr.errors import IvrError
from ivr.knowledge.hours import DAYS, Announcement, Hours, Mode
from ivr.knowledge.settings_files import intervals, read_as, set_week, version
from ivr.yamledit import FileChanged

router = APIRouter()

FILE = "hours.yaml"
KIND_NAMES = {**DAY_NAMES, "holiday": "jours fériés", "closure": "fermetures"}
MODE_NAMES = {
    Mode.MACHINE_FIRST.value: "La machine d'abord : elle passe l'appel à un agent au besoin",
    Mode.OPERATORS_FIRST.value: "Les agents d'abord : la machine quand ils sont tous pris",
    Mode.MACHINE_ALONE.value: "La machine seule : les demandes d'agent deviennent des rappels",
}
LISTS = {
    "fermetures": ("closures", "une fermeture"),
    "ouvertures": ("openings", "une ouverture exceptionnelle"),
    "annonces": ("announcements", "une annonce"),
}
"""The lists that lines are added to and taken from: address, key, how the log calls one."""
LINE_FIELDS = {
    "from": "debut",
    "until": "fin",
    "hours": "heures",
    "reason": "texte",
    "text": "texte",
    "schedules": "horaires",
}
"""The keys of such a line, and the fields of the form."""
SOON = "Les appels en tiennent compte dans quelques secondes."
LIVE = f"C'est enregistré. {SOON}"
SPARE = 2
"""Empty lines at the end of the form of modes."""

Several = Annotated[list[str] | None, Form(max_length=200)]


@router.get("/reglages/horaires")
async def schedules(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """All schedules, closures and openings."""
    return _page(request, shared, "settings/hours.html")


@router.get("/reglages/horaires/{name}")
async def schedule(request: Request, shared: web.Shared, person: web.Admin, name: str) -> Response:
    """The form of one schedule."""
    return _schedule_page(request, shared, name)


@router.post("/reglages/horaires/{name}")
async def change_schedule(
    request: Request, shared: web.Shared, person: web.Admin, name: str, vu: Seen
) -> Response:
    """Write one schedule."""
    form = await request.form()
    typed = typed_week(form)
    on_holidays = "feries" in form
    if name not in _hours(shared)[1]["schedules"]:
        raise HTTPException(404)

    def change(data: dict[str, Any]) -> None:
        set_week(data["schedules"][name], read_week(typed), on_holidays=on_holidays)

    try:
        await save(shared, person, FILE, vu, change, f"a modifié l'horaire {name}")
    except (IvrError, ValueError) as error:
        return _schedule_page(request, shared, name, error, typed)
    return web.go_to(request, "/reglages/horaires", f"L'horaire « {name} » est enregistré. {SOON}")


@router.get("/reglages/annonces")
async def announcements(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """What the greeting says besides."""
    return _page(request, shared, "settings/announcements.html")


@router.get("/reglages/modes")
async def modes(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """Who answers when."""
    return _modes_page(request, shared)


@router.post("/reglages/modes")
async def change_modes(
    request: Request, shared: web.Shared, person: web.Admin, vu: Seen
) -> Response:
    """Write who answers when."""
    form = await request.form()
    lines = []
    known = len(_hours(shared)[1].get("modes") or []) - 1
    for number in range(100):
        mode = str(form.get(f"mode-{number}", ""))[:50]
        days = [str(one)[:50] for one in form.getlist(f"jours-{number}")]
        hours = str(form.get(f"heures-{number}", ""))[:50].strip()
        if mode or (number >= known and (days or hours)):  # else it is taken away, or empty
            lines.append({"mode": mode, "days": days, "hours": hours})
    last = {"mode": str(form.get("sinon", ""))[:50], "days": [], "hours": ""}

    def change(data: dict[str, Any]) -> None:
        wanted = [_mode_line(line) for line in (*lines, last)]
        if wanted != [_without_nothing(one) for one in data.get("modes") or []]:
            data["modes"] = wanted

    try:
        if not all(line["mode"] for line in lines):
            raise ValueError("Dites qui répond, sur la nouvelle ligne aussi ; sinon videz-la.")
        if any(not line["days"] and not line["hours"] for line in lines):
            raise ValueError("Chaque ligne doit avoir des jours ou des heures ; sinon retirez-la.")
        await save(shared, person, FILE, vu, change, "a modifié qui répond et quand")
    except (IvrError, ValueError) as error:
        return _modes_page(request, shared, error, [*lines, last])
    return web.go_to(request, "/reglages/modes", LIVE)


@router.post("/reglages/{kind}/ajouter")
async def add(
    request: Request, shared: web.Shared, person: web.Admin, kind: str, vu: Seen,
    debut: Field = "", fin: Field = "", heures: Field = "",
    texte: Annotated[str, Form(max_length=5_000)] = "", horaires: Several = None,
) -> Response:  # fmt: skip
    """Add a closure, an opening or an announcement."""
    key, called = _list(kind)
    typed = {
        "debut": debut, "fin": fin, "heures": heures, "texte": texte, "horaires": horaires or [],
    }  # fmt: skip

    def change(data: dict[str, Any]) -> None:
        data[key] = [*(data.get(key) or []), _line(kind, typed)]

    try:
        await save(shared, person, FILE, vu, change, f"a ajouté {called}")
    except (IvrError, ValueError) as error:
        template = "settings/announcements.html" if kind == "annonces" else "settings/hours.html"
        return _page(request, shared, template, error, {"kind": kind, **typed})
    return web.go_to(request, _home(kind), LIVE)


@router.post("/reglages/{kind}/{number}/retirer")
async def remove(
    request: Request, shared: web.Shared, person: web.Admin, kind: str, number: int, vu: Seen
) -> Response:
    """Take one away."""
    key, called = _list(kind)

    def change(data: dict[str, Any]) -> None:
        listed = data.get(key) or []
        if not 0 <= number < len(listed):
            raise FileChanged("Cette ligne n'est plus là : rien n'a été changé.")
        data[key] = [one for place, one in enumerate(listed) if place != number]

    try:
        await save(shared, person, FILE, vu, change, f"a retiré {called}")
    except IvrError as error:
        template = "settings/announcements.html" if kind == "annonces" else "settings/hours.html"
        return _page(request, shared, template, error)
    return web.go_to(request, _home(kind), f"C'est retiré. {SOON}")


def _list(kind: str) -> tuple[str, str]:
    if kind not in LISTS:
        raise HTTPException(404)
    return LISTS[kind]


def _home(kind: str) -> str:
    return "/reglages/annonces" if kind == "annonces" else "/reglages/horaires"


def _line(kind: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a list as ``hours.yaml`` has it. Raises ValueError, in French."""
    text = " ".join(typed["texte"].split())
    start, end = (typed[name].strip().replace("T", " ") for name in ("debut", "fin"))
    if kind == "annonces":
        return {"from": start, "until": end, "text": text}
    line: dict[str, Any] = {"from": start}
    if end and end != start:
        line["until"] = end
    try:
        hours = intervals(typed["heures"])
    except ValueError as error:
        raise Mistyped({"heures": str(error)}) from error
    if kind == "ouvertures":
        line["hours"] = hours
    elif len(hours) > 1:
        raise Mistyped({"heures": "Une fermeture n'a qu'une plage horaire : faites-en deux."})
    elif hours:
        line["hours"] = hours[0]
    if kind == "fermetures":
        line["reason"] = text
    if typed["horaires"]:
        line["schedules"] = typed["horaires"]
    return line


def _mode_line(line: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {"mode": line["mode"]}
    if line["days"]:
        wanted["days"] = line["days"]
    if line["hours"]:
        (wanted["hours"], *more) = intervals(line["hours"])
        if more:
            raise ValueError("Une ligne n'a qu'une plage horaire : faites-en deux.")
    return wanted


def _without_nothing(line: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if value}


def _hours(shared: web.Parts) -> tuple[Hours, dict[str, Any]]:
    return read_as(shared.settings.paths.knowledge / FILE, Hours)


def _page(
    request: Request,
    shared: web.Parts,
    template: str,
    error: Exception | None = None,
    given: Mapping[str, Any] | None = None,
) -> Response:
    hours, data = _hours(shared)
    now = datetime.now(hours.zone)
    context = {
        "hours": hours,
        "weeks": {name: shown_week(one) for name, one in data["schedules"].items()},
        "users": _users(shared),
        "data": {key: data.get(key) or [] for key, _ in LISTS.values()},
        "days": DAY_NAMES,
        "seen": version(shared.settings.paths.knowledge / FILE),
        "told": told(error, names=LINE_FIELDS),
        "given": given or {},
        "nothing": Told(),
        "now": now,
        "stages": [_stage(one, now) for one in hours.announcements],
    }
    return web.page(request, template, context, 422 if error else 200)


def _users(shared: web.Parts) -> dict[str, list[str]]:
    """The departments and places that keep each schedule: its own name is one of the files'."""
    knowledge = shared.store.current
    found: dict[str, list[str]] = defaultdict(list)
    for departments_or_places in (knowledge.departments, knowledge.places):
        for one in departments_or_places.values():
            found[one.schedule].append(one.name)
    return found


def _labelled(lines: list[dict[str, Any]]) -> dict[str, str]:
    """The lines of the form of modes, in words."""
    found = {}
    for number, line in enumerate(lines, 1):
        days = ", ".join(KIND_NAMES.get(day, day) for day in line["days"])
        parts = (days, line["hours"], MODE_NAMES.get(line["mode"], line["mode"]))
        found[f"Ligne {number}"] = " — ".join(part for part in parts if part)
    return found


def _stage(one: Announcement, now: datetime) -> str:
    """Whether an announcement is said. ``now`` is in the town's zone."""
    wall = now.replace(tzinfo=None)
    if one.until <= wall:
        return "terminée"
    return "dite en ce moment" if one.first <= wall else "à venir"


def _schedule_page(
    request: Request,
    shared: web.Parts,
    name: str,
    error: Exception | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    hours, data = _hours(shared)
    if name not in data["schedules"]:
        raise HTTPException(404)
    week = shown_week(data["schedules"][name])
    mine = reread(error, typed, week)
    context = {
        "name": name,
        "users": _users(shared)[name],
        "week": week if mine or not typed else typed,
        "mine": [(DAY_NAMES[day].capitalize(), text) for day, text in mine],
        "on_holidays": hours.schedules[name].open_on_public_holidays,
        "days": DAY_NAMES,
        "seen": version(shared.settings.paths.knowledge / FILE),
        "told": told(error, names={f"schedules.{name}.{day}": day for day in DAYS}),
    }
    return web.page(request, "settings/schedule.html", context, 422 if error else 200)


def _modes_page(
    request: Request,
    shared: web.Parts,
    error: Exception | None = None,
    typed: list[dict[str, Any]] | None = None,
) -> Response:
    _hours_now, data = _hours(shared)
    written = data.get("modes") or [{"mode": Mode.MACHINE_FIRST.value}]
    lines = [
        {"mode": one["mode"], "days": one.get("days") or [], "hours": one.get("hours") or ""}
        for one in written
    ]
    mine = reread(error, _labelled(typed or []), _labelled(lines))
    if typed and not mine:
        lines = typed
    context = {
        "mine": mine,
        "lines": [*lines[:-1], *({"mode": "", "days": [], "hours": ""} for _ in range(SPARE))],
        "last": lines[-1]["mode"],
        "modes": MODE_NAMES,
        "kinds": KIND_NAMES,
        "seen": version(shared.settings.paths.knowledge / FILE),
        "fault": told(error).general,
    }
    return web.page(request, "settings/modes.html", context, 422 if error else 200)
