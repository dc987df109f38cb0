"""An operator's desk: their state, the call that comes in, notes, callbacks, a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from ivr.calllog.tables import OperatorNote
from ivr.calllog.words import CALL_BACK, NOTES
from ivr.console import call_data, callback_pages, live_view, web
from ivr.console import live_words as words
from ivr.console.accounts import Person
from ivr.console.desk_callback import call_back
from ivr.console.live_pages import CallId
from ivr.console.reader import reader
from ivr.console.search import Search
from ivr.console.stream import stream
from ivr.errors import CallbackError
from ivr.live.messages import Answer, Duty, LiveOperator, SetDuty
from ivr.live.mirror import View, new_order

router = APIRouter()

REASONS = (
    *("Repas", "Pause", "Réunion", "Formation", "Suivi d'appel"),  # by the telephone's codes, too
    *("Accueil au guichet", "Autre tâche"),
)
"""Of a pause."""
OUTCOMES = {"": "Choisissez", **NOTES}
"""Of a call that was answered."""
RECENT = timedelta(hours=2)
"""A call that was answered before is not asked about any more."""
CALLBACKS_S = 3.0
"""The list of callbacks is read again at most so often: many things happen in a second."""


@dataclass(frozen=True)
class Card:
    """One call of an operator."""

    id: str
    number: str
    at: datetime | None
    name: str
    department: str
    reason: str
    answered: tuple[live_view.Line, ...]
    """What the machine has answered already, with what was asked."""
    lines: list[live_view.Line]
    earlier: list[live_view.Past]
    """The caller's earlier calls."""


@router.get("/poste")
async def desk(request: Request, shared: web.Shared, person: web.SignedIn) -> Response:
    """The page."""
    state = _state(shared.mirror.view, person)
    calls = [state.call_id] if state and state.call_id else []
    if person.extension:
        since = datetime.now(UTC) - RECENT
        calls += await call_data.without_note(shared.database, person.extension, since)
    context = {
        **_state_shown(shared, shared.mirror.view, person),
        "cards": [await _card(shared, one) for one in dict.fromkeys(calls)],
        "reasons": REASONS,
        "outcomes": OUTCOMES,
        "rows": await _callbacks(shared, person),
    }
    return web.page(request, "desk/index.html", context)


@router.get("/poste/flux")
async def flow(request: Request, shared: web.Shared, person: web.SignedIn) -> StreamingResponse:
    """What changes on it: a call is sent once, so that a note being written stays as it is."""

    async def render(view: View) -> Mapping[str, str]:
        shown = {**_state_shown(shared, view, person), "reasons": REASONS, "outcomes": OUTCOMES}
        parts = {"state": web.fragment(request, "desk/state.html", shown)}
        if monotonic() - looked[0] >= CALLBACKS_S:
            looked[0], rows = monotonic(), await _callbacks(shared, person)
            table = web.fragment(request, "callbacks/table.html", {"rows": rows})
            parts["callbacks"] = table
        state = _state(view, person)
        if state and state.call_id:
            if state.call_id not in cards:
                await shared.accounts.who(token, datetime.now(UTC))  # who takes calls is at work
                cards.clear()
                card = {**shown, "card": await _card(shared, state.call_id)}
                cards[state.call_id] = web.fragment(request, "desk/card.html", card)
            parts["call"] = cards[state.call_id]
        return parts

    token = request.cookies.get(web.SESSION, "")
    cards: dict[str, str] = {}
    looked = [float("-inf")]
    return stream(request, render)


