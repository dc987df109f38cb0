"""The sound of one call over Asterisk's media websocket: frames in, clips out, flush on barge-in.

What is said is cut into short chunks, each followed by a numbered mark that Asterisk returns when
it has played the chunk. The marks are the sender's clock: only ``Pacing.lead_ms`` are on their way
at any time, which is far from Asterisk's limit of 1000 frames, and they tell what was heard.
Numbers carry a generation, raised by each flush, so that marks on their way are not mistaken.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.asterisk.ari import Ari
from ivr.audio.form import FRAME_BYTES, FRAME_MS, duration_ms
from ivr.errors import AsteriskError
from ivr.events import Frame, Interrupted, Played

log = logging.getLogger(__name__)

START_TIMEOUT = 3.0
"""Seconds for MEDIA_START, which takes a few milliseconds."""
STATUS_TIMEOUT = 0.25
"""Seconds for the answer that tells how much was heard, which takes a few milliseconds."""
PATIENCE = 0.2
"""Seconds without a frame after which silence is supplied: telephones may send none in pauses."""
MOST_LEAD_MS = 19_000
"""Asterisk drops what exceeds 1000 frames of 20 ms, so that this much can never be lost."""

SILENCE = Frame(bytes(FRAME_BYTES))


@dataclass(frozen=True)
class Pacing:
    """How far ahead of the caller's ear sound is sent."""

    lead_ms: int = 400
    """Sent ahead at most, in ms: rides out a busy moment of ours."""
    chunk_ms: int = 100
    """Sound per mark, in ms, a multiple of 20."""

    def __post_init__(self) -> None:
        if self.chunk_ms % FRAME_MS or not 0 < self.chunk_ms <= self.lead_ms <= MOST_LEAD_MS:
            raise ValueError(f"impossible pacing: {self}")


@dataclass(frozen=True)
class Lost:
    """The media socket has closed; nothing more will come."""


Deliver = Callable[[Frame | Played | Lost], None]


class _Control(BaseModel):
    """A text message from Asterisk; DTMF_END is ignored, for ARI reports keys too."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event: str
    correlation_id: str = ""
    queue_length: int = Field(default=0, ge=0)
    optimal_frame_size: int = FRAME_BYTES
    error_text: str = ""


@dataclass
class _Clip:
    mark: str
    length_ms: int
    heard_ms: int = 0

    def interrupted(self) -> Interrupted:
        return Interrupted(self.mark, min(self.heard_ms, self.length_ms))


@dataclass(frozen=True)
class _Chunk:
    number: str
    clip: _Clip
    pcm: bytes
    """Whole frames; none for an empty clip."""
    last: bool
    """Whether the clip ends here."""

    @property
    def frames(self) -> int:
        return len(self.pcm) // FRAME_BYTES


@dataclass
class _Talk:
    """What is being said since the last flush."""

    generation: int = 0
    waiting: deque[_Chunk] = field(default_factory=deque)
    under_way: deque[_Chunk] = field(default_factory=deque)
    """Sent, and not yet known to be heard, in order."""

    def frames_under_way(self) -> int:
        return sum(chunk.frames for chunk in self.under_way)


@asynccontextmanager
async def open_media(
    ari: Ari, connection_id: str, deliver: Deliver, pacing: Pacing
) -> AsyncIterator[Media]:
    """Connect a media channel's socket and wait until Asterisk has started it."""
    socket = await ari.media_socket(connection_id)
    media = Media(socket, deliver, pacing)
    tasks = [asyncio.create_task(part) for part in media.work()]
    try:
        await media.until_started()
        yield media
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("a media task failed", exc_info=outcome)
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await socket.close()


