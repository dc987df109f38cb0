"""What AMI tells, parsed at the edge into frozen types; what nobody uses is None."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Headers = Mapping[str, str]
"""A message of AMI; its keys in lower case."""

DEVICE_STATES = {
    "0": "unknown", "1": "free", "2": "in-use", "3": "busy", "4": "invalid", "5": "unreachable",
    "6": "ringing", "7": "ringing", "8": "on-hold",
}  # fmt: skip
"""Asterisk's numbers for the state of a telephone; 7 is one that talks and rings again."""


@dataclass(frozen=True)
class Connected:
    """Asterisk answers again: what was known of it may be old."""


@dataclass(frozen=True)
class Disconnected:
    """Asterisk is away."""


@dataclass(frozen=True)
class Member:
    """A telephone in a queue, as it is now."""

    queue: str
    interface: str
    """``PJSIP/poste-101``."""
    name: str
    state: str
    """One of ``DEVICE_STATES``' values."""
    paused: bool
    pause_reason: str
    in_call: bool
    """With a caller of a queue."""
    penalty: int


@dataclass(frozen=True)
class MemberRemoved:
    """A telephone has left a queue."""

    queue: str
    interface: str


@dataclass(frozen=True)
class CallerJoined:
    """A caller begins to wait."""

    call_id: str
    number: str
    queue: str
    position: int
    """1 is next."""
    waiting: int
    """Callers in the queue now."""


@dataclass(frozen=True)
class CallerLeft:
    """A caller no longer waits, whatever the reason."""

    call_id: str
    queue: str
    waiting: int


@dataclass(frozen=True)
class CallerAbandoned:
    """A caller left unanswered: hung up, and also after a timeout or when the queue is empty."""

    call_id: str
    queue: str
    waited_s: int


@dataclass(frozen=True)
class AgentCalled:
    """An operator's telephone begins to ring for a caller."""

    call_id: str
    queue: str
    interface: str


@dataclass(frozen=True)
class AgentConnected:
    """An operator has taken a caller."""

    call_id: str
    queue: str
    interface: str
    waited_s: int


@dataclass(frozen=True)
class AgentCompleted:
    """The conversation of a caller and an operator is over, or was transferred."""

    call_id: str
    """Empty when the caller's channel was gone first."""
    queue: str
    interface: str
    waited_s: int
    talked_s: int
    reason: str
    """``caller``, ``agent`` or ``transfer``."""


@dataclass(frozen=True)
class AgentDidNotAnswer:
    """An operator's telephone rang in vain, or was refused."""

    call_id: str
    queue: str
    interface: str
    rang_ms: int


@dataclass(frozen=True)
class HungUp:
    """A channel is no more."""

    channel_id: str
    linked_id: str
    cause: int
    """Q.850: 16 normal, 17 busy, 18 and 19 no answer, 21 refused, 34 congestion…"""


@dataclass(frozen=True)
class UserEvent:
    """What our own dialplan tells."""

    name: str
    fields: Headers
    """Keys in lower case."""


AmiEvent = (
    Connected
    | Disconnected
    | Member
    | MemberRemoved
    | CallerJoined
    | CallerLeft
    | CallerAbandoned
    | AgentCalled
    | AgentConnected
    | AgentCompleted
    | AgentDidNotAnswer
    | HungUp
    | UserEvent
)


def parse(headers: Headers) -> AmiEvent | None:
    """The event in a message; None for what nobody uses. Raises KeyError or ValueError."""
    parser = _PARSERS.get(headers.get("event", ""))
    return parser(headers) if parser else None


def parse_member(h: Headers) -> Member:
    """A queue's member, of an event or of a list."""
    return Member(
        queue=h["queue"],
        interface=h.get("interface") or h["location"],
        name=h.get("membername") or h.get("name", ""),
        state=DEVICE_STATES.get(h["status"], "unknown"),
        paused=h["paused"] == "1",
        pause_reason=h.get("pausedreason", ""),
        in_call=h.get("incall") == "1",
        penalty=int(h.get("penalty", "0")),
    )


def _joined(h: Headers) -> CallerJoined:
    number = h.get("calleridnum", "")
    return CallerJoined(
        h["uniqueid"],
        "" if number == "<unknown>" else number,
        h["queue"],
        int(h["position"]),
        int(h["count"]),
    )


def _completed(h: Headers) -> AgentCompleted:
    return AgentCompleted(
        h.get("uniqueid", ""), h["queue"], h["interface"], int(h["holdtime"]),
        int(h["talktime"]), h.get("reason", ""),
    )  # fmt: skip


_PARSERS: Mapping[str, Callable[[Headers], AmiEvent]] = {
    "QueueMemberStatus": parse_member,
    "QueueMemberAdded": parse_member,
    "QueueMemberPause": parse_member,
    "QueueMemberRemoved": lambda h: MemberRemoved(h["queue"], h["interface"]),
    "QueueCallerJoin": _joined,
    "QueueCallerLeave": lambda h: CallerLeft(h["uniqueid"], h["queue"], int(h["count"])),
    "QueueCallerAbandon": lambda h: CallerAbandoned(h["uniqueid"], h["queue"], int(h["holdtime"])),
    "AgentCalled": lambda h: AgentCalled(h["uniqueid"], h["queue"], h["interface"]),
    "AgentConnect": lambda h: AgentConnected(
        h["uniqueid"], h["queue"], h["interface"], int(h["holdtime"])
    ),
    "AgentComplete": _completed,
    "AgentRingNoAnswer": lambda h: AgentDidNotAnswer(
        h["uniqueid"], h["queue"], h["interface"], int(h["ringtime"])
    ),
    "Hangup": lambda h: HungUp(h["uniqueid"], h["linkedid"], int(h["cause"])),
    "UserEvent": lambda h: UserEvent(h["userevent"], h),
}
