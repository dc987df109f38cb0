"""Stays in queues, made of what AMI tells: who waits, since when, before whom, and how it ends.

``Stays`` is told events and asked questions; it does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ivr.asterisk import ami_events as ami
from ivr.events import QueueOutcome, QueueRequest
from ivr.operators.presence import extension_of

ANSWERED, ABANDONED, TIMEOUT = "answered", "abandoned", "timeout"
EMPTY, KEY, UNKNOWN = "empty", "key", "unknown"

_OUTCOMES = {
    QueueOutcome.TIMEOUT: TIMEOUT,
    QueueOutcome.KEY: KEY,
    QueueOutcome.JOIN_EMPTY: EMPTY,
    QueueOutcome.LEAVE_EMPTY: EMPTY,
    QueueOutcome.JOIN_UNAVAILABLE: EMPTY,
    QueueOutcome.LEAVE_UNAVAILABLE: EMPTY,
}


@dataclass
class Stay:
    """One stay of a caller in a queue; see ``tables.QueueStay`` for the fields."""

    call_id: str
    department: str
    joined_at: datetime
    caller_number: str | None = None
    reason: str = ""
    priority: int = 0
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    operator: str | None = None
    id: int | None = None
    """Of its row, once written."""


@dataclass(frozen=True)
class CallOver:
    """A call that was passed to people is over."""

    call_id: str
    stay: Stay | None
    """The last one; None when it has been in no queue."""
    department: str
    """Where it was passed to first."""
    answered: bool
    """Whether an operator has spoken with the caller."""


Change = Stay | CallOver


class Stays:
    """The stays that last, and the places of callers who will be back."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._open: dict[str, Stay] = {}
        self._since: dict[tuple[str, str], datetime] = {}
        """When a call first joined a queue: its place, for as long as it lasts."""
        self._asked: dict[str, QueueRequest] = {}
        self._last: dict[str, Stay] = {}
        self._answered: set[str] = set()

    # --- questions -----------------------------------------------------------------------------

    def ahead(self, call_id: str, department: str) -> int | None:
        """How many would be served before a call that comes back to a queue; None: not known."""
        since = self._since.get((call_id, department))
        if since is None:
            return None
        asked = self._asked.get(call_id)
        mine = -(asked.priority if asked else 0), since
        return sum(
            (-one.priority, self._since.get((one.call_id, department), one.joined_at)) < mine
            for one in self._open.values()
            if one.department == department and not one.answered_at and one.call_id != call_id
        )

    # --- what happens --------------------------------------------------------------------------

    def asked(self, call_id: str, request: QueueRequest) -> None:
        """The application passes a call on."""
        self._asked[call_id] = request

    def took(self, event: ami.AmiEvent) -> Iterator[Change]:
        """What is to be written down, changed stays included."""
        match event:
            case ami.CallerJoined(call_id, number, queue):
                yield from self._end(call_id, UNKNOWN)
                yield self._begin(call_id, queue, number or None)
            case ami.AgentConnected(call_id, _, interface):
                yield from self._answer(call_id, extension_of(interface))
            case ami.AgentCompleted(call_id):
                yield from self._end(call_id, ANSWERED)
            case ami.UserEvent("StayEnd", fields):
                yield from self._left(fields)
            case ami.UserEvent("StayAnswered", fields):  # an operator of the console's choice
                call_id = fields.get("callid", "")
                if call_id not in self._open:
                    self._begin(call_id, self._department(call_id), None)
                yield from self._answer(call_id, fields.get("operator"))
            case ami.HungUp(call_id) if (
                call_id in self._open or call_id in self._asked or (call_id in self._last)
            ):
                yield from self._end(call_id, ABANDONED)
                yield self._over(call_id)

    def adopt(self, stay: Stay) -> None:
        """A stay that began while we were away goes on."""
        self._open[stay.call_id] = self._last[stay.call_id] = stay
        self._since.setdefault((stay.call_id, stay.department), stay.joined_at)
        if stay.answered_at:
            self._answered.add(stay.call_id)

    def forget(self) -> None:
        """What was known of the stays that last may be old; places are kept."""
        self._open.clear()

    def lasting(self, call_id: str) -> bool:
        """Whether a stay of this call is known to last."""
        return call_id in self._open

    def _begin(self, call_id: str, department: str, number: str | None) -> Stay:
        asked = self._asked.get(call_id)
        stay = Stay(call_id, department, self._now(), number)
        if asked is not None:
            stay.reason, stay.priority = asked.reason, asked.priority
        self.adopt(stay)
        return stay

    def _answer(self, call_id: str, operator: str | None) -> Iterator[Stay]:
        if (stay := self._open.get(call_id)) is not None:
            stay.answered_at, stay.outcome, stay.operator = self._now(), ANSWERED, operator
            self._answered.add(call_id)
            yield stay

    def _left(self, fields: ami.Headers) -> Iterator[Stay]:
        call_id, department = fields.get("callid", ""), fields.get("queue", "")
        try:
            outcome = _OUTCOMES.get(QueueOutcome(fields.get("status", "")), UNKNOWN)
        except ValueError:
            outcome = UNKNOWN
        if call_id not in self._open and outcome == EMPTY:  # it could not even join
            self._begin(call_id, department, None)
        yield from self._end(call_id, outcome)

    def _end(self, call_id: str, outcome: str) -> Iterator[Stay]:
        """The stay that lasts is over; ``outcome`` when nobody has answered."""
        if (stay := self._open.pop(call_id, None)) is not None:
            stay.ended_at = self._now()
            stay.outcome = stay.outcome or outcome
            yield stay

    def _over(self, call_id: str) -> CallOver:
        over = CallOver(
            call_id, self._last.pop(call_id, None), self._department(call_id),
            call_id in self._answered,
        )  # fmt: skip
        self._answered.discard(call_id)
        self._asked.pop(call_id, None)
        for key in [key for key in self._since if key[0] == call_id]:
            del self._since[key]
        return over

    def _department(self, call_id: str) -> str:
        if (asked := self._asked.get(call_id)) is not None:
            return asked.queue
        last = self._last.get(call_id)
        return last.department if last else ""
