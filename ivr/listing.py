"""What ``ivr calls`` and ``ivr callbacks`` print."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ivr.callbacks.schedule import Callbacks
from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.calllog.tables import Base, Call
from ivr.errors import IvrError
from ivr.settings import Settings


async def calls(settings: Settings, *, limit: int, turns: bool, as_json: bool) -> None:
    """Print the latest calls, newest first."""
    database = Database(settings.database_url)
    try:
        found = await CallLog(database).calls(limit=limit)
    finally:
        await database.close()
    if as_json:
        rows = [_row(call) | {"turns": [_row(turn) for turn in call.turns]} for call in found]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for call in found:
        print(_line(call))
        for turn in call.turns if turns else ():
            if turn.heard:
                score = f"  [{turn.entry} {turn.score:.2f} {turn.decision}]" if turn.entry else ""
                print(f"    - {turn.heard}{score}")
            print(f"    > {turn.said or turn.happened}")
    if not found:
        print("Aucun appel.")


async def callbacks(
    settings: Settings, *, done: str | None, cancel: str | None, as_json: bool
) -> None:
    """Print the pending callbacks, oldest first, after closing one if asked to."""
    database = Database(settings.database_url)
    try:
        schedule = Callbacks(database)
        for reference, state in ((done, "done"), (cancel, "cancelled")):
            if reference and not await schedule.close(reference, state, datetime.now(UTC)):
                raise IvrError(f"aucun rappel en attente ne porte la référence {reference}")
        pending = await schedule.pending()
    finally:
        await database.close()
    if as_json:
        print(json.dumps([_row(callback) for callback in pending], ensure_ascii=False, indent=2))
        return
    for row in pending:
        taken = row.taken_at.astimezone().strftime("%d/%m %H:%M")
        wanted = row.wanted or "dès que possible"
        print(f"{row.reference}  {taken}  {row.number:<13} {row.department:<18} {wanted} : "
              f"{row.reason}")  # fmt: skip
    if not pending:
        print("Aucun rappel en attente.")


def _line(call: Call) -> str:
    began = call.started_at.astimezone().strftime("%d/%m %H:%M:%S")
    length = f"{(call.ended_at - call.started_at).seconds:>4} s" if call.ended_at else "en cours"
    outcome = f"{call.outcome or ''} ({call.ended_by})" if call.ended_by else ""
    where = f" → {call.department} : {call.reason}" if call.department else ""
    return f"{began}  {call.caller_number or 'masqué':<13} {length}  {outcome}{where}"


def _row(row: Base) -> dict[str, Any]:
    values = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}
