"""What the page of calls in progress shows, from what is known: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from ivr.calllog.tables import Call, Turn
from ivr.calllog.words import OUTCOMES
from ivr.console import live_words as words
from ivr.console.reader import Reader
from ivr.knowledge.base import Knowledge
from ivr.live.messages import Health, LiveCall, LiveOperator, LiveQueue, LiveTurn, People, Place
from ivr.live.mirror import Sight, View

SHOWN_TURNS = 2
"""Of each call, the latest ones."""
LITTLE_ROOM, NO_ROOM = 2_000_000_000, 300_000_000
"""Bytes left on the disk below which one is warned, and alarmed."""

Light = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Line:
    """One turn of a call."""

    heard: str
    decision: str
    said: str


@dataclass(frozen=True)
class Row:
    """One call in progress."""

    id: str
    number: str
    """In part."""
    started_at: datetime
    place: Place
    where: str
    since: datetime
    department: str
    topic: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Desk:
    """One operator."""

    extension: str
    name: str
    state: str
    code: str
    reason: str
    since: datetime | None
    departments: str


@dataclass(frozen=True)
class QueueRow:
    """One department's queue."""

    department: str
    waiting: int
    longest_since: datetime | None
    """When the first of those that wait came."""
    free: int
    present: int
    wait: str
    """To be expected."""


@dataclass(frozen=True)
class Fact:
    """One thing that is well, or not."""

    label: str
    light: Light
    text: str


def calls(view: View, knowledge: Knowledge, reader: Reader) -> list[Row]:
    """The calls that somebody may see, the oldest first."""
    rows = []
    for call in view.calls:
        department = words.department_of(call, knowledge)
        if reader.sees(department):
            rows.append(_row(call, department, knowledge))
    return rows


def _row(call: LiveCall, department: str | None, knowledge: Knowledge) -> Row:
    topic = knowledge.entries.get(call.entry or "")
    return Row(
        id=call.id,
        number=words.number_in_part(call.number),
        started_at=call.started_at,
        place=call.place,
        where=words.where(call, knowledge),
        since=call.since or call.started_at,
        department=words.department(department, knowledge),
        topic=topic.title if topic else call.reason,
        lines=lines(call, knowledge)[-SHOWN_TURNS:],
    )


def lines(call: LiveCall, knowledge: Knowledge) -> tuple[Line, ...]:
    """The conversation as far as it is known."""
    return tuple(
        Line(
            turn.heard if turn.happened in ("heard", "too-long") else "",
            words.decision(turn, knowledge),
            turn.said,
        )
        for turn in call.turns
    )


def logged_lines(turns: Sequence[Turn], knowledge: Knowledge) -> list[Line]:
    """The conversation as the call log has it."""
    return [
        Line(
            turn.heard if turn.happened in ("heard", "too-long") else "",
            words.decision(_live(turn), knowledge),
            turn.said,
        )
        for turn in turns
    ]


def _live(turn: Turn) -> LiveTurn:
    return LiveTurn(
        turn.at, turn.happened, turn.heard, turn.entry, turn.score, turn.decision, turn.said
    )


@dataclass(frozen=True)
class Past:
    """A call of the call log."""

    id: str
    started_at: datetime
    number: str
    """In part."""
    department: str
    outcome: str
    reason: str


def past(call: Call, knowledge: Knowledge) -> Past:
    """A call of the call log, as it is listed."""
    return Past(
        call.id,
        call.started_at,
        words.number_in_part(call.caller_number),
        words.department(call.department, knowledge),
        OUTCOMES.get(call.outcome or "", "en cours"),
        call.reason,
    )


def desks(people: People | None, knowledge: Knowledge, reader: Reader) -> list[Desk]:
    """The operators that somebody may see, whoever takes calls first."""
    order = ["ringing", "talking", "wrap-up", "free", "paused", "unreachable", "signed-out"]
    found = []
    for one in people.operators if people else ():
        theirs = _departments(one, knowledge)
        if reader.is_admin or reader.departments & set(theirs):
            names = ", ".join(words.department(name, knowledge) for name in theirs)
            name = words.operator(one.extension, knowledge)
            state = words.STATES.get(one.state, one.state)
            found.append(Desk(one.extension, name, state, one.state, one.reason, one.since, names))
    rank = {state: place for place, state in enumerate(order)}
    return sorted(found, key=lambda desk: (rank.get(desk.code, 9), desk.name))