@router.post("/poste/etat")
async def set_state(
    request: Request,
    shared: web.Shared,
    person: web.SignedIn,
    etat: Annotated[Duty, Form()],
    motif: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Sign in or out, take a pause, end it or what is left of the wrap-up."""
    if not person.extension:
        return web.go_to(request, "/poste", callback_pages.NO_PHONE, fault=True)
    reason = motif if motif in REASONS else ""
    order = SetDuty(new_order(), person.extension, etat, reason if etat is Duty.PAUSE else "")
    answer = await shared.mirror.order(order)
    return web.go_to(request, "/poste", words.ANSWERS[answer], fault=answer is not Answer.DONE)


@router.post("/poste/appels/{call_id}/note")
async def note(
    request: Request,
    call_id: CallId,
    shared: web.Shared,
    person: web.SignedIn,
    issue: Annotated[
        Literal["", "settled", "passed-on", "call-back", "wrong-department", "misunderstood"],
        Form(),
    ] = "",
    texte: Annotated[str, Form(max_length=2000)] = "",
    quand: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """What came of a call; it also tells what callers ask that nobody has written an answer for."""
    by, now = reader(person, shared.store.current), datetime.now(UTC)
    departments = await call_data.departments_of(shared.database, call_id)
    theirs = {one for one in departments if by.sees(one)}
    if not theirs:
        raise web.Forbidden
    written = OperatorNote(
        call_id=call_id, operator=person.extension or person.login, outcome=issue,
        text=texte.strip(), at=now,
    )  # fmt: skip
    await call_data.write_note(shared.database, written)
    told, fault = "La note est enregistrée.", False
    if issue == CALL_BACK:
        try:
            said = await call_back(
                shared, person, call_id, theirs, note=texte, when=quand.strip(), now=now
            )
        except CallbackError as error:
            said, fault = f"Personne ne sera rappelé : {error}.", True
        told = f"{told} {said}"
    return web.go_to(request, "/poste", told, fault=fault)


@router.get("/poste/recherche")
async def search(
    request: Request,
    shared: web.Shared,
    person: web.SignedIn,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """What the FAQ and the directory know about some words."""
    knowledge = shared.store.current
    if shared.search is None or shared.search.knowledge is not knowledge:
        shared.search = Search(knowledge)
    context = {"results": shared.search.find(q), "words": q.strip()}
    return HTMLResponse(web.fragment(request, "desk/results.html", context))


def _state(view: View, person: Person) -> LiveOperator | None:
    for one in view.people.operators if view.people and person.extension else ():
        if one.extension == person.extension:
            return one
    return None


def _state_shown(shared: web.Parts, view: View, person: Person) -> dict[str, Any]:
    state = _state(view, person)
    operators = shared.store.current.operators
    ringing = view.call(state.call_id) if state and state.call_id else None
    return {
        "extension": person.extension,
        "listed": any(one.extension == person.extension for one in operators),
        "state": state,
        "state_name": words.STATES.get(state.state, state.state) if state else "",
        "caller": words.number(ringing.number) if ringing else "",
        "sight": view.sight.value,
    }


async def _callbacks(shared: web.Parts, person: Person) -> list[Any]:
    return await callback_pages.rows(shared, reader(person, shared.store.current))


async def _card(shared: web.Parts, call_id: str) -> Card:
    knowledge, now = shared.store.current, shared.mirror.view.call(call_id)
    logged = await call_data.call_with_turns(shared.database, call_id)
    stay = await call_data.stay(shared.database, call_id)
    number = now.number if now else None
    if number is None:
        number = logged.caller_number if logged else (stay.caller_number if stay else None)
    turns = list(logged.turns) if logged else []
    answered = [turn for turn in turns if "faq:" in turn.about]
    lines = live_view.logged_lines(turns, knowledge)
    if not lines and now:  # the call log is late
        lines = list(live_view.lines(now, knowledge))
    earlier = await call_data.earlier_calls(shared.database, number, call_id)
    department = stay.department if stay else None
    if now:
        department = words.department_of(now, knowledge) or department
    reason = (now and now.reason) or (stay.reason if stay else "")
    return Card(
        id=call_id,
        number=words.number(number),
        at=began.started_at if (began := now or logged) else stay.joined_at if stay else None,
        name=(now and now.name) or (logged.caller_name if logged else ""),
        department=words.department(department, knowledge),
        reason=reason or (logged.reason if logged else ""),
        answered=tuple(live_view.logged_lines(answered, knowledge)),
        lines=lines,
        earlier=[live_view.past(call, knowledge) for call in earlier],
    )
