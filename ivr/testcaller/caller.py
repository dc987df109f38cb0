"""People on the public network: a caller who rings the town hall, and operators who pick up.

They live on the Asterisk that plays the network. Models are no business of this module: whoever
uses it passes how to turn text into sound and sound into text.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_leg import open_line
from ivr.asterisk.ari_messages import ChannelDestroyed, Event, Party, StasisEnd
from ivr.asterisk.media import Lost, Media, Pacing
from ivr.audio.form import FRAME_MS
from ivr.errors import AsteriskError, CallerGone, IvrError
from ivr.events import Frame, Played
from ivr.testcaller.mouth import Mouth, Utterance
from ivr.testcaller.timeline import FRAME_S, Segment, Timeline

AHEAD = 8
"""Frames on their way to the network at any time: 160 ms of patience with a busy machine."""
PACING = Pacing(lead_ms=400, chunk_ms=20)
MARGIN = 10
"""Frames kept before and after what was heard, for the transcriber."""

Speak = Callable[[str], Awaitable[bytes]]
"""Text → sound, 16 kHz, 16 bit, mono."""
Transcribe = Callable[[bytes], Awaitable[str]]
"""Such sound → text."""


@dataclass(frozen=True)
class Heard:
    """Something the far end said."""

    pcm: bytes
    """Empty when nothing came."""
    segment: Segment
    """From its first to its last sound."""
    text: str = ""
    """What it said, when asked to transcribe."""


@dataclass(frozen=True)
class Manner:
    """How a person speaks and understands, and the noise of their line."""

    speak: Speak | None = None
    transcribe: Transcribe | None = None
    noise_dbfs: float = -60.0
    """Level of the noise behind everything they say, and in their pauses; -96 is none."""


class Person:
    """Somebody on the telephone: says, listens, presses keys, hangs up."""

    def __init__(self, ari: Ari, channel_id: str, manner: Manner) -> None:
        self.timeline = Timeline()
        self.noise_dbfs = manner.noise_dbfs
        self.cause: str | None = None
        """Why the call ended, in Asterisk's words; None while it lasts."""
        self._ari = ari
        self._channel_id = channel_id
        self._manner = manner
        self._mouth = Mouth()
        self._media: Media | None = None
        self._connected = asyncio.Event()
        self._over = asyncio.Event()
        self._news = asyncio.Event()
        self._holding: asyncio.Task[None] | None = None
        self._cursor = 0
        ari.watch(channel_id, self._happened)

    @property
    def ended(self) -> bool:
        """Whether the call is over."""
        return self._over.is_set()

    async def until_ended(self, at_most_s: float = 30) -> None:
        """Wait until the call is over; raises TimeoutError."""
        async with asyncio.timeout(at_most_s):
            await self._over.wait()

    async def say(self, what: str | bytes) -> Segment:
        """Say it at the speed of speech; returns when it was on the wire, without outer silence.

        Raises CallerGone when the call ends meanwhile. Cancelling stops in mid-word.
        """
        pcm = await self._speech(what) if isinstance(what, str) else what
        if not pcm:
            raise ValueError("there is nothing to say")
        utterance = Utterance(pcm)
        self._mouth.add(utterance)
        try:
            await self._unless_over(utterance.done.wait())
        finally:
            self._mouth.stop(utterance)
        return utterance.on_the_wire()

    async def listen(self, until_silence_ms: int = 900, at_most_s: float = 30) -> Heard:
        """What the far end says from where we last listened until it pauses that long.

        Returns what there was when the time is up or the call ends.
        """
        track = self.timeline.heard
        begin, frames = self._cursor, until_silence_ms // FRAME_MS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while not self.ended:
                    loud = track.loud(begin)
                    if loud and len(track) - 1 - loud[-1] >= frames:
                        break
                    self._news.clear()
                    await self._news.wait()
        self._cursor = len(track)
        loud = track.loud(begin)
        if not loud:
            return Heard(b"", Segment(time.monotonic(), time.monotonic()))
        pcm = track.sound(max(begin, loud[0] - MARGIN), loud[-1] + MARGIN)
        return Heard(pcm, Segment(track.ends[loud[0]] - FRAME_S, track.ends[loud[-1]]))

    async def hear(self, until_silence_ms: int = 900, at_most_s: float = 30) -> Heard:
        """Listen, and understand: the far end waits meanwhile, who may lose patience."""
        return await self.understand(await self.listen(until_silence_ms, at_most_s))

    async def understand(self, heard: Heard) -> Heard:
        """What was said, in words. Can be done once the call is over."""
        if self._manner.transcribe is None:
            raise RuntimeError("this person was given no transcriber")
        text = await self._manner.transcribe(heard.pcm) if heard.pcm else ""
        return Heard(heard.pcm, heard.segment, text)

    def skip(self) -> None:
        """Do not listen to what has come so far."""
        self._cursor = len(self.timeline.heard)

    async def until_sound(self, at_most_s: float = 10) -> float:
        """Wait until the far end makes a sound that we have not listened to; returns its time.

        Raises TimeoutError, and CallerGone when the call ends.
        """
        track = self.timeline.heard
        async with asyncio.timeout(at_most_s):
            while not (loud := track.loud(self._cursor)):
                await self.until_frame()
        return track.ends[loud[0]] - FRAME_S

    async def until_frame(self) -> None:
        """Wait for the next 20 ms; raises CallerGone when the call ends."""
        self._news.clear()
        await self._unless_over(self._news.wait())

    async def press(self, keys: str) -> None:
        """Press keys, as the telephone network signals them (RFC 4733)."""
        await self._ari.send_keys(self._channel_id, keys)

    async def hang_up(self) -> None:
        """End the call; nothing happens when it is over."""
        if not self.ended:
            await self._ari.hang_up(self._channel_id)

    async def _speech(self, text: str) -> bytes:
        if self._manner.speak is None:
            raise RuntimeError("this person was given no voice")
        return await self._manner.speak(text)

    async def _unless_over(self, waiting: Awaitable[object]) -> None:
        """Wait for something that will not come once the call is over."""
        tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(self._over.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not tasks[0].done():
                raise CallerGone(f"the call is over: {self.cause}")
        finally:
            for task in tasks:
                task.cancel()

    # The line

    def connect(self) -> None:
        """Carry sound from now on, until the call is over."""
        self._holding = asyncio.create_task(self._hold_line())

    async def close(self) -> None:
        """Hang up, and leave nothing behind."""
        try:
            await self._ari.hang_up(self._channel_id)  # also when only the sound was lost
        finally:
            self._end("we hung up")
            if self._holding:
                await self._holding
            self._ari.unwatch(self._channel_id, self._happened)

    async def _hold_line(self) -> None:
        token = uuid.uuid4().hex
        try:
            async with open_line(
                self._ari, self._channel_id, token, self._came, PACING
            ) as self._media:
                for _ in range(AHEAD):
                    self._breathe()
                self._connected.set()
                await self._over.wait()
        except CallerGone:
            self._end("hung up while being connected")
        except IvrError as error:
            self._end(str(error))

    def _came(self, event: Frame | Played | Lost) -> None:
        now = time.monotonic()
        if isinstance(event, Frame):
            self.timeline.heard.add(event.pcm, now)
        elif isinstance(event, Played):
            self.timeline.said.add(self._mouth.has_left(now), now)
            self._breathe()
        else:
            self._end("the sound was lost")
        self._news.set()

    def _breathe(self) -> None:
        """Send one more frame: words if there are, and the line's noise."""
        if self._media and not self.ended:
            name, frame = self._mouth.next_frame(self.noise_dbfs)
            self._media.play(frame, name)

    def _happened(self, event: Event) -> None:
        if isinstance(event, ChannelDestroyed):
            self._end(f"{event.cause_txt} ({event.cause})")

    def _end(self, cause: str) -> None:
        self.cause = self.cause or cause
        self._over.set()
        self._news.set()


class Caller(Person):
    """Somebody who has dialled a number."""

    async def until_answered(self, at_most_s: float = 30) -> None:
        """Wait until the call is answered and sound flows.

        Raises AsteriskError when it is refused, TimeoutError when nobody answers.
        """
        waiting = [asyncio.ensure_future(e.wait()) for e in (self._connected, self._over)]
        try:
            async with asyncio.timeout(at_most_s):
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if not self._connected.is_set():
            raise AsteriskError(f"the call was not answered: {self.cause}")

    async def dialog(self, part: str) -> str:
        """``call-id``, ``local_tag`` or ``remote_tag`` of the call."""
        return await self._ari.variable(self._channel_id, f"CHANNEL(pjsip,{part})")


class Incoming(Person):
    """A call that rings on an operator's telephone; to ignore it, do nothing."""

    def __init__(self, ari: Ari, channel_id: str, manner: Manner, presented: Party) -> None:
        super().__init__(ari, channel_id, manner)
        self.presented = presented
        """Name and number on the telephone's display."""

    async def answer(self) -> None:
        """Pick up; returns when sound flows. Raises CallerGone when it has stopped ringing."""
        await self._ari.answer(self._channel_id)
        self.connect()
        await self._unless_over(self._connected.wait())

    def _happened(self, event: Event) -> None:
        if isinstance(event, StasisEnd):  # Asterisk does not report its ChannelDestroyed
            self._end("it has stopped ringing, or was hung up")

    async def transfer(self, to: str) -> None:
        """Send the other side to an extension, without asking it (REFER)."""
        await self._ari.resume(self._channel_id, "transfer", to)

    async def transfer_to(self, other: Caller, extension: str) -> None:
        """Join the other side with the one that this telephone has called (REFER, Replaces).

        ``extension`` is what ``other`` has dialled; who was called hears the caller, and this
        telephone is out of it.
        """
        dialog = [await other.dialog(part) for part in ("call-id", "remote_tag", "local_tag")]
        replaces = "{};to-tag={};from-tag={}".format(*dialog)
        value = f"?Replaces={quote(replaces, safe='')}"
        await self._ari.set_variable(self._channel_id, "REPLACES", value)
        await self.transfer(extension)

    async def refuse(self) -> None:
        """Press the red button: the switchboard is told that we are busy."""
        await self._ari.hang_up(self._channel_id, "busy")
