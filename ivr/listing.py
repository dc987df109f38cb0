"""What ``ivr calls`` and ``ivr missed`` print."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.calllog.tables import Base, Call
from ivr.settings import Settings
from ivr.waiting.missed import missed as missed_calls


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


def _line(call: Call) -> str:
    began = call.started_at.astimezone().strftime("%d/%m %H:%M:%S")
    length = f"{(call.ended_at - call.started_at).seconds:>4} s" if call.ended_at else "en cours"
    outcome = f"{call.outcome or ''} ({call.ended_by})" if call.ended_by else ""
    where = f" → {call.department} : {call.reason}" if call.department else ""
    return f"{began}  {call.caller_number or 'masqué':<13} {length}  {outcome}{where}"


def _row(row: Base) -> dict[str, Any]:
    values = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}


async def missed(settings: Settings, *, days: int, as_json: bool) -> None:
    """Print the calls that were lost in a queue, the latest first."""
    database = Database(settings.database_url)
    try:
        found = await missed_calls(database, datetime.now(UTC) - timedelta(days=days))
    finally:
        await database.close()
    if as_json:
        rows = [{k: _plain(v) for k, v in vars(one).items()} for one in found]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for one in found:
        at = one.at.astimezone().strftime("%d/%m %H:%M")
        if one.answered_at:
            fate = f"a parlé à un agent le {one.answered_at.astimezone():%d/%m à %H:%M}"
        else:
            fate = f"rappel {one.callback}" if one.callback else "à rappeler"
        who = f"{one.number or 'masqué':<13} {one.department:<18} attente {one.waited_s:>4} s"
        print(f"{at}  {who}  {one.reason or 'sans motif'} : {fate}")
    if not found:
        print("Aucun appel manqué.")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
