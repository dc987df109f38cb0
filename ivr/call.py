"""One call, readable from top to bottom: it performs what the dialogue decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ivr.asterisk.leg import Leg
from ivr.audio.form import FRAME_MS
from ivr.callbacks.schedule import Callbacks, Wish
from ivr.calllog.log import CallEnd, CallLog
from ivr.calllog.writer import CallWriter
from ivr.dialogue.machine import Dialogue
from ivr.dialogue.record import turn_record
from ivr.dialogue.state import State
from ivr.dialogue.turns import (
    Action,
    CallbackFailed,
    CallbackTaken,
    CutShort,
    Dismissed,
    DropMessage,
    HangUp,
    Happening,
    Heard,
    KeepMessage,
    Keyed,
    Listen,
    Opened,
    Order,
    Outcome,
    Overloaded,
    Record,
    Recorded,
    Replay,
    Returned,
    Say,
    Silent,
    TakeCallback,
    TooLong,
    Transfer,
    Turn,
    Unintelligible,
)
from ivr.errors import CallerGone, CallLogError, IvrError
from ivr.events import Frame, KeyPressed, LegEvent, Played, QueueRequest
from ivr.live.observer import Observer, Unobserved
from ivr.messages.box import MessageBox
from ivr.messages.taker import MessageTaker, Over
from ivr.nlu.match import Context, Match
from ivr.speech import listener as ear
from ivr.speech.speaker import Speaker, SpeechSource, Text
from ivr.waiting.desk import Desk, NoDesk

log = logging.getLogger(__name__)

MOST_AWAY = 1000
"""Conversations remembered while their calls are with the operators, the oldest dropped first."""
URGENT = 10
"""Queue priority of urgent calls; the others have 0."""
CALLBACK_PATIENCE = 5.0
"""Seconds that a caller waits for a callback to be written down; then it is not promised."""

Event = LegEvent | ear.ListenerEvent | Order | Over
"""What a conversation waits for."""


@dataclass(frozen=True)
class Mind:
    """The dialogue and the matcher of one version of the town's knowledge."""

    dialogue: Dialogue
    understand: Callable[[str, Context, datetime], Awaitable[Match]]


@dataclass
class Parts:
    """What every call shares."""

    mind: Mind
    """Replaced when the knowledge changes; a call keeps the one it began with."""
    speech: SpeechSource
    listener: Callable[[Callable[[ear.ListenerEvent], None]], ear.Listener]
    """Makes a call's listener, which reports what it hears to the function given."""
    calllog: CallLog
    callbacks: Callbacks
    now: Callable[[], datetime]
    longest_s: float
    """A call is passed to people after this long with the machine, in seconds."""
    hearing: str = ""
    """The name of the model that hears."""
    messages: MessageBox | None = None
    """Where spoken messages go; None where none are taken."""
    desk: Desk = field(default_factory=NoDesk)
    """What is known of the operators."""
    observer: Observer = field(default_factory=Unobserved)
    """Is told what happens, for people to watch."""
    away: dict[str, tuple[Mind, State]] = field(default_factory=dict)
    """Where the conversations stood whose calls are in the operators' queue, by call id."""

    def forget(self, call_id: str) -> None:
        """A call that was passed on will not be back."""
        self.away.pop(call_id, None)


@dataclass(frozen=True)
class _Ended:
    """How the conversation left the machine."""

    outcome: Outcome
    ended_by: str
    queue: QueueRequest | None = None


async def handle(leg: Leg, parts: Parts) -> None:
    """Hold a whole conversation. Whatever goes wrong on our side, the caller reaches people."""
    call_id = leg.started.call_id
    conversation = Conversation(leg, parts)
    ended = _Ended(Outcome.INTERRUPTED, "failure")
    try:
        ended = await conversation.run()
    except CallerGone:
        ended = _Ended(await conversation.outcome_if_left(), "caller")
    except Exception as error:
        trace = None if isinstance(error, IvrError) else error
        log.error("call %s: passed to the operators: %s", call_id, error, exc_info=trace)
        ended = _Ended(Outcome.TRANSFERRED, "failure", conversation.rescue)
    finally:
        await conversation.close()
        await conversation.log_end(ended)
    try:
        if ended.queue is not None:
            await leg.send_to_queue(ended.queue)
        elif ended.ended_by != "caller":
            await leg.hang_up()
    except CallerGone:
        log.info("call %s: hung up while being handed over", call_id)
    except IvrError:
        await conversation.log_end(_Ended(Outcome.INTERRUPTED, "failure"))
        raise


