"""Small call logs with known figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ivr.calllog.tables import Base, Call, Callback, CallbackAttempt, Message, QueueStay, Turn

ANSWER = {"happened": "heard", "notes": "answered:passeport", "response_ms": 600}
REJECTED = {"happened": "heard", "notes": "rejected", "response_ms": 900}


def at(text: str) -> datetime:
    """A moment, on Paris's clocks in winter unless it says otherwise: ``2026-03-02T09:00``."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else datetime.fromisoformat(f"{text}+01:00")


@dataclass
class Log:
    """Rows of a call log, made in a line each."""

    rows: list[Base] = field(default_factory=list)
    _last: int = 0

    def call(
        self,
        began: str,
        outcome: str | None = "answered",
        *turns: dict[str, Any],
        lasted: int | None = 60,
        **columns: Any,
    ) -> str:
        """A call of so many seconds with its turns, 10 s apart; returns its id."""
        self._last += 1
        call_id, start = f"call-{self._last}", at(began)
        ended = None if lasted is None else start + timedelta(seconds=lasted)
        self.rows.append(
            Call(id=call_id, started_at=start, ended_at=ended, outcome=outcome, **columns)
        )
        for number, turn in enumerate(({"happened": "opened"}, *turns), 1):
            when = turn.get("at") or start + timedelta(seconds=10 * (number - 1))
            self.rows.append(Turn(call_id=call_id, number=number, **{**turn, "at": when}))
        return call_id

    def stay(
        self,
        call_id: str,
        joined: str,
        outcome: str,
        waited: int | None,
        talked: int = 120,
        department: str = "accueil",
    ) -> None:
        """A stay in a queue; ``waited`` in s, None while it lasts."""
        start = at(joined)
        end = None if waited is None else start + timedelta(seconds=waited)
        answered = end if outcome == "answered" else None
        if answered:
            end = answered + timedelta(seconds=talked)
        self.rows.append(
            QueueStay(
                call_id=call_id,
                department=department,
                joined_at=start,
                answered_at=answered,
                ended_at=end,
                outcome=outcome,
            )
        )

    def message(self, call_id: str, recorded: str) -> None:
        """A spoken message."""
        self.rows.append(
            Message(
                call_id=call_id,
                department="accueil",
                file="",
                seconds=5.0,
                recorded_at=at(recorded),
            )
        )

    def callback(
        self,
        taken: str,
        *attempts: tuple[str, str],
        state: str = "pending",
        updated: str = "",
        until: str = "",
        department: str = "eau",
    ) -> None:
        """A callback with attempts, each a moment and an outcome."""
        self._last += 1
        self.rows.append(
            Callback(
                id=self._last,
                reference=f"{self._last:04}",
                number=f"+3361234{self._last:04}",
                department=department,
                state=state,
                outcome=attempts[-1][1] if attempts else "",
                taken_at=at(taken),
                due_at=at(taken),
                until=at(until) if until else None,
                updated_at=at(updated or taken),
            )
        )
        for number, (moment, outcome) in enumerate(attempts):
            self.rows.append(
                CallbackAttempt(
                    id=f"{self._last}-{number}",
                    callback_id=self._last,
                    started_at=at(moment),
                    outcome=outcome,
                )
            )

    def written(self) -> Sequence[Base]:
        """All rows, those that others refer to first."""
        first = (Call, Callback)
        return sorted(self.rows, key=lambda row: not isinstance(row, first))
