"""Who is free: what AMI tells of telephones and queues, made into states of people.

``Presence`` is told events and asked questions; it does no I/O. ``follow`` keeps it fed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ivr.asterisk import ami_events as ami
from ivr.asterisk.ami import Ami
from ivr.asterisk.render import ABSENT, WRAP_UP, WRAP_UP_DEVICE
from ivr.errors import AsteriskError
from ivr.knowledge.directory import Operator

log = logging.getLogger(__name__)

SIGNED_OUT, FREE, RINGING, TALKING = "signed-out", "free", "ringing", "talking"
WRAPPING_UP, PAUSED, UNREACHABLE = "wrap-up", "paused", "unreachable"
PRESENT = frozenset({FREE, RINGING, TALKING, WRAPPING_UP})
"""States of somebody who is at work, and takes the next calls."""
IN_CALL = ("in-use", "busy", "on-hold")
"""States of a telephone."""
FAMILY = "operator"
"""Of Asterisk's own database: each extension's pause, which the phone codes write too."""
WRITING = "wrap-up"
"""The same: whose wrap-up is being counted."""
TYPICAL_TALK_S = 180.0
"""Length of a call with an operator while none has been heard of, in seconds."""
RECENT_CALLS = 30
"""Calls from which the length of the next ones is estimated."""
REFRESH_S = 30.0
"""Seconds between two looks at all queues: what was missed, if anything, is put right."""


@dataclass(frozen=True)
class Availability:
    """Who of a department could take a call now."""

    free: int
    """Operators whose telephone would ring."""
    present: int
    """Operators at work: free, ringing, talking or writing up the last call."""
    waiting: int
    """Callers in the queue."""
    wait_s: float | None
    """How long one more caller would wait, in seconds; 0.0 when somebody is free for them, None
    when nobody is at work.

    (callers ahead + 1) x (talk + wrap-up) / operators at work: as many calls must end as there are
    callers ahead, and one more, and of so many operators one is free again so often. That is the
    expected wait in a queue M/M/c of somebody who finds all taken (Gross and others, Fundamentals
    of Queueing Theory, chapter 2). Talk: the mean of the last calls. Callers ahead: those of this
    queue, and of each other queue the share that its operators who also serve this one will take.
    """


@dataclass(frozen=True)
class OperatorState:
    """An operator and what they do."""

    extension: str
    name: str
    departments: tuple[str, ...]
    state: str
    since: datetime
    reason: str = ""
    """Of the pause."""
    call_id: str | None = None
    """The caller's call that rings or is spoken with."""


@dataclass(frozen=True)
class Waiting:
    """A caller in a queue."""

    call_id: str
    queue: str
    number: str
    since: datetime


@dataclass(frozen=True)
class _Phone:
    """What is known of an operator's telephone."""

    device: str = "unknown"
    member: bool = False
    paused: bool = False
    reason: str = ""
    call_id: str | None = None
    connected: bool = False
    """The call has been taken; until then it rings, whatever the telephone itself tells."""
    direct: bool = False
    """The call came to this telephone alone: no queue will tell when it is over."""
    wrap_up_until: datetime | None = None


