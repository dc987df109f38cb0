"""What ``ivr messages`` prints and does."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ivr.calllog.accounts import AuditLine
from ivr.calllog.database import Database
from ivr.errors import MessageError
from ivr.knowledge.base import Knowledge
from ivr.messages.kept import Kept, delete, find, latest
from ivr.settings import Settings


@dataclass(frozen=True)
class Orders:
    """What was asked for on the command line."""

    show: int | None = None
    """The number of a message."""
    delete: int | None = None
    yes: bool = False
    """Without asking."""
    limit: int = 20


async def run(settings: Settings, knowledge: Knowledge, orders: Orders, *, as_json: bool) -> None:
    """Show one message, delete one, or list them. Raises MessageError or CallLogError."""
    database = await asyncio.to_thread(Database, settings.database_url)
    try:
        if orders.delete is not None:
            await _delete(database, settings.messages_folder, knowledge, orders)
            return
        if orders.show is not None:
            found = [await _one(database, orders.show)]
        else:
            found = await latest(database, orders.limit)
    finally:
        await database.close()
    if as_json:
        rows = [_row(one, settings.messages_folder) for one in found]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    elif orders.show is not None:
        print(*details(found[0], knowledge, settings.messages_folder), sep="\n")
    else:
        print(*([line(one, knowledge) for one in found] or ["Aucun message."]), sep="\n")


def line(one: Kept, knowledge: Knowledge) -> str:
    """A message in a list, with its words under it."""
    message = one.message
    when = knowledge.hours.local(message.recorded_at).strftime("%d/%m %H:%M")
    told = (
        f"{message.id:>5}  {when}  {message.number or 'masqué':<13} {message.department:<18} "
        f"{message.seconds:>3.0f} s  {f'rappel {one.reference}' if one.reference else ''}"
    ).rstrip()
    return f"{told}\n       {_words(one)}"


def details(one: Kept, knowledge: Knowledge, folder: Path) -> list[str]:
    """All that is known of a message."""
    message = one.message
    when = knowledge.hours.local(message.recorded_at).strftime("%d/%m/%Y à %H:%M")
    department = knowledge.departments.get(message.department)
    return [
        f"Message {message.id}, le {when}, {message.seconds:.0f} s",
        f"de : {message.number or 'numéro masqué'}",
        f"pour : {department.name if department else message.department}",
        f"rappel : {one.reference or 'aucun'}",
        f"son : {folder / message.file if message.file else 'effacé'}",
        f"texte : {_words(one)}",
    ]


async def _delete(database: Database, folder: Path, knowledge: Knowledge, orders: Orders) -> None:
    assert orders.delete is not None
    one = await _one(database, orders.delete)
    print(line(one, knowledge))
    if not orders.yes and not _confirmed():
        raise MessageError("rien n'a été effacé")
    await delete(database, folder, orders.delete)
    subject = f"{one.message.id} ({one.message.call_id})"
    audited = AuditLine(
        at=datetime.now(UTC), who="ivr", action="a effacé le message vocal", subject=subject
    )
    await database.run(lambda session: session.add(audited))
    print(f"Message {one.message.id} : effacé.")


async def _one(database: Database, message_id: int) -> Kept:
    found = await find(database, message_id)
    if found is None:
        raise MessageError(f"Il n'y a pas de message {message_id}.")
    return found


def _words(one: Kept) -> str:
    message = one.message
    if not message.file:
        return "effacé"
    if message.transcript:
        return f"« {message.transcript} »"
    return "pas encore transcrit" if message.state == "kept" else "aucune parole reconnue"


def _row(one: Kept, folder: Path) -> dict[str, Any]:
    message = one.message
    return {
        "id": message.id,
        "recorded_at": message.recorded_at.isoformat(),
        "number": message.number or None,
        "department": message.department,
        "seconds": message.seconds,
        "callback": one.reference or None,
        "file": str(folder / message.file) if message.file else None,
        "transcript": message.transcript,
        "call_id": message.call_id,
    }


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise MessageError("rien n'a été effacé : confirmez avec --yes")
    return input("Effacer définitivement ? Tapez oui pour confirmer : ").strip().lower() == "oui"
