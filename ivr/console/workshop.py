"""The voice, the ear and the matcher of the console: loaded at first use, beside the pages."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import importlib
import logging
import os
import signal
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from typing import Any

from ivr.audio.form import silence, wav_header
from ivr.errors import EngineError, IvrError
from ivr.learning.gather import Missed
from ivr.learning.group import Grouped
from ivr.nlu.match import Context, Match
from ivr.settings import Settings
from ivr.speech.recogniser import Transcript
from ivr.speech.sentences import PAUSE_MS, sentences
from ivr.speech.voice_file import voice_state

log = logging.getLogger(__name__)

Overlay = tuple[tuple[str, bytes], ...]
"""Files as they would be: their paths under the knowledge's folder, and what they hold."""
NICENESS = 10
"""Calls, their voice and their recogniser come first."""
KEPT = 30
"""Spoken texts that are kept for the browser, the last ones."""
_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


@dataclass
class Listening:
    """A text on its way to be spoken."""

    key: str
    total: int
    """Sentences."""
    done: int = 0
    sound: bytes = b""
    """A WAV file, once all is spoken."""
    fault: str = ""
    """Why it is not."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


def _begin() -> None:
    """Of each process: it ends with the console, not by Ctrl-C, and stands back."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)


def _do(work: str, *args: Any) -> Any:
    """In a process of its own: what it loads for this, that of the pages never does."""
    return getattr(importlib.import_module("ivr.console.bench"), work)(*args)


class _Process:
    """One process that works through what it is given, started at the first piece of work."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, work: str, *args: Any) -> Any:
        """Have a function of ``bench`` called.

        Raises what it does, and EngineError when its process has died.
        """
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), _begin)
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _do, work, *args)
        except BrokenProcessPool as error:
            if self._pool is pool:
                self._pool = None
            log.error("a process of the workshop has died; the next use starts another")
            raise EngineError(
                "le programme qui charge les modèles s'est arrêté (manque de mémoire ?) : "
                "réessayez dans un instant"
            ) from error

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in list((self._pool._processes or {}).values()):
                process.terminate()


class Workshop:
    """Speaks, hears and understands for the pages, which never wait for each other here."""

    def __init__(self, settings: Settings) -> None:
        """Cheap: nothing is loaded."""
        self._settings = settings
        self._mind, self._sound = _Process(), _Process()
        self._listenings: OrderedDict[str, Listening] = OrderedDict()

    async def match(self, text: str, context: Context, day: date, overlay: Overlay = ()) -> Match:
        """What a text means, also with files as they would be. Raises KnowledgeError, EngineError.

        Seconds at first and with files that differ, then milliseconds.
        """
        paths = self._settings.paths
        found: Match = await self._mind.run(
            "match", paths.knowledge, paths.var / "matcher", overlay, text, context, day
        )
        return found

    async def groups(self, missed: Sequence[Missed], most: int) -> Grouped:
        """The ``most`` largest groups of what was missed. Raises KnowledgeError, EngineError."""
        paths = self._settings.paths
        found: Grouped = await self._mind.run(
            "grouped", paths.knowledge, paths.var / "matcher", missed, most
        )
        return found

    async def hear(self, recording: bytes, language: str) -> Transcript:
        """What is said in a WAV file. Raises AudioFormatError, EngineError, ModelError."""
        heard: Transcript = await self._sound.run("hear", self._settings, recording, language)
        return heard

    def listen(self, text: str, language: str) -> Listening:
        """Have a text spoken; returns at once with what tells how far it is."""
        key = _key(self._settings, text, language)
        known = self._listenings.get(key)
        if known is not None and not known.fault:
            self._listenings.move_to_end(key)
            return known
        parts = sentences(text)
        made = Listening(key, len(parts))
        made.task = asyncio.create_task(self._speak(made, parts, language))
        self._listenings[key] = made
        while len(self._listenings) > KEPT:
            self._listenings.popitem(last=False)
        return made

    def listening(self, key: str) -> Listening | None:
        """A text that was asked for; None when that is long ago."""
        return self._listenings.get(key)

    async def _speak(self, made: Listening, parts: Sequence[str], language: str) -> None:
        try:
            clips = []
            for part in parts:
                clips.append(await self._sound.run("clip", self._settings, part, language))
                made.done += 1
            if not any(clips):
                raise EngineError("il n'y a rien à dire dans ce texte")
            pcm = silence(PAUSE_MS).join(clips)
            made.sound = wav_header(len(pcm)) + pcm
        except IvrError as error:
            log.warning("a text of the console could not be spoken: %s", error)
            made.fault = str(error)
        except Exception as error:
            log.exception("a text of the console could not be spoken")
            made.fault = f"la voix a échoué ({error})"

    async def close(self) -> None:
        """Stop what is under way, and the processes."""
        tasks = [one.task for one in self._listenings.values() if one.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._mind.close()
        self._sound.close()


def _key(settings: Settings, text: str, language: str) -> str:
    """A name for how a text sounds in a language, with the voice of now."""
    said = f"{language} {text} {voice_state(settings)}"
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
