"""Conversations in text: the real dialogue and matcher without a telephone.

A script reads like a transcript::

    title: La carte d'identité, puis un agent
    at: 2026-11-24 10:15
    from: "+33612345678"
    transcript:
      - machine: que puis-je faire pour vous
      - caller: je voudrais refaire ma carte d'identité
      - machine: [rendez-vous, autre question]
      - keys: "0"
      - machine: je vous passe
    ends: transferred
    queue: etat-civil

What is expected of the machine is part of what it says before the caller's next move, in any order.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ivr.call import Mind
from ivr.dialogue.state import Phase, State
from ivr.dialogue.turns import (
    Action,
    CallbackFailed,
    CallbackTaken,
    CutShort,
    HangUp,
    Happening,
    Heard,
    KeepMessage,
    Keyed,
    Listen,
    MessageKept,
    Opened,
    Outcome,
    Overloaded,
    Record,
    Recorded,
    RecordingFailed,
    Returned,
    Say,
    Silent,
    TakeCallback,
    TooLong,
    Transfer,
    Turn,
    Unintelligible,
)
from ivr.errors import Fault, KnowledgeError
from ivr.events import QueueOutcome
from ivr.yamlfile import Model, read, validate

CONFIDENCE = 0.9
"""The recogniser's confidence in what is typed."""
LETTERS_PER_SECOND = 15
"""How fast a typed message is taken to be spoken."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Parts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Staffing(Model):
    """Who of a department is free; see ``turns.Availability``."""

    free: int = Field(default=0, ge=0)
    present: int = Field(default=1, ge=0)
    waiting: int = Field(default=0, ge=0)
    wait_s: float | None = Field(default=None, ge=0)


class Move(Model):
    """One line of a script: what the machine must say, or what the caller does."""

    machine: Parts | None = None
    """Each must be in what the machine says, whatever the case."""
    never: Parts = ()
    """None may be in what the machine says."""
    caller: str | None = None
    confidence: float = Field(default=CONFIDENCE, ge=0, le=1)
    interrupts: float | None = Field(default=None, ge=0, le=1)
    """The caller speaks or keys when so much of the machine's words has been heard."""
    keys: str | None = Field(default=None, pattern=r"^[0-9*#]+$")
    happens: Literal["silence", "noise", "overloaded", "database-fails"] | None = None
    records: float | None = Field(default=None, ge=0)
    """The caller leaves a message of so many seconds, or says nothing."""
    rambles: str | None = None
    """The caller talks longer than an utterance may last."""
    returns: QueueOutcome | None = None
    """The call comes back from the operators' queue."""
    queues: dict[str, Staffing] | None = None
    """From now on, by department; nothing is known of others."""
    ahead: int | None = Field(default=None, ge=0)
    """With ``returns``, or ``keys`` in the queue: callers before this one, from now on."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        names = ("machine", "caller", "keys", "happens", "records", "rambles", "returns", "queues")
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise ValueError(f"exactly one of {', '.join(names)} is needed")
        return self


class Script(Model):
    """One conversation with its expected outcome."""

    title: str
    at: datetime
    """On the town's clocks."""
    number: str | None = Field(default=None, alias="from")
    """The caller's number; none when withheld."""
    queues: dict[str, Staffing] = Field(default_factory=dict)
    """Who is free when the call begins, by department; nothing is known of others."""
    call: bool = False
    """Also tried as a real telephone call."""
    transcript: tuple[Move, ...] = Field(min_length=1)
    ends: Outcome | None = None
    """None: the caller hangs up, or the machine is still listening."""
    queue: str | None = None
    """The department the call was last passed to."""
    reason: str | None = None
    """Part of what the operator is shown."""
    callback: dict[str, str] | None = None
    """What was written down: any of number, department, reason, when."""
    message: dict[str, str] | None = None
    """The message that was kept: any of department, reason, number."""


def read_script(path: Path) -> Script:
    """Raises KnowledgeError with every fault, on its line."""
    document = read(path)
    script, faults = validate(document, Script)
    if script is None or faults:
        raise KnowledgeError(faults)
    return script


