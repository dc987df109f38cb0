"""Takes the messages of one call: the beep, the frames, the end, and what becomes of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from ivr.asterisk.leg import Leg
from ivr.audio.form import FRAME_BYTES, SAMPLE_RATE
from ivr.audio.pcm import Samples, from_samples
from ivr.dialogue.turns import (
    MessageKept,
    Order,
    Outcome,
    Record,
    Recorded,
    RecordingFailed,
)
from ivr.errors import CallLogError, MessageError
from ivr.events import KeyPressed, Played
from ivr.messages.box import Begun, MessageBox
from ivr.messages.ear import Ear
from ivr.messages.files import BYTES_A_SECOND, Recording

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a caller waits for the database and the disk; then no message is promised."""
BEEP_HZ, BEEP_MS, BEEP_LEVEL = 1000, 300, 0.2
_FADE_MS = 10
_BEEP = "beep"
_CHUNK_BYTES = 50 * FRAME_BYTES
"""Handed to the disk at once: a second."""


class Over:
    """The message being recorded has come to its end by itself."""


class MessageTaker:
    """The messages of one call, one after the other. ``hear`` is given each frame of its line."""

    def __init__(
        self,
        leg: Leg,
        box: MessageBox | None,
        following: Callable[[], Awaitable[object]],
        emit: Callable[[Over], None],
    ) -> None:
        """box: None where no messages are taken.

        following: gives what happens on the line next, and what ``emit`` was given.
        """
        self._leg = leg
        self._box = box
        self._following = following
        self._emit = emit
        self._begun: Begun | None = None
        self._id: int | None = None
        """The message that is neither kept nor dropped."""
        self._seconds = 0.0
        """How long it is; 0.0 while it is recorded, and when nothing was said."""
        self._file: Recording | None = None
        self._ear: Ear | None = None
        """Set while recording."""
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._chunk = bytearray()

    @property
    def path(self) -> Path | None:
        """The file of the message that is neither kept nor dropped."""
        return self._file.path if self._file and self._id is not None else None

    def hear(self, pcm: bytes, probability: float) -> None:
        """One more frame of the line, and the probability that somebody speaks in it."""
        if self._ear is None:
            return
        self._chunk += pcm
        if len(self._chunk) >= _CHUNK_BYTES:
            self._heard.put_nowait(bytes(self._chunk))
            self._chunk.clear()
        if self._ear.hear(pcm, probability):
            self._ear = None
            self._emit(Over())

    async def record(self, wanted: Record) -> Recorded | RecordingFailed | Order:
        """Beep and record, in place of what this call recorded before and did not keep.

        Raises CallerGone; what was said until then is there for `settle`.
        """
        if self._box is None:
            return RecordingFailed()
        self._begun = Begun(
            self._leg.started.call_id, wanted.department, wanted.reason, wanted.number
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await self.drop()
                self._id, self._file = await self._box.begin(self._begun)
            ear = Ear(self._box.settings)
            event = await self._until_over(self._file, ear)
            return event if isinstance(event, Order) else await self._recorded(ear, event)
        except (CallLogError, MessageError, TimeoutError) as error:
            log.error("call %s: message not recorded: %s", self._leg.started.call_id, _told(error))
            await self._discard()  # as the caller will be told
            return RecordingFailed()

    async def keep(self) -> MessageKept | RecordingFailed:
        """The caller is content with the message."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._keep()
        except (CallLogError, TimeoutError) as error:
            log.error("call %s: message not kept: %s", self._leg.started.call_id, _told(error))
            return RecordingFailed()

    async def drop(self) -> None:
        """Delete the message that was not kept, if any. Raises CallLogError or MessageError."""
        message, self._id, self._seconds = self._id, None, 0.0
        if self._box is not None and message is not None:
            await self._box.drop(message)

    async def settle(self) -> Outcome | None:
        """The call is over: keep what was recorded; how the call ended then. Raises nothing."""
        if self._id is None:
            return None
        if not self._seconds:
            await self._discard()
            return None
        kept = await self.keep()  # what fails now is kept at the next start
        if isinstance(kept, RecordingFailed):
            return None
        return Outcome.CALLBACK if kept.reference else Outcome.MESSAGE

    async def _keep(self) -> MessageKept | RecordingFailed:
        if self._box is None or self._id is None or self._begun is None:
            return RecordingFailed()
        reference = await self._box.keep(self._id, self._begun, self._seconds)
        self._id = None
        return MessageKept(reference)

    async def _discard(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self.drop()
        except (CallLogError, MessageError, TimeoutError) as error:
            log.error("call %s: message not deleted: %s", self._leg.started.call_id, _told(error))

    async def _until_over(self, file: Recording, ear: Ear) -> object:
        """Beep, record, and make a whole file of it; what ended it."""
        await self._leg.play(beep(), _BEEP)
        event = await self._next()
        if not isinstance(event, Played):  # a key before the beep was over
            return event
        writing = asyncio.create_task(self._write(file))
        self._ear = ear
        try:
            event = await self._next()
            while isinstance(event, Played):
                event = await self._next()
            return event
        finally:
            self._ear = None
            self._heard.put_nowait(bytes(self._chunk))
            self._heard.put_nowait(None)
            self._chunk.clear()
            await asyncio.wait([writing])
            writing.result()
            if ear.said_something:
                await asyncio.to_thread(file.finish, ear.sound_bytes)
                self._seconds = ear.sound_bytes / BYTES_A_SECOND

    async def _recorded(self, ear: Ear, event: object) -> Recorded:
        key = event.key if isinstance(event, KeyPressed) else ""
        if not self._seconds:
            await self.drop()
        return Recorded(round(self._seconds, 1), ear.too_long, key)

    async def _next(self) -> object:
        """The next thing that matters here: the beep has been heard, a key, an order, the end."""
        while True:
            event = await self._following()
            beeped = isinstance(event, Played) and event.mark == _BEEP
            if beeped or isinstance(event, KeyPressed | Order | Over):
                return event

    async def _write(self, file: Recording) -> None:
        try:
            while (chunk := await self._heard.get()) is not None:
                await asyncio.to_thread(file.write, chunk)
        except MessageError:
            self._emit(Over())
            raise


def beep() -> bytes:
    """What the caller hears before the recording begins."""
    at = np.arange(SAMPLE_RATE * BEEP_MS // 1000) / SAMPLE_RATE
    fade = np.minimum(1, np.minimum(at, at[::-1]) * 1000 / _FADE_MS)
    samples: Samples = (BEEP_LEVEL * fade * np.sin(2 * np.pi * BEEP_HZ * at)).astype(np.float32)
    return from_samples(samples)


def _told(error: Exception) -> str:
    return str(error) or f"no answer within {PATIENCE:g} s"
