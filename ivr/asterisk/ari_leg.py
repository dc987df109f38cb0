"""A caller's line over ARI and the media websocket: the Leg that real calls use."""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_messages import (
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    Event,
    StasisEnd,
)
from ivr.asterisk.media import Deliver, Lost, Media, Pacing, open_media
from ivr.asterisk.render import OPERATORS
from ivr.audio.form import FRAME_BYTES
from ivr.errors import AsteriskError, CallerGone, IvrError
from ivr.events import (
    CallerId,
    CallStarted,
    Frame,
    Interrupted,
    KeyPressed,
    LegEvent,
    Played,
    QueueRequest,
)

log = logging.getLogger(__name__)

LONGEST_REASON = 80
"""Characters of a reason on an operator's telephone."""
ENTRY_LIMIT, ENTRY_POLL = 2.0, 0.01
"""Seconds until a media channel must be in our application, and between two looks."""
MOST_WAITING = 3000
"""Events kept for a listener who does not come: a minute of frames, two megabytes."""
TAIL = bytes(FRAME_BYTES)
"""Silence after each clip: Asterisk's resampler keeps the last frame until another one comes."""

T = TypeVar("T")


def media_id(app: str, token: str) -> str:
    """Name of the media channel of a line."""
    return f"{app}-media-{token}"


def bridge_id(app: str, token: str) -> str:
    """Name of the bridge of a line."""
    return f"{app}-bridge-{token}"


def token_of(app: str, name: str) -> str | None:
    """The token of the line that a media channel or bridge belongs to; None if not ours."""
    found = re.fullmatch(rf"{re.escape(app)}-(?:media|bridge)-(\w+)", name)
    return found[1] if found else None


@asynccontextmanager
async def open_line(
    ari: Ari, channel_id: str, token: str, deliver: Deliver, pacing: Pacing
) -> AsyncIterator[Media]:
    """Join a channel to a media channel of ours, and remove all that at the end.

    Raises CallerGone when the channel leaves meanwhile.
    """
    media, bridge = media_id(ari.app, token), bridge_id(ari.app, token)
    try:
        created = await _completely(ari.external_media(media))
        await _completely(ari.create_bridge(bridge))
        async with open_media(ari, created.channelvars.connection_id, deliver, pacing) as sound:
            await _join_media(ari, bridge, media)
            await ari.join(bridge, channel_id)
            yield sound
    finally:
        await _completely(_all_of(ari.hang_up(media), ari.delete_bridge(bridge)))


async def _join_media(ari: Ari, bridge: str, media: str) -> None:
    """Asterisk starts the sound a moment before the channel is in our application: ask until it is.

    Raises AsteriskError when it never is; that is no fault of the caller's.
    """
    try:
        async with asyncio.timeout(ENTRY_LIMIT):
            while True:
                try:
                    return await ari.join(bridge, media)
                except CallerGone:
                    await asyncio.sleep(ENTRY_POLL)
    except TimeoutError as error:
        raise AsteriskError("the sound of a call did not come into our application") from error


async def _completely(work: Awaitable[T]) -> T:
    """Finish ``work`` even if cancelled: a request half made would leave something behind."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _all_of(*work: Coroutine[Any, Any, None]) -> None:
    """Do all of it; a failure is told, and stops nothing."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, IvrError):
            log.warning("could not clean up after a call: %s", outcome)
        elif isinstance(outcome, BaseException):
            raise outcome