class Media:
    """The media socket of one call; ``deliver`` gets frames and marks in order, then Lost."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, deliver: Deliver, pacing: Pacing
    ) -> None:
        self._socket = socket
        self._deliver = deliver
        self._lead_frames = pacing.lead_ms // FRAME_MS
        self._chunk_bytes = pacing.chunk_ms // FRAME_MS * FRAME_BYTES
        self._talk = _Talk()
        self._chunks = 0
        self._accepts = True
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()
        self._flushing = asyncio.Lock()
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._status: asyncio.Future[int] | None = None
        self._rest = bytearray()
        self._last_frame = 0.0
        self._complained: set[str] = set()

    def work(self) -> tuple[Coroutine[None, None, None], ...]:
        """What must run for as long as the socket is open."""
        return self._read(), self._write(), self._keep_time()

    async def until_started(self) -> None:
        """Wait for Asterisk's MEDIA_START; raises AsteriskError when it does not come."""
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await self._started
        except TimeoutError as error:
            raise AsteriskError("Asterisk did not start the sound of a call") from error

    # Speaking

    def play(self, pcm: bytes, mark: str) -> None:
        """Queue a clip; the last of its 20 ms frames is filled up with silence."""
        if len(pcm) % 2:
            raise ValueError("sound must be whole samples of 16 bits")
        clip = _Clip(mark, duration_ms(pcm))
        starts = range(0, len(pcm), self._chunk_bytes) or range(1)
        for start in starts:
            piece = pcm[start : start + self._chunk_bytes]
            piece += bytes(-len(piece) % FRAME_BYTES)
            self._chunks += 1
            number = f"{self._talk.generation}.{self._chunks}"
            self._talk.waiting.append(_Chunk(number, clip, piece, last=start == starts[-1]))
        self._wake.set()

    async def flush(self) -> Interrupted | None:
        """Silence at once, and what was cut short: Asterisk says how much it had not yet played.

        Clips that turn out to have been heard to the end are delivered as Played. Raises
        AsteriskError when the sound of the call was lost.
        """
        async with self._flushing:
            async with self._sending:
                talk, self._talk = self._talk, _Talk(self._talk.generation + 1)
                if not talk.under_way and not talk.waiting:
                    return None
                self._status = asyncio.get_running_loop().create_future()
                try:
                    await self._command("GET_STATUS")
                    await self._command("FLUSH_MEDIA")
                except (aiohttp.ClientError, OSError) as error:
                    raise AsteriskError("the sound of the call was lost") from error
            try:
                async with asyncio.timeout(STATUS_TIMEOUT):
                    unheard = await self._status
            except TimeoutError:
                self._complain("status", "Asterisk did not tell how much had been heard")
                unheard = talk.frames_under_way()
            finally:
                self._status = None
        heard = max(0, talk.frames_under_way() - unheard)
        for chunk in talk.under_way:
            chunk.clip.heard_ms += min(heard, chunk.frames) * FRAME_MS
            if heard < chunk.frames:
                return chunk.clip.interrupted()
            heard -= chunk.frames
            if chunk.last:
                self._deliver(Played(chunk.clip.mark))
        return talk.waiting[0].clip.interrupted() if talk.waiting else None

    async def _write(self) -> None:
        with suppress(aiohttp.ClientError, OSError):  # the reader reports the loss
            while True:
                await self._wake.wait()
                async with self._sending:
                    if chunk := self._next_chunk():
                        if chunk.pcm:
                            await self._socket.send_bytes(chunk.pcm)
                        await self._command("MARK_MEDIA", chunk.number)
                    else:
                        self._wake.clear()

    def _next_chunk(self) -> _Chunk | None:
        talk = self._talk
        if not talk.waiting or not self._accepts:
            return None
        if talk.under_way and (
            talk.frames_under_way() + talk.waiting[0].frames > self._lead_frames
        ):
            return None
        talk.under_way.append(talk.waiting.popleft())
        return talk.under_way[-1]

    async def _command(self, command: str, correlation_id: str = "") -> None:
        """Send a command, compact: Asterisk drops those above 128 bytes."""
        message = {"command": command}
        if correlation_id:
            message["correlation_id"] = correlation_id
        await self._socket.send_str(json.dumps(message, separators=(",", ":")))

    # Listening

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._sound(message.data)
                elif message.type is aiohttp.WSMsgType.TEXT:
                    self._control(message.data)
        finally:
            if not self._started.done():
                self._started.set_exception(
                    AsteriskError("Asterisk closed the sound of a call before it had started")
                )
            self._deliver(Lost())

    def _sound(self, pcm: bytes) -> None:
        """Cut what came into frames: a telephone may send 10, 20, 30 or 60 ms at a time."""
        self._last_frame = asyncio.get_running_loop().time()
        self._rest += pcm
        while len(self._rest) >= FRAME_BYTES:
            self._deliver(Frame(bytes(self._rest[:FRAME_BYTES])))
            del self._rest[:FRAME_BYTES]

    def _control(self, text: str) -> None:
        try:
            message = _Control.model_validate_json(text)
        except ValidationError as error:
            what = error.errors(include_url=False, include_input=False)[0]["msg"]
            self._complain("malformed", f"a media message makes no sense: {what}")
            return
        match message.event:
            case "MEDIA_START":
                self._start(message)
            case "MEDIA_MARK_PROCESSED":
                self._heard(message.correlation_id)
            case "STATUS":
                if self._status and not self._status.done():
                    self._status.set_result(message.queue_length)
            case "MEDIA_XOFF":
                self._accepts = False
            case "MEDIA_XON":
                self._accepts = True
                self._wake.set()
            case "ERROR":
                self._complain(f"error:{message.error_text}", f"media: {message.error_text}")
            case _:  # DTMF_END above all: ARI reports keys too, and once is enough
                log.debug("media event %s is not used", message.event)

    def _start(self, message: _Control) -> None:
        if self._started.done():
            return
        self._last_frame = asyncio.get_running_loop().time()
        if message.optimal_frame_size == FRAME_BYTES:
            self._started.set_result(None)
        else:
            self._started.set_exception(
                AsteriskError(
                    f"Asterisk wants frames of {message.optimal_frame_size} bytes instead of "
                    f"{FRAME_BYTES}; is the format slin16?"
                )
            )

    def _heard(self, number: str) -> None:
        """A mark has come back: everything up to it has been played."""
        under_way = self._talk.under_way
        if not any(chunk.number == number for chunk in under_way):
            log.debug("mark %s is of an earlier generation", number)
            return
        done = False
        while not done:
            chunk = under_way.popleft()
            chunk.clip.heard_ms += chunk.frames * FRAME_MS
            done = chunk.number == number
            if chunk.last:
                self._deliver(Played(chunk.clip.mark))
        self._wake.set()

    async def _keep_time(self) -> None:
        """Supply silence while nothing comes, for frames are the clock of the conversation."""
        try:
            await self._started
        except AsteriskError:
            return  # until_started has told
        loop = asyncio.get_running_loop()
        while True:
            due = self._last_frame + PATIENCE
            if loop.time() < due:
                await asyncio.sleep(due - loop.time())
                continue
            quiet_since = self._last_frame
            self._rest.clear()
            while self._last_frame == quiet_since:
                self._deliver(SILENCE)
                due += FRAME_MS / 1000
                await asyncio.sleep(max(0.0, due - loop.time()))

    def _complain(self, key: str, message: str) -> None:
        if key not in self._complained and len(self._complained) < 20:
            self._complained.add(key)
            log.warning("%s (not reported again for this call)", message)
