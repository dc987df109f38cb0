"""What becomes of each column of the call log that could tell something of a person.

Every table is listed, with every column of text: a test fails for one that is not. A new column
goes where it belongs: ``numbers``, ``emptied`` with the kind whose days count, or ``kept`` when it
tells nothing of a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import ColumnElement

from ivr.calllog.accounts import Account, AuditLine, ConsoleSession, FailedSignIn, Invitation
from ivr.calllog.changes import FaqChange, Intent
from ivr.calllog.tables import (
    Base,
    Call,
    Callback,
    CallbackAttempt,
    FiguresDay,
    Message,
    OperatorNote,
    Purge,
    QueueStay,
    Suggestion,
    Summary,
    Turn,
)


class Kind(StrEnum):
    """A kind of data; the setting of the same name in ``[retention]`` gives its days."""

    TRANSCRIPTS = "transcripts"
    """What callers said, in words."""
    NUMBERS = "numbers"
    """Who called: numbers and names."""
    MESSAGES = "messages"
    """Spoken messages, with their text."""
    NOTES = "notes"
    """What operators wrote."""
    CALLS = "calls"
    """That a call took place: times, department, outcome."""
    AUDIT = "audit"
    """Who changed what in the console, and what was removed when."""


@dataclass(frozen=True)
class Rule:
    """What becomes of the rows of one table."""

    table: type[Base]
    since: str
    """The column of the moment that days are counted from."""
    numbers: tuple[str, ...] = ()
    """Columns with a telephone number: pseudonymised."""
    emptied: Mapping[str, Kind] = field(default_factory=dict)
    """Columns with words."""
    sound: str | None = None
    """The column with the name of a file in ``var/messages``: deleted with the messages."""
    kept: tuple[str, ...] = ()
    """Columns of text that tell nothing of a person once the others are gone."""
    rows: Kind | None = Kind.CALLS
    """When the row itself goes; None: never, or with the row of ``part_of``."""
    links: Mapping[str, type[Base]] = field(default_factory=dict)
    """Columns that say whose row it is: of which call, of which callback."""
    part_of: str | None = None
    """The column of ``links`` with whose row this one goes."""
    done: ColumnElement[bool] | None = None
    """Rows for which this does not hold are still needed: nothing happens to them."""


RULES: tuple[Rule, ...] = (
    Rule(
        Call,
        "started_at",
        numbers=("caller_number",),
        emptied={"caller_name": Kind.NUMBERS, "reason": Kind.TRANSCRIPTS},
        kept=("id", "dialled", "outcome", "ended_by", "department", "language"),
        done=Call.ended_at.is_not(None),
    ),
    Rule(
        Turn,
        "at",
        emptied={"heard": Kind.TRANSCRIPTS, "said": Kind.TRANSCRIPTS},
        kept=("call_id", "happened", "entry", "decision", "about", "notes"),
        rows=None,
        links={"call_id": Call},
        part_of="call_id",
    ),
    Rule(
        QueueStay,
        "joined_at",
        numbers=("caller_number",),
        emptied={"reason": Kind.TRANSCRIPTS},
        kept=("call_id", "department", "outcome", "operator"),
        links={"call_id": Call},
    ),
    Rule(
        Callback,
        "updated_at",
        numbers=("number",),
        emptied={
            "name": Kind.NUMBERS,
            "reason": Kind.TRANSCRIPTS,
            "wanted": Kind.TRANSCRIPTS,
            "note": Kind.NOTES,
        },
        kept=(
            *("reference", "department", "origin", "call_id", "state", "attempt"),
            *("operator", "outcome"),
        ),
        done=Callback.state.in_(("done", "cancelled")),
    ),
    Rule(
        CallbackAttempt,
        "started_at",
        kept=("id", "operator", "outcome"),
        rows=None,
        links={"callback_id": Callback},
        part_of="callback_id",
    ),
    Rule(
        Message,
        "recorded_at",
        numbers=("number",),
        emptied={"transcript": Kind.MESSAGES},
        sound="file",
        kept=("call_id", "department", "state"),
        links={"call_id": Call, "callback_id": Callback},
    ),
    Rule(
        OperatorNote,
        "at",
        emptied={"text": Kind.NOTES},
        kept=("call_id", "operator", "outcome"),
        links={"call_id": Call},
    ),
    # A digest of words and what was decided about them; the words went with the turns.
    Rule(Suggestion, "decided_at", kept=("key", "decision", "entry"), rows=None),
    # The FAQ is the town's own text; what callers said becomes part of it once an admin read it.
    Rule(
        FaqChange,
        "at",
        kept=("who", "language", "entry", "file", "before", "after"),
        rows=Kind.AUDIT,
    ),
    # Names of files and of rows; gone with the next change, whatever became of it.
    Rule(Intent, "at", rows=Kind.AUDIT),
    # Counts of a whole day: they tell of no person, and outlive the calls.
    Rule(FiguresDay, "kept_at", rows=None),
    Rule(Summary, "claimed_at", rows=Kind.AUDIT),
    Rule(
        Account,
        "created_at",
        kept=("login", "name", "role", "extension", "password"),
        rows=None,
    ),
    Rule(ConsoleSession, "seen_at", kept=("token", "csrf"), rows=Kind.AUDIT),
    Rule(Invitation, "expires_at", kept=("token",), rows=Kind.AUDIT),
    Rule(FailedSignIn, "at", kept=("login", "address"), rows=Kind.AUDIT),
    Rule(
        AuditLine,
        "at",
        kept=("who", "action", "subject", "before", "after", "address"),
        rows=Kind.AUDIT,
    ),
    Rule(Purge, "started_at", rows=Kind.AUDIT),
)
"""Parents before what refers to them."""


def parts_of(table: type[Base]) -> list[Rule]:
    """The rules of the tables whose rows go with those of a table."""
    return [rule for rule in RULES if rule.part_of and rule.links[rule.part_of] is table]
