"""Callbacks: who is to be called back, and what people do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import Response

from ivr.callbacks.jobs import RqJobs
from ivr.callbacks.listing import RECENT, reschedule
from ivr.callbacks.policy import Outcome, State, policy
from ivr.callbacks.schedule import SAID_BY_PEOPLE, Callbacks, NoJobs, closed_by
from ivr.calllog.tables import Callback
from ivr.calllog.words import CALLED_BACK
from ivr.console import callback_view, live_view, message_pages, web
from ivr.console import live_words as words
from ivr.console.accounts import Person
from ivr.console.call_data import call_with_turns
from ivr.console.reader import Reader, reader
from ivr.errors import CallbackError
from ivr.messages.kept import of_callback

router = APIRouter()

Action = Literal["prendre", "rendre", "appeler", "reporter", "resultat", "annuler"]
DONE = {
    "prendre": "Ce rappel est à vous.",
    "rendre": "Ce rappel est rendu à vos collègues.",
    "appeler": "Votre téléphone va sonner : décrochez, puis la personne sera appelée.",
    "resultat": "C’est noté.",
    "annuler": "Le rappel est annulé.",
}
AUDITED = {
    "prendre": "a pris un rappel", "rendre": "a rendu un rappel", "appeler": "a lancé un rappel",
    "reporter": "a reporté un rappel", "resultat": "a noté l’issue d’un rappel",
    "annuler": "a annulé un rappel",
}  # fmt: skip
RESULTS = [(outcome.value, CALLED_BACK[outcome]) for outcome in SAID_BY_PEOPLE]
NO_LINE = "le standard n’a pas de ligne vers l’extérieur : appelez autrement, puis notez l’issue"
NO_PHONE = "Votre compte n’a pas de poste téléphonique : demandez à un administrateur de l’ajouter."


def callbacks_of(shared: web.Parts) -> Callbacks:
    """The callbacks, within the opening hours as they are now."""
    jobs = NoJobs() if shared.demonstration else RqJobs(shared.settings)
    return Callbacks(shared.database, jobs, policy(shared.settings, shared.store.current))


async def rows(shared: web.Parts, by: Reader, which: str = "") -> list[callback_view.Row]:
    """The callbacks that somebody sees, as a filter leaves them."""
    now, callbacks = datetime.now(UTC), callbacks_of(shared)
    if which == "faits":
        found = await callbacks.closed(now - RECENT, by.seen)
    else:
        found = await callbacks.open(by.seen)
    knowledge = shared.store.current
    return callback_view.chosen(
        (callback_view.row(one, knowledge, by, now) for one in found), which
    )


@router.get("/rappels")
async def listed(
    request: Request,
    shared: web.Shared,
    person: web.SignedIn,
    etat: Annotated[str, Query(max_length=20)] = "",
    service: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The callbacks, one's own and the late ones first."""
    knowledge = shared.store.current
    by = reader(person, knowledge)
    found = await rows(shared, by, etat)
    theirs = [one for one in knowledge.departments.values() if by.sees(one.id)]
    name = words.department(service, knowledge)
    context = {
        "rows": [one for one in found if not service or one.department == name],
        "filters": callback_view.FILTERS,
        "state": etat,
        "department": service,
        "departments": theirs,
    }
    return web.page(request, "callbacks/list.html", context)


@router.get("/rappels/{number}")
async def one(request: Request, number: int, shared: web.Shared, person: web.SignedIn) -> Response:
    """One callback: what is known, what was tried, what can be done."""
    knowledge = shared.store.current
    by = reader(person, knowledge)
    callback = await _found(shared, number, by)
    logged = await call_with_turns(shared.database, callback.call_id) if callback.call_id else None
    tries = await callbacks_of(shared).history(number)
    shown = callback_view.row(callback, knowledge, by, datetime.now(UTC))
    context = {
        "callback": shown,
        "completes": shown.is_done and closed_by(person.extension, tries[-1] if tries else None),
        "number": words.number(callback.number),
        "tries": callback_view.tries(tries, knowledge),
        "lines": live_view.logged_lines(logged.turns, knowledge) if logged else [],
        "messages": message_pages.shown(await of_callback(shared.database, number), knowledge),
        "results": RESULTS,
        "has_phone": person.extension is not None,
        "no_line": "" if _can_call(shared) else web.sentence(NO_LINE),
    }
    return web.page(request, "callbacks/one.html", context)


@router.post("/rappels/{number}/{action}")
async def act(
    request: Request,
    number: int,
    action: Action,
    shared: web.Shared,
    person: web.SignedIn,
    quand: Annotated[str, Form(max_length=200)] = "",
    issue: Annotated[str, Form(max_length=40)] = "",
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Do something about a callback; of two who do it at once, the second is told."""
    callback = await _found(shared, number, reader(person, shared.store.current))
    where = f"/rappels/{number}"
    try:
        said = await _do(shared, person, callback, action, quand=quand, issue=issue, note=note)
    except CallbackError as error:
        return web.go_to(request, where, web.sentence(str(error)), fault=True)
    await shared.accounts.audit(
        person.login, AUDITED[action], callback.reference, datetime.now(UTC),
        after=" ".join(part for part in (quand, issue) if part),
    )  # fmt: skip
    return web.go_to(request, where, said)


async def _do(
    shared: web.Parts, person: Person, callback: Callback, action: Action, *,
    quand: str, issue: str, note: str,
) -> str:  # fmt: skip
    """Returns what to tell. Raises CallbackError."""
    callbacks, now, reference = callbacks_of(shared), datetime.now(UTC), callback.reference
    if action in ("prendre", "rendre", "appeler") and not person.extension:
        raise CallbackError(NO_PHONE)
    extension, note = person.extension or "", note.strip()
    match action:
        case "prendre":
            await callbacks.claim(reference, extension, now)
        case "rendre":
            await callbacks.release(reference, extension, now)
        case "appeler" if shared.demonstration:
            raise CallbackError("ceci est une démonstration : personne n’est appelé")
        case "appeler" if not shared.settings.trunk.can_dial_out:
            raise CallbackError(NO_LINE)
        case "appeler":
            await callbacks.call_now(reference, extension, now)
        case "reporter":
            return await reschedule(callbacks, shared.store.current, reference, quand, now)
        case "annuler":
            await callbacks.cancel(reference, now, note)
        case "resultat":
            if issue not in SAID_BY_PEOPLE:
                raise CallbackError("choisissez l’issue de l’appel dans la liste")
            if callback.state == State.DONE:  # by the telephone, while the operator wrote
                await callbacks.complete(callback.id, extension, Outcome(issue), now, note)
            elif issue == Outcome.REACHED:  # also while the call goes on
                await callbacks.done(reference, now, note, person.extension)
            else:
                await callbacks.report(reference, Outcome(issue), now, note)
    return DONE[action]


async def _found(shared: web.Parts, number: int, by: Reader) -> Callback:
    """Raises the page 404, or Forbidden for another department's."""
    if number >= 2**31:
        raise HTTPException(404)
    callback = await shared.database.run(lambda session: session.get(Callback, number))
    if callback is None:
        raise HTTPException(404)
    by.must_see(callback.department)
    return callback


def _can_call(shared: web.Parts) -> bool:
    """Whether the page offers it; a demonstration shows what there would be."""
    return shared.demonstration or shared.settings.trunk.can_dial_out