def queues(people: People | None, knowledge: Knowledge, reader: Reader) -> list[QueueRow]:
    """The queues that somebody may see, the fullest first."""
    seen = [one for one in (people.queues if people else ()) if reader.sees(one.department)]
    rows = [_queue(one, knowledge) for one in seen]
    return sorted(rows, key=lambda row: (-row.waiting, row.department))


def _queue(queue: LiveQueue, knowledge: Knowledge) -> QueueRow:
    first = min((one.joined_at for one in queue.waiting), default=None)
    wait = words.duration(queue.wait_s) if queue.wait_s is not None else ""
    name = words.department(queue.department, knowledge)
    return QueueRow(name, len(queue.waiting), first, queue.free, queue.present, wait)


def _departments(operator: LiveOperator, knowledge: Knowledge) -> Sequence[str]:
    for one in knowledge.operators:
        if one.extension == operator.extension:
            return one.departments
    return ()


def facts(view: View, *, disk_free: int, workers: int | None, zone: ZoneInfo) -> list[Fact]:
    """Whether all is well, in plain words.

    disk_free: bytes; workers: processes that make callbacks, None when that is not known.
    """
    if view.sight is Sight.DEMONSTRATION:
        return [Fact("Machine", "ok", "Aucun téléphone n’est relié à cette démonstration.")]
    found = [_serve(view, zone)]
    if view.health:
        found += _of_health(view.health)
    redis = view.sight is not Sight.NO_REDIS
    found.append(
        Fact("Redis", "ok", "En marche.")
        if redis
        else Fact(
            "Redis", "error",
            "Ne répond pas : cette page ne montre pas les appels en cours. Les appels continuent "
            "et aucun rappel n’est perdu.",
        )
    )  # fmt: skip
    if workers is not None:
        found.append(
            Fact("Rappels", "ok", "Le programme qui rappelle est en marche.")
            if workers
            else Fact("Rappels", "error", "Aucun programme ne rappelle : lancez « ivr worker ».")
        )
    found.append(_disk(disk_free))
    if view.health and view.health.error and view.health.error_at:
        at = words.clock(view.health.error_at, zone)
        found.append(Fact("Dernière erreur", "warning", f"À {at} : {view.health.error}"))
    return found


def _serve(view: View, zone: ZoneInfo) -> Fact:
    if view.health:
        since = view.health.started_at.astimezone(zone)
        text = f"Répond aux appels depuis le {since:%d/%m} à {words.clock(since, zone)}"
        version = f", version {view.health.version}" if view.health.version else ""
        return Fact("Machine", "ok", f"{text}{version}.")
    if view.sight is Sight.NO_REDIS:
        return Fact("Machine", "warning", "État inconnu tant que Redis ne répond pas.")
    text = "Ne répond pas : les appels vont directement aux agents. Voyez son journal."
    return Fact("Machine", "error", text)


def _of_health(health: Health) -> list[Fact]:
    asterisk = (
        Fact("Asterisk", "ok", "Confie les appels à la machine.")
        if health.asterisk
        else Fact("Asterisk", "error", "Ne confie aucun appel à la machine : est-il en marche ?")
    )
    manager = (
        Fact("Agents", "ok", "L’état des agents et des files est connu.")
        if health.manager
        else Fact("Agents", "warning", "L’état des agents et des files n’est pas connu.")
    )
    hearing = Fact("Écoute", "ok", f"Modèle {health.hearing}.")
    return [asterisk, *_outside(health.outside), manager, hearing]


def _outside(answers: bool | None) -> list[Fact]:
    label = "Ligne extérieure"
    if answers is None:
        return []
    if answers:
        return [Fact(label, "ok", "L’opérateur téléphonique répond.")]
    return [
        Fact(
            label, "error",
            "L’opérateur téléphonique ne répond pas : les appels n’arrivent sans doute plus, et "
            "personne ne peut être rappelé. Voyez l’accès à internet, puis l’opérateur.",
        )
    ]  # fmt: skip


def _disk(free: int) -> Fact:
    left = f"{free / 1e9:.1f} Go libres.".replace(".", ",", 1)
    if free < NO_ROOM:
        return Fact("Disque", "error", f"{left} Faites de la place tout de suite.")
    return Fact("Disque", "warning" if free < LITTLE_ROOM else "ok", left)
