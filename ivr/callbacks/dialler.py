"""Calls back: an operator's telephone first, then the citizen's; and finds out how it went.

What is done is in SQL (who was claimed, when) and in Asterisk's own database (how far the call
came), so that any process may be killed at any moment and another goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ivr.asterisk.ami import Ami, Origination
from ivr.asterisk.ami_events import AmiEvent, HungUp, Member
from ivr.callbacks.attempts import Attempt, Attempts, is_attempt
from ivr.callbacks.choice import operator_for
from ivr.callbacks.policy import Outcome, State
from ivr.calllog.tables import Callback
from ivr.errors import AsteriskError, CallLogError
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
SHORTEST_TALK_S = 8
"""Seconds under which an answered call may have been a voicemail, or a mistake."""
HANDED_OVER = timedelta(seconds=20)
"""Until whoever began an attempt must have told Asterisk of it."""
RINGS_WITHIN = timedelta(seconds=6)
"""Until the operator's channel must be there. One that comes later finds the attempt forgotten, and
the dialplan ends it before it calls anybody."""
_BUSY_CAUSE, _REFUSED_CAUSE = 17, 21
_NO_SUCH_NUMBER = frozenset({1, 22, 28})
"""Q.850: unallocated, number changed, invalid format. Not 3, no route to destination: Asterisk says
that of every number while the provider's server does not answer."""
_SAID = {"3": Outcome.VOICEMAIL, "4": Outcome.WRONG_NUMBER, "5": Outcome.REFUSED}
"""What an operator keys after the call; anything else is: reached."""


class Exchange(Protocol):
    """What is asked of Asterisk; see ``asterisk.ami.Ami``."""

    async def members(self) -> list[Member]: ...
    async def waiting(self) -> list[tuple[str, str]]: ...
    async def channels(self) -> list[str]: ...
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
        """Settle the attempts that are over, and begin those that are due, the longest due first.

        A callback waits for an operator whom no caller needs, which counts as no attempt.
        """
        under_way = await self.attempts.under_way()
        if under_way:
            living = set(await self.exchange.channels())
            for attempt in under_way:
                if attempt.id not in living:
                    await self._settle(attempt, self.now() - attempt.started_at)
        if self.can_dial_out:
            await self._begin(await self._within_hours(await self.attempts.pending(self.now())))

    async def _within_hours(self, due: Sequence[Callback]) -> list[Callback]:
        """Those of departments at work: a telephone left on rings nobody at night."""
        now, working = self.now(), set()
        for department in sorted({one.department for one in due}):
            opening = self.attempts.opening(department, now)
            if opening > now:
                await self.attempts.postpone(department, now, opening)
            else:
                working.add(department)
        return [one for one in due if one.department in working]

    async def _begin(self, due: Sequence[Callback]) -> None:
        """Ring an operator for each for whom there is one."""
        if not due:
            return
        members = await self.exchange.members()
        waiting = [queue for queue, _ in await self.exchange.waiting()]
        taken = {one.operator for one in await self.attempts.under_way()}
        nobody: set[tuple[str, str | None]] = set()
        for callback in due:
            holder = callback.operator if self.now() < callback.due_at + CLAIM_HOLDS else None
            wanted = (callback.department, holder)
            if wanted in nobody:
                continue
            operator = operator_for(*wanted, members, waiting, taken)
            if operator is None:
                nobody.add(wanted)
                continue
            attempt = await self.attempts.begin(callback, operator, self.now())
            if attempt is not None:
                taken.add(operator)
                await self._ring(Attempt(attempt, callback, operator, self.now()))

    async def ring(self, attempt_id: str) -> None:
        """Begin the call of an attempt that a person ordered; only once, however often asked."""
        attempt = await self.attempts.find(attempt_id)
        if attempt is not None and attempt.callback.state == State.DIALLING:
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

    async def ended(self, attempt_id: str) -> None:
        """Settle an attempt of which Asterisk has told that its call is over."""
        attempt = await self.attempts.find(attempt_id)
        if attempt is not None:
            await self._settle(attempt, timedelta.max)

    async def _settle(self, attempt: Attempt, age: timedelta) -> None:
        """Write down how an attempt without a channel ended, unless it may still begin."""
        trace = await self.exchange.recall(FAMILY, attempt.id)
        outcome = outcome_of(trace, age)
        if outcome is None:
            return
        done = await self.attempts.settle(attempt.id, outcome, self.now())
        if done is not None:
            log.info("callback %s: %s, now %s", done.reference, outcome, done.state)
        await self.exchange.forget(FAMILY, attempt.id)


async def settle_at_once(client: Ami, dialler: Callable[[], Dialler]) -> None:
    """Settle each attempt as soon as its call ends, for ever; the sweep settles what is missed."""
    ended: asyncio.Queue[str] = asyncio.Queue()

    def took(event: AmiEvent) -> None:
        if isinstance(event, HungUp) and is_attempt(event.channel_id):
            ended.put_nowait(event.channel_id)

    client.subscribe(took)
    while True:
        attempt = await ended.get()
        try:
            await dialler().ended(attempt)
        except (AsteriskError, CallLogError) as error:
            log.warning("how %s ended is written down by the next sweep: %s", attempt, error)


def outcome_of(trace: str | None, age: timedelta) -> Outcome | None:
    """How an attempt without a channel ended; None while it may still begin.

    trace: the last that the dialplan wrote; ``dialling`` was on disk before anybody was called, so
    that without it nobody was, also when Asterisk was killed.
    """
    step, *details = (trace or "").split(":")
    match step, details:
        case "ended", [status, cause, seconds]:
            return _ended(status, _whole(cause), _whole(seconds))
        case "said", [key]:
            return _SAID.get(key, Outcome.REACHED)
        case "dialling", _:
            return Outcome.UNKNOWN
        case "operator" | "declined", _:
            return Outcome.NOBODY
        case "begun", _:
            return Outcome.NOBODY if age > RINGS_WITHIN else None
        case _:  # killed before Asterisk was told
            return Outcome.NOBODY if age > HANDED_OVER else None


def _whole(digits: str) -> int:
    """Zero for what Asterisk left empty."""
    return int(digits) if digits.isdecimal() else 0


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


def dialled(e164: str) -> str:
    """A number as it is dialled in France: providers know ``06…`` and ``00…``, not all ``+33…``."""
    if e164.startswith("+33"):
        return "0" + e164[3:]
    return "00" + e164.removeprefix("+")


def shown(text: str) -> str:
    """Text fit for a telephone's display: one line without quotes, at most 40 characters."""
    kept = "".join(c if c.isprintable() and c not in '"\\<>' else " " for c in text)
    return " ".join(kept.split())[:40].strip()
