"""What Asterisk plays in our own voice: a whisper to the operator, an offer to those who wait.

Asterisk may run as another user: it may enter the folder and read the files whose names it is told,
and may not list them; a whisper's name cannot be guessed.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from ivr.asterisk.render import ABSENT, CALLBACK, DUTY_SOUND, OFFER, PAUSES
from ivr.audio.form import silence
from ivr.errors import IvrError
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.speech.speaker import SpeechSource
from ivr.speech.spoken import sentences

log = logging.getLogger(__name__)

ENDING = ".sln16"
"""Of raw sound, 16 kHz, 16 bit, mono."""
MOST_WORDS = 14
"""Of a whisper: the caller waits meanwhile."""
KEPT_S = 2 * 3600
"""A whisper is removed when its call is over; one that was left behind, after so long."""
PAUSE = silence(250)


class Sounds:
    """The folder that the switchboard writes and Asterisk reads."""

    def __init__(self, folder: Path, voice: SpeechSource) -> None:
        self._folder = folder
        self._voice = voice
        self._whispers: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._renewed = asyncio.Event()
        self._knowledge: Knowledge | None = None

    def whisper(self, call_id: str, reason: str) -> str:
        """Begin to render why a caller calls; the sound's name, under which it will be, or never.

        It is ready in a moment when it is spoken ahead; an operator who picks up before it is ready
        hears nothing, and nobody waits.
        """
        self.forget(call_id)
        name = secrets.token_hex(16)
        self._whispers[call_id] = name, asyncio.create_task(self._render(name, reason))
        return name

    def forget(self, call_id: str) -> None:
        """A call is over, or its whisper is replaced."""
        name, task = self._whispers.pop(call_id, ("", None))
        if task is not None:
            task.cancel()
            (self._folder / f"{name}{ENDING}").unlink(missing_ok=True)

    def renew(self, knowledge: Knowledge | None = None) -> None:
        """There is another version of the knowledge, or another voice: ``keep`` says all anew."""
        self._knowledge = knowledge or self._knowledge
        self._renewed.set()

    async def keep(self, knowledge: Knowledge, quiet: Callable[[], Awaitable[object]]) -> None:
        """Have all sounds but whispers say for ever what the knowledge has now, in today's voice.

        quiet: is over when no call is being taken; at the start, what callers wait for comes first.
        A sound is replaced whole: who is hearing one hears it out.
        """
        self._knowledge = knowledge
        await self.duty(knowledge)
        await quiet()
        await self.offer(self._knowledge)
        while await self._renewed.wait():
            self._renewed.clear()
            await self.offer(self._knowledge)  # callers first
            await self.duty(self._knowledge)

    async def offer(self, knowledge: Knowledge) -> None:
        """Have those who wait, and operators who call back, hear what they can do, in any language.

        Where that fails, they hear music and a beep instead.
        """
        for language in knowledge.catalogue.languages:
            for key, name in (("queue.offer", OFFER), ("callback.operator", CALLBACK)):
                await self._say(name, knowledge.catalogue.text(key, language), language)

    async def duty(self, knowledge: Knowledge) -> None:
        """Have operators hear what a code of theirs has done; else they hear Asterisk's words."""
        text = knowledge.catalogue.text
        said = {"1": text("duty.ready")}
        for code, reason in PAUSES.items():
            absent = reason == ABSENT
            said[code[1:]] = text("duty.absent") if absent else text("duty.pause", reason=reason)
        for code, spoken in said.items():
            await self._say(f"{DUTY_SOUND}{code}", spoken, REFERENCE)

    async def _say(self, name: str, text: str, language: str) -> None:
        """Write a sound, unless all is about to be said anew. Logs what fails."""
        if self._renewed.is_set():
            return
        try:
            pcm = await self._spoken([(one, True) for one in sentences(text)], language)
            await asyncio.to_thread(self._write, Path(language) / f"{name}{ENDING}", pcm)
        except (IvrError, OSError) as error:
            log.warning("%s/%s is not heard in Asterisk: %s", language, name, error)

    async def close(self) -> None:
        """Leave no whisper behind."""
        tasks = [task for _, task in self._whispers.values()]
        for call_id in list(self._whispers):
            self.forget(call_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _render(self, name: str, reason: str) -> None:
        try:
            pcm = await self._spoken(whispered(reason), "fr")
            await asyncio.to_thread(self._write, Path(f"{name}{ENDING}"), pcm)
            await asyncio.to_thread(self._sweep)
        except (IvrError, OSError) as error:
            log.warning("nothing is whispered to the operator: %s", error)

    async def _spoken(self, parts: list[tuple[str, bool]], language: str) -> bytes:
        clips = [await self._voice.clip(text, language, keep=keep) for text, keep in parts]
        return PAUSE.join(clip for clip in clips if clip)

    def _write(self, name: Path, pcm: bytes) -> None:
        """Whole or not at all, readable by Asterisk."""
        file = self._folder / name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o711)
        if file.parent != self._folder:
            file.parent.mkdir(exist_ok=True)
            file.parent.chmod(0o755)
        part = file.with_name(f".{secrets.token_hex(8)}.part")
        part.write_bytes(pcm)
        part.chmod(0o644)
        part.replace(file)

    def _sweep(self) -> None:
        for file in self._folder.glob(f"*{ENDING}"):
            if time.time() - file.stat().st_mtime > KEPT_S:
                file.unlink(missing_ok=True)


def whispered(reason: str) -> list[tuple[str, bool]]:
    """A reason as short sentences, each with whether it may be kept: a caller's words may not."""
    found, words = [], 0
    for part in re.split(r" - |(?<=\w), (?=déjà renseigné)", reason):
        said = part.strip(" «».,").split()[: MOST_WORDS - words]
        if said:
            words += len(said)
            text = " ".join(said)
            found.append((f"{text[0].upper()}{text[1:]}.", "«" not in part and ":" not in part))
    return found
