"""What became of invented callbacks until today: attempts, outcomes, and those still to be made."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from ivr.demo.scenes import Ages, Rows, pseudonym
from ivr.knowledge.base import Knowledge

MOST_ATTEMPTS = 3
OUTCOMES = ("reached", "no-answer", "voicemail", "busy", "refused", "wrong-number")
WEIGHTS = (70, 13, 9, 5, 2, 1)
AGAIN = frozenset(("no-answer", "voicemail", "busy"))
"""Outcomes after which it is tried again."""


class Aftermath:
    """Gives callbacks their ids, attempts and states."""

    def __init__(self, knowledge: Knowledge, now: datetime) -> None:
        self._knowledge = knowledge
        self._now = now
        self._last = 0
        self._open: set[tuple[str, str]] = set()

    def settle(self, rows: Rows, ages: Ages, chance: random.Random) -> None:
        """Complete the callbacks of some rows, and add their attempts."""
        for callback in list(rows.callbacks):
            self._last += 1
            callback["id"] = self._last
            self._attempts(callback, rows, chance)
            if self._doubled(callback):
                rows.callbacks.remove(callback)
            elif callback["state"] in ("done", "cancelled"):
                _purge(callback, ages)
        of_call = {one["call_id"]: one["id"] for one in rows.callbacks}
        for message in rows.messages:
            message["callback_id"] = of_call.get(message["call_id"])

    def _attempts(self, callback: dict[str, Any], rows: Rows, chance: random.Random) -> None:
        callback |= {
            "until": None, "attempts": 0, "attempt": None, "operator": None, "outcome": "",
            "note": "", "state": "pending", "due_at": callback["taken_at"],
            "updated_at": callback["taken_at"],
        }  # fmt: skip
        if chance.random() < 0.02:
            callback |= {
                "state": "cancelled",
                "updated_at": self._soon(callback["taken_at"], chance),
            }
        while callback["state"] == "pending":
            schedule = self._knowledge.departments[callback["department"]].schedule
            hours = self._knowledge.hours
            due = callback["due_at"]
            if not hours.is_open(schedule, due):
                due = hours.next_reachable(schedule, due) or due
            slow = 600 if chance.random() < 0.06 else 70
            at = due + timedelta(minutes=chance.expovariate(1 / slow) + 3)
            if at > self._now:
                callback["due_at"] = due
                return
            self._attempt(callback, at, rows, chance)

    def _attempt(
        self, callback: dict[str, Any], at: datetime, rows: Rows, chance: random.Random
    ) -> None:
        outcome = chance.choices(OUTCOMES, WEIGHTS)[0]
        operator = chance.choice(self._knowledge.operators).extension
        ended = at + timedelta(seconds=chance.uniform(20, 240))
        callback["attempts"] += 1
        callback |= {"outcome": outcome, "operator": operator, "updated_at": ended}
        rows.attempts.append(
            {
                "id": f"demo-{callback['id']}-{callback['attempts']}",
                "callback_id": callback["id"], "started_at": at, "ended_at": ended,
                "operator": operator, "outcome": outcome,
            }
        )  # fmt: skip
        if outcome not in AGAIN:
            callback["state"] = "done"
        elif callback["attempts"] == MOST_ATTEMPTS:
            recent = self._now - ended < timedelta(days=2)
            callback["state"] = "person" if recent else "done"
        else:
            callback["due_at"] = ended + timedelta(minutes=30 * 2 ** callback["attempts"])

    def _soon(self, taken_at: datetime, chance: random.Random) -> datetime:
        return min(taken_at + timedelta(minutes=chance.expovariate(1 / 30)), self._now)

    def _doubled(self, callback: dict[str, Any]) -> bool:
        """Whether this number has an open callback with the department already."""
        if callback["state"] not in ("pending", "person"):
            return False
        key = callback["number"], callback["department"]
        doubled = key in self._open
        self._open.add(key)
        return doubled


def _purge(callback: dict[str, Any], ages: Ages) -> None:
    if callback["updated_at"] < ages.words_since:
        callback |= {"reason": "", "wanted": ""}
    if callback["updated_at"] < ages.numbers_since:
        callback |= {"number": pseudonym(callback["number"]), "name": ""}
