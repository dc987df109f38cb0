"""What ``ivr purge``, ``ivr export`` and ``ivr forget`` do and print."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.calllog.accounts import AuditLine
from ivr.calllog.database import Database
from ivr.calllog.tables import Call, Message, OperatorNote
from ivr.errors import IvrError
from ivr.retention import export as exports
from ivr.retention.numbers import Pseudonyms, in_part, parse, written
from ivr.retention.person import Held, People
from ivr.retention.purge import Purger
from ivr.retention.rules import Kind
from ivr.secrets import load_or_create
from ivr.settings import Settings

KINDS = {
    Kind.TRANSCRIPTS: "paroles effacées",
    Kind.NUMBERS: "numéros et noms pseudonymisés",
    Kind.MESSAGES: "messages vocaux effacés",
    Kind.NOTES: "notes des agents effacées",
    Kind.CALLS: "appels supprimés",
    Kind.AUDIT: "lignes de journal supprimées",
}


async def purge(settings: Settings, *, as_json: bool) -> None:
    """Remove what is due, and print what that was. Raises IvrError."""
    async with _database(settings) as database:
        purger = Purger(
            database, settings.retention, _pseudonyms(settings), settings.messages_folder
        )
        removed = await purger.run(datetime.now(UTC))
    if as_json:
        print(json.dumps(removed, ensure_ascii=False, indent=2))
        return
    for kind, count in removed.items():
        print(f"{count:>7}  {KINDS[kind]}")
    if not removed:
        print("Rien à effacer.")


async def export(
    settings: Settings, typed: str, output: Path | None, zone: ZoneInfo, *, as_json: bool
) -> None:
    """Write all that is held of a number into a folder, or print its JSON. Raises IvrError."""
    number, now = parse(typed), datetime.now(UTC)
    async with _database(settings) as database:
        held = await _people(database, settings).find(number)
        if held.rows:
            await _audited(database, "a exporté les données d'un numéro", number, now)
    if as_json:
        print(exports.as_json(held, now))
        return
    if not held.rows:
        print(f"Aucune donnée n'est détenue sur le {written(number)}.")
        return
    digits = written(number).replace(" ", "")
    folder = output or Path(f"donnees-{digits}-{now.astimezone(zone):%Y-%m-%d}")
    made = exports.write_folder(held, settings.messages_folder, folder, now, zone)
    print(f"{_told(held)}, dans :")
    print(*made, sep="\n")


async def forget(settings: Settings, typed: str, *, yes: bool) -> None:
    """Forget a number, after asking unless ``yes``. Raises IvrError."""
    number, now = parse(typed), datetime.now(UTC)
    async with _database(settings) as database:
        people = _people(database, settings)
        held = await people.find(number)
        if not held.rows:
            print(f"Aucune donnée n'est détenue sur le {written(number)}.")
            return
        print(f"{_told(held)}.")
        for callback in held.open_callbacks:
            print(f"Le rappel {callback.reference} ({callback.department}) sera annulé.")
        if not yes and not _confirmed():
            raise IvrError("rien n'a été effacé")
        held = await people.forget(number, now)
        await _audited(database, "a effacé les données d'un numéro", number, now)
    print(f"C'est effacé : {_told(held)}.")


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise IvrError("rien n'a été effacé : confirmez avec --yes")
    answer = input("Effacer définitivement ? Tapez oui pour confirmer : ")
    return answer.strip().lower() == "oui"


def _told(held: Held) -> str:
    """ "06 12 34 56 78 : 3 appels, 1 rappel en attente"."""
    counts = (
        (len(held.of(Call)), "appel", "appels"),
        (len(held.open_callbacks), "rappel en attente", "rappels en attente"),
        (len(held.of(Message)), "message vocal", "messages vocaux"),
        (len(held.of(OperatorNote)), "note d'agent", "notes d'agents"),
    )
    parts = [f"{n} {one if n == 1 else many}" for n, one, many in counts if n]
    return f"{written(held.number)} : {', '.join(parts) or 'des demandes de rappel closes'}"


def _pseudonyms(settings: Settings) -> Pseudonyms:
    return Pseudonyms(load_or_create(settings.paths.var).pseudonyms)


def _people(database: Database, settings: Settings) -> People:
    return People(database, _pseudonyms(settings), settings.messages_folder)


async def _audited(database: Database, action: str, number: str, now: datetime) -> None:
    line = AuditLine(at=now, who="ivr", action=action, subject=in_part(number))
    await database.run(lambda session: session.add(line))


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        await database.close()