@dataclass
class Presence:
    """What all operators are doing. Asked before Asterisk has told, it knows nothing."""

    operators: tuple[Operator, ...]
    now: Callable[[], datetime]
    wrap_up_s: float = 0.0
    """Seconds that an operator has after a call, before the next one."""
    known: bool = False
    """Whether Asterisk is connected and has told."""
    _phones: dict[str, _Phone] = field(default_factory=dict)
    _states: dict[str, OperatorState] = field(default_factory=dict)
    _waiting: dict[str, Waiting] = field(default_factory=dict)
    _talks: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT_CALLS))
    _watchers: list[Callable[[], None]] = field(default_factory=list)

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Have a function called after each change; it must not wait."""
        self._watchers.append(changed)

    def renew(self, operators: tuple[Operator, ...], wrap_up_s: float) -> None:
        """The knowledge has other operators."""
        self.operators, self.wrap_up_s = operators, wrap_up_s
        self.tell()

    # --- questions -------------------------------------------------------------------------------

    def operator(self, extension: str) -> OperatorState | None:
        """What an operator is doing; None for one that does not exist, or when nothing is known."""
        return next((one for one in self.snapshot() if one.extension == extension), None)

    def snapshot(self) -> tuple[OperatorState, ...]:
        """Every operator; empty while nothing is known."""
        return tuple(self._state(one) for one in self.operators) if self.known else ()

    def callers(self) -> tuple[Waiting, ...]:
        """Who waits, in all queues, in the order of their coming."""
        return tuple(self._waiting.values())

    def department(self, department: str) -> Availability | None:
        """Who could take a call for a department; None while nothing is known."""
        if not self.known:
            return None
        at_work = [one for one in self.snapshot() if one.state in PRESENT]
        serving = [one for one in at_work if department in one.departments]
        free = sum(one.state == FREE for one in serving)
        waiting = Counter(one.queue for one in self._waiting.values())
        ahead = sum(
            callers * _share(at_work, queue, department) for queue, callers in waiting.items()
        )
        wait_s = self._wait_s(free, len(serving), ahead)
        return Availability(free, len(serving), waiting[department], wait_s)

    def queues(self) -> Mapping[str, Availability]:
        """``department`` for each department that has an operator; empty while nothing is known."""
        names = {name for one in self.operators for name in one.departments}
        found = {name: self.department(name) for name in sorted(names)}
        return {name: one for name, one in found.items() if one is not None}

    def _wait_s(self, free: int, present: int, ahead: float) -> float | None:
        if free > ahead:
            return 0.0
        if not present:
            return None
        talk = sum(self._talks) / len(self._talks) if self._talks else TYPICAL_TALK_S
        return (ahead + 1) * (talk + self.wrap_up_s) / present

    def _state(self, operator: Operator) -> OperatorState:
        phone = self._phones.get(operator.extension, _Phone())
        state, reason = _what(phone, self.now())
        before = self._states.get(operator.extension)
        if before is None or (before.state, before.reason) != (state, reason):
            since = self.now()
        else:
            since = before.since
        found = OperatorState(
            operator.extension, operator.name, operator.departments, state, since, reason,
            phone.call_id,
        )  # fmt: skip
        self._states[operator.extension] = found
        return found

    # --- events ----------------------------------------------------------------------------------

    def took(self, event: ami.AmiEvent) -> None:
        """Something has happened."""
        match event:
            case ami.Disconnected():
                self.known = False
            case ami.Member():
                self._change(event.interface, **_of(event))
                self._end_direct(event)
            case ami.MemberRemoved(_, interface):
                self._change(interface, member=False)
            case ami.CallerJoined(call_id, number, queue):
                self._waiting[call_id] = Waiting(call_id, queue, number, self.now())
                self._stop_ringing(call_id)  # the operator of the console's choice did not answer
            case ami.CallerLeft(call_id):
                self._waiting.pop(call_id, None)
                self._stop_ringing(call_id)
            case ami.AgentCalled(call_id, _, interface):
                self._change(interface, call_id=call_id, connected=False, direct=False)
            case ami.UserEvent("DirectCalled", fields):
                interface = interface_of(fields.get("operator", ""))
                call_id = fields.get("callid", "")
                self._change(interface, call_id=call_id, connected=False, direct=True)
            case ami.UserEvent("StayAnswered", fields):
                self._change(interface_of(fields.get("operator", "")), connected=True)
            case ami.HungUp(call_id) if any(
                phone.direct and phone.call_id == call_id for phone in self._phones.values()
            ):
                self._stop_ringing(call_id, direct=True)
            case ami.AgentConnected(call_id, _, interface):
                self._stop_ringing(call_id)
                self._change(interface, call_id=call_id, connected=True)
            case ami.AgentDidNotAnswer(_, _, interface):
                self._change(interface, call_id=None)
            case ami.AgentCompleted(_, _, interface):
                self._talks.append(event.talked_s)
                self._change(interface, call_id=None)
            case ami.UserEvent(name, fields) if name == WRAP_UP:
                until = self.now() + timedelta(seconds=int(fields.get("seconds", "0")))
                self._change(interface_of(fields.get("operator", "")), wrap_up_until=until)
            case _:
                return
        self.tell()

    def learn(self, members: Iterable[ami.Member], waiting: Iterable[tuple[str, str]]) -> None:
        """All queues as they are, instead of what was known."""
        phones = self._phones
        self._phones = {}
        for member in members:
            extension = extension_of(member.interface)
            if extension is not None:
                kept = self._phones.get(extension) or phones.get(extension, _Phone())
                if not self.known and member.state not in IN_CALL:
                    kept = replace(kept, call_id=None)  # its end was not told
                self._phones[extension] = replace(kept, **_of(member))
        known, now = self._waiting, self.now()
        self._waiting = {
            call_id: known.get(call_id) or Waiting(call_id, queue, "", now)
            for queue, call_id in waiting
        }
        self.known = True
        self.tell()

    def _stop_ringing(self, call_id: str, *, direct: bool = False) -> None:
        """direct: also where it is spoken with, having come to that telephone alone."""
        for extension, phone in self._phones.items():
            if phone.call_id == call_id and (not phone.connected or (direct and phone.direct)):
                self._phones[extension] = replace(phone, call_id=None, direct=False)

    def _end_direct(self, member: ami.Member) -> None:
        """A telephone whose owner has passed such a call on is free, and the call goes on."""
        phone = self._phones.get(extension_of(member.interface) or "")
        if phone is not None and phone.direct and phone.connected and phone.device == "free":
            self._change(member.interface, call_id=None, direct=False)

    def _change(self, interface: str, **what: Any) -> None:
        extension = extension_of(interface)
        if extension is not None:
            known = self._phones.get(extension, _Phone())
            self._phones[extension] = replace(known, **what)

    def tell(self) -> None:
        """Have the watchers look again."""
        for watcher in self._watchers:
            watcher()


def _share(at_work: Iterable[OperatorState], queue: str, department: str) -> float:
    """Which part of a queue's callers the operators of a department take, 0.0 to 1.0."""
    if queue == department:
        return 1.0
    serving = [one for one in at_work if queue in one.departments]
    both = sum(department in one.departments for one in serving)
    return both / len(serving) if serving else 0.0