class AriLeg:
    """See ``leg.Leg``. The media is attached once connected; until then nothing can be played."""

    def __init__(self, ari: Ari, started: CallStarted, token: str) -> None:
        self.token = token
        self._ari = ari
        self._started = started
        self._media: Media | None = None
        self._events: asyncio.Queue[LegEvent | IvrError] = asyncio.Queue()
        self._over: IvrError | None = None
        self._given_back = False
        self._overflowed = False

    @property
    def started(self) -> CallStarted:
        """The event that opened this leg."""
        return self._started

    async def receive(self) -> LegEvent:
        """The next frame of voice, key, or mark, in order."""
        if self._over and self._events.empty():
            raise self._over
        event = await self._events.get()
        if isinstance(event, IvrError):
            raise event
        return event

    async def play(self, pcm: bytes, mark: str) -> None:
        """Queue a clip after those already queued; returns at once."""
        self._here().play(pcm + TAIL, mark)

    async def flush(self) -> Interrupted | None:
        """Stop speaking at once and drop what is queued; None if nothing was playing."""
        return await self._here().flush()

    async def send_to_queue(self, request: QueueRequest) -> None:
        """Leave the application for the operators' queue. The leg is of no further use.

        A call whose sound was lost can still be handed over.
        """
        if isinstance(self._over, CallerGone):
            raise self._over
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", request.queue):
            raise AsteriskError(f"{request.queue!r} cannot be the name of a queue")
        if not re.fullmatch(r"[0-9]{1,6}", request.operator or "0"):
            raise AsteriskError(f"{request.operator!r} cannot be an extension")
        if not re.fullmatch(r"[a-z]{2}", request.language):
            raise AsteriskError(f"{request.language!r} cannot be a language")
        channel = self._started.call_id
        variables = {
            "IVR_REASON": clean_text(request.reason),
            "QUEUE_PRIO": str(max(0, request.priority)),
            "IVR_OPERATOR": request.operator or "",
            "IVR_PLACE": str(request.place or ""),
            "IVR_PATIENT": str(int(request.patient)),
            "IVR_WHISPER": request.whisper,
            "CHANNEL(language)": request.language,
        }
        for name, value in variables.items():
            await self._ari.set_variable(channel, name, value)
        await self._ari.resume(channel, OPERATORS, request.queue)
        self._given_back = True
        self._end(CallerGone("the call has been passed to the operators"))

    async def hang_up(self) -> None:
        """End the call. Nothing happens when the caller has already gone."""
        if self._given_back or isinstance(self._over, CallerGone):
            return
        await self._ari.hang_up(self._started.call_id)
        self._end(CallerGone("we have hung up"))

    # For calls.py

    def dialled(self, number: str) -> None:
        """Correct the number that was called."""
        self._started = replace(self._started, dialled=number)

    def attach(self, media: Media) -> None:
        """From now on the leg can speak."""
        self._media = media

    def heard(self, event: Frame | Played | Lost) -> None:
        """Take what comes on the media socket."""
        if isinstance(event, Lost):
            self._end(AsteriskError("the sound of the call was lost"))
        else:
            self._take(event)

    def happened(self, event: Event) -> None:
        """Take what ARI tells about the caller's channel."""
        match event:
            case ChannelDtmfReceived(digit=key):
                self._take(KeyPressed(key))
            case StasisEnd() | ChannelDestroyed() | ChannelHangupRequest():
                self.gone()
            case _:
                pass

    def gone(self) -> None:
        """The caller has left."""
        self._end(CallerGone("the caller has hung up"))

    async def give_back(self) -> None:
        """Let the dialplan go on after Stasis(), unless the call is over or already passed on."""
        if self._given_back or isinstance(self._over, CallerGone):
            return
        self._given_back = True
        try:
            await _completely(self._ari.resume(self._started.call_id))
        except CallerGone:
            log.debug("call %s: gone before it was given back", self._started.call_id)

    def _take(self, event: LegEvent) -> None:
        if self._events.qsize() < MOST_WAITING:
            self._events.put_nowait(event)
        elif not self._overflowed:
            self._overflowed = True
            log.error("call %s: nobody listens to the caller", self._started.call_id)

    def _here(self) -> Media:
        if self._over:
            raise self._over
        if self._media is None:
            raise RuntimeError("the leg is not connected yet")
        return self._media

    def _end(self, why: IvrError) -> None:
        if self._over is None or isinstance(why, CallerGone):
            self._over = why
            self._events.put_nowait(why)


def clean_text(text: str, longest: int = LONGEST_REASON) -> str:
    """Text fit for a SIP header and a telephone's display: one line, no quotes, no emoji."""
    allowed = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)
        if category[0] in "ZC":
            allowed.append(" ")
        elif category[0] in "LN" or category == "Mn" or character in "-–.,:/()+&'’!?%€°":
            allowed.append(character)
        elif character in '"«»“”`':
            allowed.append("'")
    return " ".join("".join(allowed).split())[:longest].strip()


def clean_caller(number: str, name: str) -> CallerId:
    """A caller id from the network, where anything may come, made safe to show and to dial."""
    digits = re.sub(r"[\s.()/-]", "", unicodedata.normalize("NFKC", number))
    valid = re.fullmatch(r"\+?[0-9]{2,20}", digits)
    cleaned = clean_text(name, 80)
    # Asterisk repeats the number as the name when there is none.
    return CallerId(digits if valid else None, "" if cleaned == digits else cleaned)
