"""Calls back: an operator's telephone first, then the citizen's; and finds out how it went.

What is done is in SQL (who was claimed, when) and in Asterisk's own database (how far the call
came), so that any process may be killed at any moment and another goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ivr.asterisk.ami import Origination
from ivr.asterisk.ami_events import Member
from ivr.callbacks.attempts import Attempt, Attempts
from ivr.callbacks.policy import Outcome
from ivr.settings import Callbacks as Limits

log = logging.getLogger(__name__)

FAMILY = "callback"
"""Of Asterisk's database: how far each attempt has come."""
CONTEXT = "callbacks"
"""Of the dialplan, where an operator who has picked up goes on."""
BEGUN, WITH_OPERATOR, DECLINED, DIALLING = "begun", "operator", "declined", "dialling"
ENDED, SAID = "ended", "said"
"""What the dialplan writes: ``ended:DIALSTATUS:cause:seconds``, ``said:key``."""
CLAIM_HOLDS = timedelta(minutes=30)
"""From when a callback is due, for whoever has claimed it; then a colleague is rung too."""
A_SECOND = timedelta(seconds=1)
"""As exactly as Asterisk tells when it started."""
SHORTEST_TALK_S = 8
"""Seconds under which an answered call may have been a voicemail, or a mistake."""
HANDED_OVER = timedelta(seconds=20)
"""Until whoever began an attempt must have told Asterisk of it."""
RINGS_WITHIN = timedelta(seconds=6)
"""Until the operator's channel must be there. One that comes later finds the attempt forgotten, and
the dialplan ends it before it calls anybody."""
_BUSY_CAUSE, _REFUSED_CAUSE = 17, 21
_NO_SUCH_NUMBER = frozenset({1, 3, 22, 28})
"""Q.850: unallocated, no route to destination, number changed, invalid format."""
_SAID = {"3": Outcome.VOICEMAIL, "4": Outcome.WRONG_NUMBER, "5": Outcome.REFUSED}
"""What an operator keys after the call; anything else is: reached."""


class Exchange(Protocol):
    """What is asked of Asterisk; see ``asterisk.ami.Ami``."""

    async def members(self) -> list[Member]: ...
    async def channels(self) -> list[str]: ...
    async def started_at(self) -> datetime: ...
    async def originate(self, call: Origination) -> None: ...
    async def remember(self, family: str, key: str, value: str) -> None: ...
    async def recall(self, family: str, key: str) -> str | None: ...
    async def forget(self, family: str, key: str = "") -> None: ...


@dataclass(frozen=True)
class Dialler:
    """Makes callbacks. Its methods raise AsteriskError and CallLogError, and may then be repeated.

    can_dial_out: whether a line leads outside; without, callbacks wait for people.
    """

    exchange: Exchange
    attempts: Attempts
    limits: Limits
    can_dial_out: bool
    now: Callable[[], datetime]

    async def sweep(self) -> None:
        """Settle the attempts that are over, and begin those that are due."""
        for attempt in await self.attempts.under_way():
            await self.settle(attempt)
        if self.can_dial_out:
            for callback in await self.attempts.pending(self.now()):
                await self.make(callback.id)

    async def make(self, callback_id: int) -> None:
        """Call somebody back, if it is due and an operator is free; else leave it to a later sweep.

        A callback does not ring an empty room: it waits, which counts as no attempt.
        """
        callback = await self.attempts.get(callback_id)
        if not self.can_dial_out or callback is None or callback.due_at > self.now():
            return
        now = self.now()
        if self.attempts.opening(callback, now) > now:  # a telephone left on rings nobody at night
            await self.attempts.postpone(callback, now)
            return
        under_way = await self.attempts.under_way()
        members = await self.exchange.members()
        holder = callback.operator if now < callback.due_at + CLAIM_HOLDS else None
        taken = {one.operator for one in under_way}
        operator = free_operator(callback.department, holder, members, taken)
        if operator is None:
            return
        attempt = await self.attempts.begin(callback, operator, self.now())
        if attempt is not None:
            await self._ring(Attempt(attempt, callback, operator, self.now()))

    async def ring(self, attempt_id: str) -> None:
        """Begin the call of an attempt that a person ordered; only once, however often asked."""
        for attempt in await self.attempts.under_way():
            if attempt.id == attempt_id:
                await self._ring(attempt)

    async def _ring(self, attempt: Attempt) -> None:
        if await self.exchange.recall(FAMILY, attempt.id) is not None:
            return
        await self.exchange.remember(FAMILY, attempt.id, BEGUN)
        callback = attempt.callback
        label = " - ".join(part for part in ("Rappel", callback.name, callback.reason) if part)
        await self.exchange.originate(
            Origination(
                channel=f"PJSIP/poste-{attempt.operator}",
                channel_id=attempt.id,
                context=CONTEXT,
                extension="accept",
                caller_id=f'"{shown(label)}" <{callback.number}>',
                timeout_s=self.limits.operator_rings,
                variables={"IVR_ATTEMPT": attempt.id, "IVR_NUMBER": dialled(callback.number)},
            )
        )
        log.info("callback %s: ringing %s", callback.reference, attempt.operator)

    async def settle(self, attempt: Attempt) -> None:
        """Write down how an attempt ended, if it has."""
        if attempt.id in await self.exchange.channels():
            return
        trace = await self.exchange.recall(FAMILY, attempt.id)
        age = self.now() - attempt.started_at
        restarted = await self.exchange.started_at() + A_SECOND > attempt.started_at
        outcome = outcome_of(trace, age, restarted=restarted)
        if outcome is None:
            return
        done = await self.attempts.settle(attempt.id, outcome, self.now())
        if done is not None:
            log.info("callback %s: %s, now %s", done.reference, outcome, done.state)
        await self.exchange.forget(FAMILY, attempt.id)


