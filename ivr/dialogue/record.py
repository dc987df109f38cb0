"""A turn of the dialogue as the call log keeps it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ivr.calllog.log import TurnRecord
from ivr.dialogue.turns import (
    Action,
    CallbackTaken,
    Happening,
    Heard,
    Keyed,
    MessageKept,
    Note,
    Say,
    TooLong,
    Turn,
)


def turn_record(turn: Turn, actions: Sequence[Action]) -> tuple[TurnRecord, Mapping[str, object]]:
    """What happened and was decided, and what that tells of the whole call, by column."""
    said = [action for action in actions if isinstance(action, Say)]
    notes = [action for action in actions if isinstance(action, Note)]
    record = TurnRecord(
        at=turn.at,
        happened=_name(turn.what),
        said=" ".join(say.text for say in said),
        about=" ".join(say.about for say in said),
        notes=" ".join(_written(note) for note in notes),
        cut_short=turn.cut_short.share if turn.cut_short else None,
    )
    match turn.what:
        case Heard(understood, confidence) | TooLong(understood, confidence):
            best = understood.candidates[0] if understood.candidates else None
            record = replace(
                record,
                heard=understood.text,
                confidence=confidence,
                entry=best.entry if best else None,
                score=best.score if best else None,
                decision=understood.decision,
            )
        case Keyed(key):
            record = replace(record, heard=key)
        case CallbackTaken(reference) | MessageKept(str(reference)):
            record = replace(record, heard=reference)
    return record, _about_call(notes)


def _name(what: Happening) -> str:
    """The name of a happening in the call log, such as ``too-long``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(what).__name__).lower()


def _written(note: Note) -> str:
    return ":".join(part for part in (note.kind, note.entry, note.value) if part)


def _about_call(notes: Sequence[Note]) -> dict[str, object]:
    """What notes tell of the whole call, by column of the call log."""
    found: dict[str, object] = {n.kind: n.value for n in notes if n.kind == "language"}
    return found | {n.kind: int(n.value) for n in notes if n.kind == "satisfaction"}