@dataclass(frozen=True)
class Ending:
    """What became of a call."""

    outcome: str | None = None
    """None while the machine still listens."""
    queue: str | None = None
    """The department that it was last passed to."""
    reason: str = ""
    """What the operator is shown."""
    callback: Mapping[str, str] = field(default_factory=dict)
    """What was written down, by the names that scripts use; empty when nothing was."""
    message: Mapping[str, str] = field(default_factory=dict)
    """The message that was kept, likewise."""


@dataclass
class Simulation:
    """One conversation going on."""

    mind: Mind
    at: datetime
    """Time zone aware; stands still."""
    state: State = field(init=False)
    transfer: Transfer | None = None
    callback: TakeCallback | None = None
    recording: Record | None = None
    """A message that was begun and not kept yet."""
    message: Record | None = None
    outcome: Outcome | None = None
    database_fails: bool = False
    queues: Mapping[str, Staffing] = field(default_factory=dict)
    ahead: int | None = None
    _references: count[int] = field(default_factory=lambda: count(1001))

    def __post_init__(self) -> None:
        self.state = self.mind.dialogue.begin()

    @property
    def over(self) -> bool:
        """Whether the machine has let go of the call."""
        return self.outcome is not None

    @property
    def waiting(self) -> bool:
        """Whether the caller is with the operators, or waits for one."""
        return self.state.phase is Phase.QUEUED

    @property
    def ending(self) -> Ending:
        """What has become of it so far."""
        return Ending(
            self.outcome,
            self.transfer.department if self.transfer else None,
            self.transfer.reason if self.transfer else "",
            vars(self.callback) if self.callback else {},
            vars(self.message) if self.message else {},
        )

    async def happen(self, what: Happening, cut: CutShort | None = None) -> list[Action]:
        """What the machine does next, a callback's writing included."""
        done: list[Action] = []
        while True:
            turn = Turn(what, self.at, cut, self.queues, self.ahead)
            self.state, actions = self.mind.dialogue.advance(self.state, turn)
            done += actions
            match actions[-1]:
                case TakeCallback() as wanted:
                    what, cut = self._write(wanted), None
                    continue
                case Record() as record:
                    self.recording = record
                    if self.database_fails:
                        what, cut = RecordingFailed(), None
                        continue
                case KeepMessage():
                    what, cut = self._keep(), None
                    continue
                case Transfer() as transfer:
                    self.transfer = transfer
                    self.outcome = Outcome.EMERGENCY if transfer.urgent else Outcome.TRANSFERRED
                case HangUp(outcome):
                    self.outcome = outcome
                case Listen():
                    self.outcome = None
            return done

    async def hear(self, text: str, confidence: float = CONFIDENCE) -> Heard:
        """What the dialogue is told when the caller says a text."""
        match = await self.mind.understand(text, self.state.context, self.at)
        return Heard(match, confidence)

    def _keep(self) -> Happening:
        if self.database_fails or self.recording is None:
            return RecordingFailed()
        self.message = self.recording
        return MessageKept(str(next(self._references)) if self.message.number else None)

    def _write(self, wanted: TakeCallback) -> Happening:
        if self.database_fails:
            return CallbackFailed()
        self.callback = wanted
        return CallbackTaken(str(next(self._references)))


async def run(script: Script, mind: Mind) -> AsyncIterator[str | Fault]:
    """Play a script; yields the conversation line by line, and a Fault for all that differs."""
    zone = mind.dialogue.talk.knowledge.hours.zone
    simulation = Simulation(mind, script.at.replace(tzinfo=zone), queues=script.queues)
    said = _said(await simulation.happen(Opened(script.number)))
    yield f"MACHINE  {said}"
    for number, move in enumerate(script.transcript, 1):
        if move.machine is not None:
            for fault in differences(move, said):
                yield Fault(script.title, number, "machine", fault)
            continue
        if move.queues is not None:
            simulation.queues = move.queues
            continue
        yield f"CALLER   {_shown(move)}"
        if move.ahead is not None:
            simulation.ahead = move.ahead
        pressed = move.keys is not None and simulation.waiting
        if simulation.over and move.returns is None and not pressed:
            yield Fault(script.title, number, "", f"the call is already {simulation.outcome}")
            return
        said = ""
        for what in await _happenings(simulation, move):
            cut = _cut(simulation, move)
            said += _said(await simulation.happen(what, cut))
        yield f"MACHINE  {said}"
    for fault in ending_differences(script, simulation.ending):
        yield Fault(script.title, 0, "end", fault)