class Conversation:
    """The conversation of one call: a loop of what happened, what is decided, what is done."""

    def __init__(self, leg: Leg, parts: Parts) -> None:
        self._leg = leg
        self._parts = parts
        fresh = parts.mind, parts.mind.dialogue.begin()
        self._mind, self._state = parts.away.pop(leg.started.call_id, fresh)
        self._inbox: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self._speaker = Speaker(leg, parts.speech, self._inbox.put_nowait)
        self._listener = parts.listener(self._inbox.put_nowait)
        self._message = MessageTaker(leg, parts.messages, self._next, self._inbox.put_nowait)
        self._pump: asyncio.Task[None] | None = None
        self._writer = CallWriter(parts.calllog, leg.started.call_id)
        self._frames = 0
        self.rescue = QueueRequest("accueil", "Incident technique du serveur vocal")
        """Where the caller goes when our side fails."""

    async def outcome_if_left(self) -> Outcome:
        """What to log when the caller has hung up; a message is kept as far as it was said."""
        return await self._message.settle() or self._state.outcome

    async def run(self) -> _Ended:
        """Talk until the call leaves the machine. Raises CallerGone when the caller hangs up."""
        started = self._leg.started
        self._writer.begin(started)
        self._parts.observer.began(started, self._inbox.put_nowait)
        self._pump = asyncio.create_task(self._listen_to_line())
        what: Happening = (
            Opened(started.caller.number)
            if started.returned is None
            else Returned(started.returned, started.key)
        )
        cut: CutShort | None = None
        while True:
            turn = Turn(what, self._parts.now(), cut, self._parts.desk.queues(), self._ahead())
            self._state, actions = self._mind.dialogue.advance(self._state, turn)
            if DropMessage() in actions:  # before the caller is told so
                await self._message.drop()
            self._speak(actions)
            self._log_turn(turn, actions)
            match actions[-1]:
                case Listen() as listen:
                    what, cut = await self._hear(listen)
                case Transfer() as transfer:
                    key = await self._finish_speaking()
                    if key is not None and key in transfer.exits:
                        what, cut = Keyed(key), None
                        continue
                    self._remember()
                    outcome = Outcome.EMERGENCY if transfer.urgent else Outcome.TRANSFERRED
                    return _Ended(outcome, "transfer", self._request(transfer))
                case TakeCallback() as wanted:
                    what, cut = await self._take_callback(wanted), None
                case Record() as wanted_message:
                    what, cut = await self._record(wanted_message), None
                case KeepMessage():
                    what, cut = await self._message.keep(), None
                case HangUp(outcome):
                    await self._finish_speaking()
                    by = "admin" if isinstance(what, Dismissed) else "machine"
                    return _Ended(outcome, by)
                case other:
                    raise TypeError(f"a turn cannot end with {other!r}")

    async def close(self) -> None:
        """Stop everything that belongs to this conversation; the line itself is left alone."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        await self._speaker.close()
        await self._listener.close()
        await self._message.settle()

    async def log_end(self, ended: _Ended) -> None:
        """Close the record of the call."""
        end = CallEnd(
            self._parts.now(),
            ended.outcome,
            ended.ended_by,
            ended.queue.queue if ended.queue else None,
            ended.queue.reason if ended.queue else "",
        )
        self._parts.observer.ended(self._leg.started.call_id, end)
        await self._writer.end(end)

    def _remember(self) -> None:
        """Keep the state for when nobody takes the call; most never come back."""
        away = self._parts.away
        while len(away) >= MOST_AWAY:
            del away[next(iter(away))]
        away[self._leg.started.call_id] = self._mind, self._state

    def _request(self, transfer: Transfer) -> QueueRequest:
        request = QueueRequest(
            transfer.department,
            transfer.reason,
            priority=URGENT if transfer.urgent else 0,
            operator=transfer.operator,
            place=transfer.place,
            patient=transfer.busy,
            language=self._state.language,
        )
        return self._parts.desk.prepared(self._leg.started.call_id, request)

    def _ahead(self) -> int | None:
        """How many are before this caller, when they come from a queue."""
        started, department = self._leg.started, self._state.place_in or self._state.department
        if started.returned is None or department is None:
            return None
        ahead = self._parts.desk.ahead(started.call_id, department)
        if ahead is None and started.place is not None:
            return started.place - 1
        return ahead

    async def _take_callback(self, wanted: TakeCallback) -> Happening:
        wish = Wish(
            number=wanted.number,
            department=wanted.department,
            reason=wanted.reason,
            when=wanted.when,
            call_id=self._leg.started.call_id,
            at=self._parts.now(),
            name=wanted.name,
            due=wanted.due,
            until=wanted.until,
        )
        try:
            async with asyncio.timeout(CALLBACK_PATIENCE):
                reference, updated = await self._parts.callbacks.take(wish)
        except (CallLogError, TimeoutError) as error:
            told = str(error) or f"the database did not answer within {CALLBACK_PATIENCE:g} s"
            log.error("call %s: callback not taken: %s", wish.call_id, told)
            return CallbackFailed()
        return CallbackTaken(reference, updated)

    async def _record(self, wanted: Record) -> Happening:
        """Record a message once the caller has been told so, to the last word."""
        while self._speaker.speaking:
            event = await self._next()
            if isinstance(event, Order) or event == KeyPressed("0"):
                await self._speaker.interrupt()
                return event if isinstance(event, Order) else Recorded(0.0, key="0")
        return await self._message.record(wanted)

    # --- speaking and hearing ------------------------------------------------------------------

    def _speak(self, actions: Sequence[Action]) -> None:
        texts = []
        for action in actions:
            if isinstance(action, Say):
                texts.append(Text(action.text, action.about, action.language, action.pace))
            elif isinstance(action, Replay):
                texts.append(Text("", "message", recording=self._message.path))
        if texts:
            self._speaker.say(texts, self._writer.answer_begins)

    async def _finish_speaking(self) -> str | None:
        """Wait until all has been heard; any key skips the rest, and is returned."""
        key = None
        while self._speaker.speaking:
            if isinstance(event := await self._next(), KeyPressed):
                key = event.key
                await self._speaker.interrupt()
        return key

    async def _hear(self, listen: Listen) -> tuple[Happening, CutShort | None]:
        """Wait for the caller to say or key something, letting them interrupt."""
        cut: CutShort | None = None
        self._forget_what_was_heard()
        self._listener.start(
            listen.expecting, speaking=self._speaker.speaking, patience=listen.patience,
            language=self._state.language,
        )  # fmt: skip
        try:
            while True:
                event = await self._next()
                if isinstance(event, Played) and not self._speaker.speaking:
                    self._listener.prompt_ended()
                elif isinstance(event, ear.SpeechStarted) and self._speaker.speaking:
                    cut = await self._interrupt()
                elif isinstance(event, KeyPressed):
                    return Keyed(event.key), cut or await self._interrupt()
                elif isinstance(event, Order):
                    return event, cut or await self._interrupt()
                elif (what := await self._what_happened(event)) is not None:
                    return what, cut
        finally:
            self._listener.stop()

    def _forget_what_was_heard(self) -> None:
        """Words that came in while a key was being answered were no answer to what follows."""
        for event in [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]:
            if not isinstance(event, ear.ListenerEvent):
                self._inbox.put_nowait(event)

    async def _what_happened(self, event: Event) -> Happening | None:
        match event:
            case ear.Transcribed(transcript, ended_ms, too_long):
                self._writer.speech_ended(ended_ms)
                context = replace(self._state.context, others=transcript.others)
                match = await self._mind.understand(transcript.text, context, self._parts.now())
                kind = TooLong if too_long else Heard
                return kind(match, transcript.confidence)
            case ear.Nothing():
                return Unintelligible()
            case ear.Silence():
                return Silent()
            case ear.Overloaded():
                return Overloaded()
        return None

    async def _interrupt(self) -> CutShort | None:
        heard = await self._speaker.interrupt()
        self._listener.prompt_ended()
        return CutShort(heard.about, heard.share) if heard is not None else None

    async def _next(self) -> Event:
        """The next thing that happens, frames excepted: those go to the listener at once."""
        while True:
            event = await self._inbox.get()
            if isinstance(event, Exception):
                raise event
            if isinstance(event, Played):
                self._speaker.played(event.mark)
            return event

    async def _listen_to_line(self) -> None:
        """Bring what the line and the listener report to the inbox."""
        try:
            while True:
                event = await self._leg.receive()
                if not isinstance(event, Frame):
                    self._inbox.put_nowait(event)
                    continue
                self._frames += 1
                if self._frames * FRAME_MS > self._parts.longest_s * 1000:
                    raise TimeoutError("the call lasted too long")
                probability = self._listener.hear(event.pcm)
                self._message.hear(event.pcm, probability)
        except Exception as error:  # noqa: BLE001 - raised again by _next, in the call's own task
            self._inbox.put_nowait(error)

    def _log_turn(self, turn: Turn, actions: Sequence[Action]) -> None:
        record, about_call = turn_record(turn, actions)
        self._writer.turn(record, about_call)
        self._parts.observer.turned(self._leg.started.call_id, record, self._state)
