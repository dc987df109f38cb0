"""What ``ivr callbacks`` prints and does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr.callbacks.policy import State, policy
from ivr.callbacks.schedule import Callbacks
from ivr.callbacks.when import Agenda, Impossible, understand, written
from ivr.calllog.database import Database
from ivr.calllog.tables import Callback
from ivr.calllog.words import CALLBACKS, CALLED_BACK
from ivr.errors import CallbackError
from ivr.knowledge.base import RECEPTION, Knowledge
from ivr.settings import Settings

RECENT = timedelta(days=7)
"""How long those done or cancelled are listed."""
NO_TRUNK = (
    "Aucune ligne ne permet d'appeler : les rappels attendent que quelqu'un les fasse. Réglez "
    "[trunk] mode et host dans ivr.toml."
)


@dataclass(frozen=True)
class Orders:
    """What was asked for on the command line; references, and empty for nothing."""

    done: str | None = None
    cancel: str | None = None
    reschedule: tuple[str, str] | None = None
    """A reference and the words for a time."""
    note: str = ""


async def run(settings: Settings, knowledge: Knowledge, orders: Orders, *, as_json: bool) -> None:
    """Do what is asked, then print the callbacks: the longest due first.

    Raises CallbackError or CallLogError.
    """
    now = datetime.now(UTC)
    database = await asyncio.to_thread(Database, settings.database_url)
    try:
        callbacks = Callbacks(database, policy=policy(settings, knowledge))
        said = await carry_out(callbacks, knowledge, orders)
        found = [*await callbacks.open(), *await callbacks.closed(now - RECENT)]
    finally:
        await database.close()
    if as_json:
        print(as_rows(found))
        return
    if not settings.trunk.can_dial_out:
        said.append(NO_TRUNK)
    print(*said, *lines(found, knowledge, now), sep="\n")


async def carry_out(callbacks: Callbacks, knowledge: Knowledge, orders: Orders) -> list[str]:
    """Do it; returns what was done, in French. Raises CallbackError."""
    now = datetime.now(UTC)
    said = []
    if orders.done:
        await callbacks.done(orders.done, now, orders.note)
        said.append(f"Rappel {orders.done} : fait.")
    if orders.cancel:
        await callbacks.cancel(orders.cancel, now, orders.note)
        said.append(f"Rappel {orders.cancel} : annulé.")
    if orders.reschedule:
        said.append(await reschedule(callbacks, knowledge, *orders.reschedule, now))
    return said


async def reschedule(
    callbacks: Callbacks, knowledge: Knowledge, reference: str, words: str, now: datetime
) -> str:
    """Move a callback to a time said in words: "jeudi vers 10 h". Returns what was done.

    Raises CallbackError with what to write instead.
    """
    callback = await callbacks.find(reference)
    known = knowledge.departments.get(callback.department) or knowledge.departments[RECEPTION]
    agenda = Agenda(knowledge.hours, known.schedule, knowledge.hours.local(now))
    try:
        found = understand(words, agenda)
    except LookupError as error:
        raise CallbackError(f"« {words} » : {known.name} n'ouvre pas avant longtemps") from error
    if found is None:
        raise CallbackError(
            f"« {words} » n'est pas un moment ; écrivez par exemple « demain matin » ou "
            "« jeudi à 10 h »"
        )
    if isinstance(found, Impossible):
        why = {"past": "est déjà passé", "far": "est trop loin"}.get(found.why, "tombe à un moment "
               "où personne n'est là")  # fmt: skip
        raise CallbackError(
            f"« {words} » {why} ; le premier moment possible : {written(found.instead, agenda.now)}"
        )
    await callbacks.reschedule(reference, found.start, now, found.end, words)
    return f"Rappel {reference} : {written(found, agenda.now)}."


def as_rows(found: list[Callback]) -> str:
    """One JSON document."""
    return json.dumps([_row(callback) for callback in found], ensure_ascii=False, indent=2)


def lines(found: list[Callback], knowledge: Knowledge, now: datetime) -> list[str]:
    """A line for each, with what is late marked as such."""
    return [_line(callback, knowledge, now) for callback in found] or ["Aucun rappel."]


def _line(callback: Callback, knowledge: Knowledge, now: datetime) -> str:
    state = CALLBACKS[callback.state]
    due = knowledge.hours.local(callback.due_at).strftime("%d/%m %H:%M")
    late = callback.state == State.PENDING and callback.due_at < now
    when = f"{due} {'EN RETARD' if late else ''}".strip()
    parts = [
        f"{callback.reference}  {callback.number:<13} {callback.department:<18} {state:<14} {when}"
    ]
    details: Mapping[str, str] = {
        "": callback.name,
        "objet": callback.reason,
        "souhait": callback.wanted,
        "dernier essai": CALLED_BACK.get(callback.outcome, ""),
        "essais": str(callback.attempts or ""),
        "poste": callback.operator or "",
        "note": callback.note,
    }
    said = [f"{key} : {value}" if key else value for key, value in details.items() if value]
    return "\n      ".join([*parts, " ; ".join(said)]) if said else parts[0]


def _row(callback: Callback) -> dict[str, Any]:
    values = {column.key: getattr(callback, column.key) for column in callback.__table__.columns}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}
