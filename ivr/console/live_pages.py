"""Calls in progress, operators, queues and health, as it happens; calls passed on and ended."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import Response, StreamingResponse
from redis.exceptions import RedisError

from ivr.console import live_view, web
from ivr.console import live_words as words
from ivr.console.accounts import Person
from ivr.console.call_data import call_with_turns, recent_calls
from ivr.console.reader import reader
from ivr.console.stream import stream
from ivr.knowledge.base import Knowledge
from ivr.live.messages import Answer, EndCall, PassCall
from ivr.live.mirror import Mirror, Sight, View, new_order

router = APIRouter()

CallId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
PARTS = ("sight", "calls", "people", "health")
"""The parts of the page that renew themselves; each has a template."""
WORKERS = "rq:workers"
"""Where RQ keeps the names of its workers."""


@router.get("/direct")
async def live(request: Request, shared: web.Shared, person: web.SignedIn) -> Response:
    """The page."""
    shown = await _shown(shared, person, shared.mirror.view)
    return web.page(request, "live/index.html", {**shown, "parts": PARTS})


@router.get("/direct/flux")
async def flow(request: Request, shared: web.Shared, person: web.SignedIn) -> StreamingResponse:
    """What changes on it."""

    async def render(view: View) -> Mapping[str, str]:
        shown = await _shown(shared, person, view)
        return {name: web.fragment(request, f"live/{name}.html", shown) for name in PARTS}

    return stream(request, render)


@router.get("/direct/appels/{call_id}")
async def call_page(
    request: Request, call_id: CallId, shared: web.Shared, person: web.SignedIn
) -> Response:
    """One call, as far as it has come; from here an admin acts on it."""
    return web.page(request, "live/call.html", await _call(shared, person, call_id))


@router.get("/direct/appels/{call_id}/flux")
async def call_flow(
    request: Request, call_id: CallId, shared: web.Shared, person: web.SignedIn
) -> StreamingResponse:
    """What changes on it."""
    await _call(shared, person, call_id)

    async def render(view: View) -> Mapping[str, str]:
        try:
            shown = await _call(shared, person, call_id)
        except (HTTPException, web.Forbidden):  # it went to a department that is not theirs
            return {}
        return {
            name: web.fragment(request, f"live/{name}.html", shown)
            for name in ("call_facts", "conversation")
        }

    return stream(request, render)


async def _call(shared: web.Parts, person: Person, call_id: str) -> dict[str, Any]:
    """What is known of a call. Raises the page 404, or Forbidden for another department's."""
    knowledge, view = shared.store.current, shared.mirror.view
    now, logged = view.call(call_id), await call_with_turns(shared.database, call_id)
    if now is None and logged is None:
        raise HTTPException(404)
    department = words.department_of(now, knowledge) if now else None
    department = department or (logged.department if logged else None)
    reader(person, knowledge).must_see(department)
    if logged is not None and logged.turns:
        lines = live_view.logged_lines(logged.turns, knowledge)
    else:
        lines = list(live_view.lines(now, knowledge)) if now else []
    number = now.number if now else (logged.caller_number if logged else None)
    over = "Terminé" if view.sight is Sight.LIVE or (logged and logged.ended_at) else "Inconnu"
    return {
        "id": call_id,
        "now": now,
        "where": words.where(now, knowledge) if now else over,
        "logged": logged,
        "number": words.number(number),
        "lines": lines,
        "targets": _targets(view, knowledge),
        "department": words.department(department, knowledge),
    }


@router.post("/direct/appels/{call_id}/passer")
async def pass_on(
    request: Request,
    call_id: CallId,
    shared: web.Shared,
    person: web.Admin,
    vers: Annotated[str, Form(pattern=r"^(service|poste):[a-z0-9-]{1,64}$")],
) -> Response:
    """Pass a call to a department, or to one operator first."""
    kind, _, name = vers.partition(":")
    department, extension = name, None
    if kind == "poste":
        theirs = [
            one.departments for one in shared.store.current.operators if one.extension == name
        ]
        if not theirs:
            return _told(request, Answer.UNKNOWN)
        department, extension = theirs[0][0], name
    order = PassCall(new_order(), call_id, department, extension, by=person.login)
    answer = await shared.mirror.order(order)
    await shared.accounts.audit(
        person.login, "a passé un appel", call_id, datetime.now(UTC), after=f"{vers} : {answer}"
    )
    return _told(request, answer)


@router.post("/direct/appels/{call_id}/terminer")
async def end(request: Request, call_id: CallId, shared: web.Shared, person: web.Admin) -> Response:
    """End a call politely."""
    answer = await shared.mirror.order(EndCall(new_order(), call_id, by=person.login))
    await shared.accounts.audit(
        person.login, "a terminé un appel", call_id, datetime.now(UTC), after=str(answer)
    )
    return _told(request, answer)


def _told(request: Request, answer: Answer) -> Response:
    fault = answer is not Answer.DONE
    return web.go_to(request, "/direct", words.ANSWERS[answer], fault=fault)


async def _shown(shared: web.Parts, person: Person, view: View) -> dict[str, Any]:
    knowledge = shared.store.current
    by = reader(person, knowledge)
    free = (await asyncio.to_thread(shutil.disk_usage, shared.settings.paths.var)).free
    recent = []
    if view.sight is not Sight.LIVE:  # what SQL knows
        recent = [
            live_view.past(call, knowledge)
            for call in await recent_calls(shared.database)
            if by.sees(call.department)
        ]
    return {
        "sight": view.sight.value,
        "calls": live_view.calls(view, knowledge, by),
        "recent": recent,
        "desks": live_view.desks(view.people, knowledge, by),
        "queues": live_view.queues(view.people, knowledge, by),
        "people_known": view.people is not None,
        "facts": live_view.facts(
            view, disk_free=free, workers=await _workers(shared.mirror),
            zone=knowledge.hours.zone,
        ),
    }  # fmt: skip


async def _workers(mirror: Mirror) -> int | None:
    """How many processes make callbacks; None when Redis does not tell."""
    if mirror.redis is None:
        return None
    try:
        names = await mirror.redis.smembers(WORKERS)
        return int(await mirror.redis.exists(*names)) if names else 0
    except (RedisError, OSError):  # the page says so already
        return None


@dataclass(frozen=True)
class Target:
    """Where a call can be passed."""

    value: str
    label: str


def _targets(view: View, knowledge: Knowledge) -> list[tuple[str, list[Target]]]:
    states = {one.extension: one.state for one in view.people.operators} if view.people else {}
    departments = [
        Target(f"service:{one.id}", one.name[:1].upper() + one.name[1:])
        for one in knowledge.departments.values()
    ]
    operators = []
    for one in knowledge.operators:
        state = words.STATES.get(states.get(one.extension, ""), "")
        told = f" ({state.lower()})" if state else ""
        operators.append(Target(f"poste:{one.extension}", f"{one.name}{told}"))
    return [("Un service", departments), ("Un agent", operators)]