def outcome_of(trace: str | None, age: timedelta, *, restarted: bool) -> Outcome | None:
    """How an attempt without a channel ended; None while it may still begin.

    trace: the last that the dialplan wrote. restarted: Asterisk was, since the attempt began; it
    may then have lost what it wrote in its last second, and the citizen may have been dialled.
    """
    step, *details = (trace or "").split(":")
    match step, details:
        case "ended", [status, cause, seconds]:
            return _ended(status, int(cause or 0), int(seconds or 0))
        case "said", [key]:
            return _SAID.get(key, Outcome.REACHED)
        case "dialling", _:
            return Outcome.UNKNOWN
        case _ if restarted:
            return Outcome.UNKNOWN
        case "operator" | "declined", _:
            return Outcome.NOBODY
        case "begun", _:
            return Outcome.NOBODY if age > RINGS_WITHIN else None
        case _:  # killed before Asterisk was told
            return Outcome.NOBODY if age > HANDED_OVER else None


def _ended(status: str, cause: int, seconds: int) -> Outcome:
    if status == "ANSWER":
        return Outcome.REACHED if seconds >= SHORTEST_TALK_S else Outcome.CUT_SHORT
    if status == "BUSY":
        return Outcome.REFUSED if cause == _REFUSED_CAUSE else Outcome.BUSY
    if status in ("NOANSWER", "CANCEL"):
        return Outcome.NO_ANSWER
    if cause in _NO_SUCH_NUMBER:
        return Outcome.NO_SUCH_NUMBER
    if cause == _REFUSED_CAUSE:
        return Outcome.REFUSED
    return Outcome.BUSY if cause == _BUSY_CAUSE else Outcome.FAILED


def free_operator(
    department: str, holder: str | None, members: Sequence[Member], taken: set[str]
) -> str | None:
    """The extension that would ring: of whoever has claimed it, else of somebody free.

    holder: extension of who has claimed it. taken: those being called for another callback.
    """
    for member in sorted(members, key=lambda one: one.penalty):
        extension = member.interface.removeprefix("PJSIP/poste-")
        wanted = holder in (None, extension) and member.queue == department
        ready = member.state == "free" and not member.paused and not member.in_call
        if wanted and ready and extension.isdigit() and extension not in taken:
            return extension
    return None


def dialled(e164: str) -> str:
    """A number as it is dialled in France: providers know ``06…`` and ``00…``, not all ``+33…``."""
    if e164.startswith("+33"):
        return "0" + e164[3:]
    return "00" + e164.removeprefix("+")


def shown(text: str) -> str:
    """Text fit for a telephone's display: one line without quotes, at most 40 characters."""
    kept = "".join(c if c.isprintable() and c not in '"\\<>' else " " for c in text)
    return " ".join(kept.split())[:40].strip()