async def typed(mind: Mind, at: datetime) -> AsyncIterator[str]:
    """A conversation with who types at the terminal; yields what the machine says."""
    simulation = Simulation(mind, at)
    yield f"MACHINE  {_said(await simulation.happen(Opened(None)))}"
    while not simulation.over:
        try:
            line = (await asyncio.to_thread(input, "CALLER   ")).strip()
        except EOFError:
            return
        for what in await _happenings(simulation, _typed(line, simulation.state)):
            actions = await simulation.happen(what)
            if said := _said(actions):
                yield f"MACHINE  {said}"
    if simulation.transfer is not None:
        passed = simulation.transfer
        yield f"(passed to {passed.department}; the operator sees: {passed.reason})"


def _typed(line: str, state: State) -> Move:
    if state.phase is Phase.RECORDING:
        return Move(records=len(line) / LETTERS_PER_SECOND)
    if keys := re.fullmatch(r"\[([0-9*#]+)\]", line):
        return Move(keys=keys[1])
    return Move(caller=line) if line else Move(happens="silence")


async def _happenings(simulation: Simulation, move: Move) -> list[Happening]:
    if move.caller is not None:
        return [await simulation.hear(move.caller, move.confidence)]
    if move.rambles is not None:
        heard = await simulation.hear(move.rambles)
        return [TooLong(heard.match, heard.confidence)]
    if move.keys is not None and simulation.waiting:  # pressed in the queue
        return [Returned(QueueOutcome.KEY, key) for key in move.keys[:1]]
    if move.keys is not None:
        return [Keyed(key) for key in move.keys]
    if move.returns is not None:
        return [Returned(move.returns)]
    if move.records is not None:
        return [Recorded(move.records)]
    match move.happens:
        case "silence":
            return [Silent()]
        case "noise":
            return [Unintelligible()]
        case "overloaded":
            return [Overloaded()]
        case _:
            simulation.database_fails = True
            return []


def _cut(simulation: Simulation, move: Move) -> CutShort | None:
    if move.interrupts is None or not simulation.state.spoken:
        return None
    return CutShort(simulation.state.spoken[0].about, move.interrupts)


def _said(actions: Sequence[Action]) -> str:
    return " ".join(action.text for action in actions if isinstance(action, Say))


def differences(move: Move, said: str) -> list[str]:
    """How what the machine said differs from what a script expects of it; empty: not at all."""
    heard = _folded(said)
    missing = [part for part in move.machine or () if _folded(part) not in heard]
    unwanted = [part for part in move.never if _folded(part) in heard]
    return [f"« {part} » was not said in « {said} »" for part in missing] + [
        f"« {part} » was said in « {said} »" for part in unwanted
    ]


def ending_differences(script: Script, ending: Ending) -> list[str]:
    """How the end of a call differs from what a script expects; empty: not at all."""
    faults = []
    if ending.outcome != script.ends:
        faults.append(f"ended as {ending.outcome}, not {script.ends}")
    if script.queue is not None and ending.queue != script.queue:
        faults.append(f"passed to {ending.queue}, not {script.queue}")
    if script.reason is not None and script.reason not in ending.reason:
        faults.append(f"the operator is shown {ending.reason!r}")
    wanted = {"callback": (script.callback, ending.callback)}
    wanted["message"] = (script.message, ending.message)
    for what, (expected, found) in wanted.items():
        for name, value in (expected or {}).items():
            written = found.get(name, "")
            if _folded(written) != _folded(value):
                faults.append(f"the {what}'s {name} is {written!r}, not {value!r}")
    return faults


def _shown(move: Move) -> str:
    if move.keys:
        return f"[{move.keys}]"
    if move.returns is not None:
        return f"({move.returns} in the queue)"
    if move.records is not None:
        return f"(a message of {move.records:g} s)"
    return move.caller or move.rambles or f"({move.happens})"


def _folded(text: str) -> str:
    """Without case and punctuation, in which a recogniser's text differs from a typed one."""
    text = text.replace("’", "'").replace("\u202f", " ")
    return " ".join(re.sub(r"[.,;:!?…«»]", " ", text).casefold().split())
