"""To learn: what callers said that was not understood, grouped, and what to make of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BeforeValidator
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ivr.calllog.accounts import AuditLine
from ivr.calllog.database import Database
from ivr.calllog.tables import OperatorNote, Suggestion
from ivr.console import live_words as words
from ivr.console import web
from ivr.console.accounts import Person
from ivr.console.desk import Desk, OwnDesk
from ivr.errors import CallLogError, FaultsFound, IvrError
from ivr.knowledge import editing
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.editing import Conflict, Edit
from ivr.learning.addition import apart
from ivr.learning.example import as_example, key
from ivr.learning.gather import Missed, decide, decided, gather
from ivr.learning.group import Because, Group

router = APIRouter()

PERIODS = {7: "7 jours", 30: "30 jours", 90: "3 mois"}
Period = Annotated[Literal[7, 30, 90], BeforeValidator(int)]
MOST_SHOWN = 60
"""Groups on a page, the largest first: the rest comes when these are done."""
MOST_TEXTS = 500


@dataclass(frozen=True)
class Line:
    """One thing that callers said."""

    text: str
    count: int
    last: datetime


@dataclass(frozen=True)
class Card:
    """One group, with what happened to those who said it."""

    group: Group
    lines: tuple[Line, ...]
    why: str
    entries: tuple[tuple[str, int], ...]
    """What the callers went on to, by title, and how many."""
    departments: tuple[tuple[str, int], ...]
    """Where they went in the end, and how many."""
    notes: tuple[str, ...]
    """What operators wrote after these calls."""
    by_operators: int
    """How many of them an operator noted as taken for something else."""


@router.get("/a-apprendre")
async def page(
    request: Request, shared: web.Shared, person: web.Admin, jours: Period = 30
) -> Response:
    return web.page(
        request,
        "learning/page.html",
        {"days": jours, "periods": PERIODS, "faults": shared.store.faults},
    )


@router.get("/a-apprendre/groupes")
async def groups(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, jours: Period = 30
) -> Response:
    """The groups: a part of the page that takes seconds when the matcher is not loaded."""
    since = datetime.now(UTC) - timedelta(days=jours)
    missed = await gather(shared.database, since)
    try:
        found = await own.workshop.groups(missed, MOST_SHOWN)
    except FaultsFound as error:
        return web.page(request, "learning/groups.html", {"fault": str(error.faults[0])})
    except IvrError as error:
        return web.page(request, "learning/groups.html", {"fault": str(error)})
    notes = await _notes(shared.database, {one.call_id for one in missed})
    knowledge = shared.store.current
    cards = [_card(one, missed, notes, knowledge) for one in found.groups]
    titles = {
        language: sorted(
            ((one.title, one.id) for one in knowledge.entries_in(language).values()),
            key=lambda item: item[0].casefold(),
        )
        for language in {card.group.language for card in cards}
    }
    return web.page(
        request,
        "learning/groups.html",
        {"cards": cards, "titles": titles, "count": len(missed), "more": found.more, "days": jours},
    )  # fmt: skip


def _card(
    group: Group, missed: Sequence[Missed], notes: dict[str, list[str]], knowledge: Knowledge
) -> Card:
    texts = {one.text for one in group.utterances}
    own = [one for one in missed if one.language == group.language and one.text in texts]
    last = {one.text: one.at for one in own}  # the oldest come first
    proposal = group.proposal
    why = {
        Because.CALLERS: f"choisie ensuite par {proposal.share:.0%} des appelants renseignés",
        Because.LIKENESS: f"la plus ressemblante, à {proposal.share:.0%}",
        Because.NEW: "aucune question ne convient",
    }[proposal.because].replace("%", " %")
    entries = Counter(one.entry for one in own if one.entry)
    departments = Counter(one.department for one in own if one.department)
    return Card(
        group,
        tuple(Line(one.text, one.count, last[one.text]) for one in group.utterances),
        why,
        tuple(
            (knowledge.entries[name].title if name in knowledge.entries else name, count)
            for name, count in entries.most_common(3)
        ),
        tuple(
            (knowledge.department_name(name) if name in knowledge.departments else name, count)
            for name, count in departments.most_common(3)
        ),
        tuple(dict.fromkeys(text for one in own for text in notes.get(one.call_id, [])))[:3],
        sum(one.operator for one in own),
    )


async def _notes(database: Database, calls: set[str]) -> dict[str, list[str]]:
    """What operators wrote, by call."""
    listed = sorted(calls)

    def work(session: Session) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for start in range(0, len(listed), 500):
            some = OperatorNote.call_id.in_(listed[start : start + 500])
            for note in session.scalars(select(OperatorNote).where(some)):
                if note.text:
                    found.setdefault(note.call_id, []).append(note.text)
        return found

    return await database.run(work)


# --- what to make of it --------------------------------------------------------------------------


@router.post("/a-apprendre/ajouter")
async def take(request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk) -> Response:
    """Add the chosen texts to the examples of a question."""
    language, texts, entry = await _chosen(request)
    knowledge = shared.store.current
    if not texts:
        return _done(request, "Cochez au moins une phrase.", fault=True)
    if not knowledge.speaks(entry, language):
        return _done(request, "Choisissez une question de cette langue.", fault=True)
    try:
        new, skipped = await asyncio.to_thread(apart, knowledge, language, entry, texts)
        others = {one.text for one in skipped if one.owner != entry}
        keys = [key(language, text) for text in texts if text not in others]
        if new:
            await _teach(own, language, entry, new, keys, person.login)
        else:
            await decide(shared.database, keys, "taken", datetime.now(UTC), entry)
    except FaultsFound as error:
        return _done(request, f"Rien n'a été ajouté : {error.faults[0].message}", fault=True)
    except CallLogError:
        raise
    except IvrError as error:
        return _done(request, f"Rien n'a été ajouté : {error}", fault=True)
    title = knowledge.entries_in(language)[entry].title
    told = f"{_phrases(len(new))} à « {title} »."
    told += "".join(
        f" « {one.text} » est laissé de côté : presque « {one.like} »"
        + (
            f", exemple de « {words.meaning(one.owner, knowledge)} »."
            if one.owner != entry
            else ", qui y est déjà."
        )
        for one in skipped
    )
    return _done(request, told, link=f"/questions/{language}/{entry}", title=title)


async def _teach(
    own: Desk, language: str, entry: str, texts: Sequence[str], keys: Sequence[str], who: str
) -> None:
    """Add examples to an entry as its file has it now. Raises what ``Desk.save`` does."""
    found = await asyncio.to_thread(editing.find, own.root, language, entry)
    if found is None:
        raise Conflict(None)
    examples = [*(found.data.get("examples") or []), *texts]
    edit = Edit(language, entry, found.data, {**found.data, "examples": examples})
    await own.save(edit, who, taken=keys)


@router.post("/a-apprendre/ecarter")
async def dismiss(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """Show the chosen texts no more."""
    language, texts, _ = await _chosen(request)
    if not texts:
        return _done(request, "Cochez au moins une phrase.", fault=True)
    now = datetime.now(UTC)

    def work(session: Session) -> None:
        decided(session, [key(language, one) for one in texts], "dismissed", now)
        session.add(_audited(person, "a écarté des phrases", texts, now))

    await shared.database.run(work)
    told = f"{len(texts)} phrase{'s' * (len(texts) > 1)} ne sera plus montrée."
    if len(texts) > 1:
        told = f"{len(texts)} phrases ne seront plus montrées."
    return _done(request, told, undo=texts, language=language)


@router.post("/a-apprendre/reprendre")
async def restore(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    """Show texts again that were dismissed a moment ago."""
    language, texts, _ = await _chosen(request)
    keys = [key(language, one) for one in texts]
    forgotten = delete(Suggestion).where(
        Suggestion.key.in_(keys), Suggestion.decision == "dismissed"
    )
    line = _audited(person, "a remis des phrases à apprendre", texts, datetime.now(UTC))

    def work(session: Session) -> None:
        session.execute(forgotten)
        session.add(line)

    await shared.database.run(work)
    return _done(request, "Ces phrases seront de nouveau proposées au prochain chargement.")


def _audited(person: Person, action: str, texts: Sequence[str], at: datetime) -> AuditLine:
    """How many, not what callers said: the audit is kept for longer."""
    return AuditLine(at=at, who=person.login, action=action, subject=f"{len(texts)}")


async def _chosen(request: Request) -> tuple[str, list[str], str]:
    """The language, the texts and the entry of a form; texts only as callers' are kept."""
    form = await request.form()
    texts = [one for one in form.getlist("texte")[:MOST_TEXTS] if isinstance(one, str)]
    language, entry = str(form.get("langue", REFERENCE)), str(form.get("question", ""))
    return language, [one for one in texts if one and as_example(one) == one], entry


def _done(request: Request, told: str, *, fault: bool = False, **more: object) -> Response:
    response = web.page(request, "learning/done.html", {"told": told, "fault": fault, **more})
    if fault:
        response.headers["HX-Reswap"] = "none"
    return response


def _phrases(count: int) -> str:
    return f"{count} phrases ajoutées" if count > 1 else f"{count} phrase ajoutée"