def extension_of(interface: str) -> str | None:
    """``PJSIP/poste-101`` → ``101``; None for what is no operator's telephone."""
    found = interface.removeprefix("PJSIP/poste-")
    return found if found.isdigit() and found != interface else None


def interface_of(extension: str) -> str:
    """``101`` → ``PJSIP/poste-101``."""
    return f"PJSIP/poste-{extension}"


def _of(member: ami.Member) -> dict[str, Any]:
    return {
        "device": member.state,
        "member": True,
        "paused": member.paused,
        "reason": member.pause_reason if member.paused else "",
    }


def _what(phone: _Phone, now: datetime) -> tuple[str, str]:
    """The state of a telephone's owner, and the reason of a pause."""
    if not phone.member or (phone.paused and phone.reason == ABSENT):
        return SIGNED_OUT, ""
    if phone.device in IN_CALL:
        writes = phone.wrap_up_until is not None and now < phone.wrap_up_until
        return (WRAPPING_UP if writes and phone.call_id is None else TALKING), ""
    if phone.device == "ringing" or (phone.call_id is not None and not phone.connected):
        return RINGING, ""
    if phone.device in ("unreachable", "invalid", "unknown"):
        return UNREACHABLE, ""
    if phone.paused:
        return PAUSED, phone.reason
    return FREE, ""


# --- with Asterisk --------------------------------------------------------------------------------


async def follow(presence: Presence, client: Ami) -> None:
    """Keep presence fed for ever."""
    news = asyncio.Event()

    def took(event: ami.AmiEvent) -> None:
        presence.took(event)
        if isinstance(event, ami.Connected):
            news.set()

    client.subscribe(took)
    while True:
        await client.connected.wait()
        news.clear()
        try:
            presence.learn(await client.members(), await client.waiting())
        except AsteriskError as error:
            log.warning("what the operators do is not known: %s", error)
        try:
            async with asyncio.timeout(REFRESH_S):
                await news.wait()
        except TimeoutError:
            continue


async def pause(client: Ami, extension: str, reason: str) -> None:
    """Give an operator no calls until ``resume``. Raises AsteriskError."""
    await client.remember(FAMILY, extension, reason)
    await client.pause_member(interface_of(extension), paused=True, reason=reason)


async def sign_out(client: Ami, extension: str) -> None:
    """The operator's work is over until ``resume``. Raises AsteriskError."""
    await pause(client, extension, ABSENT)


async def resume(client: Ami, extension: str) -> None:
    """Give an operator calls again, also before the time to write up a call is over.

    Raises AsteriskError.
    """
    await client.forget(FAMILY, extension)
    await client.forget(WRITING, extension)
    await client.set_device(f"{WRAP_UP_DEVICE}{extension}", "INVALID")
    await client.pause_member(interface_of(extension), paused=False)
