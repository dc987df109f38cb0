"""A call to the running switchboard by somebody who says given things, as ``ivr call`` makes it."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from ivr.asterisk.render import TelephoneSecrets
from ivr.errors import AsteriskError, CallerGone
from ivr.settings import Settings
from ivr.testcaller.caller import Caller, Heard, Speak, Transcribe
from ivr.testcaller.network import Network
from ivr.testcaller.telephones import telephones
from ivr.testcaller.timeline import Segment

ANY_NUMBER = "0199000000"
"""Dialled where the town hall's own number is not set; of the block reserved for fiction."""
CALLER = "0199000001"
PICKED_UP_WITHIN = 30.0
"""Seconds until a call that is not answered is given up."""
PATIENCE = 15.0
"""Seconds in which something must be said to us."""
LONGEST_ANSWER = 60.0
"""Seconds after which we talk although the other side still does; there may be music."""
PAUSE_MS = 1500
"""Silence after which the other side is taken to have finished, in ms: longer than between two
sentences, shorter than the patience of those who wait for us."""


@dataclass(frozen=True)
class Line:
    """One turn of a conversation; times are seconds since the number was dialled."""

    who: Literal["caller", "town hall"]
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Conversation:
    """What became of a call."""

    lines: tuple[Line, ...]
    answered: bool
    """Somebody picked up, and said something after each thing that the caller said."""
    ended: str
    """How it ended, in a few words for people."""

    @property
    def gaps_s(self) -> tuple[float, ...]:
        """Seconds from the end of what the caller said to the first sound of each answer."""
        return tuple(
            round(after.start_s - before.end_s, 2)
            for before, after in pairwise(self.lines)
            if (before.who, after.who) == ("caller", "town hall")
        )

    def __str__(self) -> str:
        lines = [f"{x.start_s:6.2f} - {x.end_s:6.2f} s  {x.who:9}  {x.text}" for x in self.lines]
        if self.gaps_s:
            lines.append("answered after " + ", ".join(f"{gap:.2f} s" for gap in self.gaps_s))
        return "\n".join([*lines, self.ended])


async def place_call(
    settings: Settings,
    secrets: TelephoneSecrets,
    says: Sequence[str],
    speak: Speak,
    transcribe: Transcribe,
    to: str = "",
) -> Conversation:
    """Dial ``to`` (default: the town hall's number), say each text in turn, hang up.

    The greeting and each answer are waited for. Sound is made before the call and understood
    after it, so that nobody waits for our models. Raises AsteriskError when the switchboard is
    not running or does not accept test calls.
    """
    if not settings.trunk.test_line:
        raise AsteriskError("test calls are switched off; set trunk.test_line = true in ivr.toml")
    if not _somebody_listens(settings):
        raise AsteriskError(
            f"the switchboard is not running: nobody listens on UDP port {settings.sip.port}; "
            "start it with ./scripts/run"
        )
    clips = [(text, await speak(text)) for text in says]
    with tempfile.TemporaryDirectory(prefix="allo-mairie-") as folder:
        async with Network(Path(folder), settings, secrets) as network:
            talk = _Talk()
            async with (
                telephones(network) as phones,
                phones.call(to or settings.trunk.number or ANY_NUMBER, CALLER) as caller,
            ):
                await talk.hold(caller, clips)
    return Conversation(
        tuple([await turn.line(talk.dialled, transcribe) for turn in talk.turns]),
        talk.answered,
        talk.ended,
    )


def _somebody_listens(settings: Settings) -> bool:
    """Whether the switchboard's SIP port is taken, on this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(settings.sip.bind), settings.sip.port))
        except OSError:
            return True
    return False


@dataclass(frozen=True)
class _Turn:
    """Something that was said: what text or, yet to be understood, what sound; and when."""

    said: str | Heard
    segment: Segment

    async def line(self, dialled: float, transcribe: Transcribe) -> Line:
        start, end = self.segment.start - dialled, self.segment.end - dialled
        if isinstance(self.said, str):
            return Line("caller", round(start, 2), round(end, 2), self.said)
        text = await transcribe(self.said.pcm)
        return Line("town hall", round(start, 2), round(end, 2), text)


class _Talk:
    """A call under way, turn by turn."""

    def __init__(self) -> None:
        self.dialled = time.monotonic()
        self.turns: list[_Turn] = []
        self.answered = False
        self.ended = "the caller hung up"

    async def hold(self, caller: Caller, clips: Sequence[tuple[str, bytes]]) -> None:
        """Have the whole conversation; whatever becomes of the call, it is told, not raised."""
        try:
            await caller.until_answered(PICKED_UP_WITHIN)
            greeted = await self._listen(caller)
            for text, clip in clips:
                self.turns.append(_Turn(text, await caller.say(clip)))
                if not await self._listen(caller):
                    self.ended = f"no answer came within {PATIENCE:g} s"
                    return
            self.answered = greeted
        except TimeoutError:
            self.ended = f"nobody picked up within {PICKED_UP_WITHIN:g} s"
        except CallerGone:
            self.ended = f"the other side ended the call: {caller.cause}"
        except AsteriskError as error:
            self.ended = str(error)

    async def _listen(self, caller: Caller) -> bool:
        """Hear the other side out; tells whether it said anything."""
        try:
            await caller.until_sound(PATIENCE)
        except TimeoutError:
            return False
        heard = await caller.listen(PAUSE_MS, LONGEST_ANSWER)
        self.turns.append(_Turn(heard, heard.segment))
        return True
