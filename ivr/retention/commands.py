"""What ``ivr purge``, ``ivr export`` and ``ivr forget`` do and print."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from ivr.calllog.database import Database
from ivr.retention.numbers import Pseudonyms
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
        pseudonyms = Pseudonyms(load_or_create(settings.paths.var).pseudonyms)
        purger = Purger(database, settings.retention, pseudonyms, settings.messages_folder)
        removed = await purger.run(datetime.now(UTC))
    if as_json:
        print(json.dumps(removed, ensure_ascii=False, indent=2))
        return
    for kind, count in removed.items():
        print(f"{count:>7}  {KINDS[kind]}")
    if not removed:
        print("Rien à effacer.")


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        await database.close()
