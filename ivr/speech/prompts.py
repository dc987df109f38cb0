"""Clips of speech: rendered ahead and kept in a cache, made on the spot when they are not there.

A clip's file is named by all that its sound depends on, so a new voice, pace or wording is simply
another file; nothing has to be invalidated. Each file carries its own checksum: one that was cut
short or damaged is rendered again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ivr.audio.form import SAMPLE_RATE, TELEPHONE_LUFS
from ivr.audio.pcm import read_wav, to_samples
from ivr.errors import AudioFormatError, EngineError
from ivr.speech.loudness import for_telephone
from ivr.speech.recorded import Recordings
from ivr.speech.spoken import spoken
from ivr.speech.synthesiser import Synthesiser

log = logging.getLogger(__name__)

RENDERING = "1"
"""Part of every key: raise it when ``spoken.py`` is not what changes the sound, but this code."""
SPARED_S = 7 * 24 * 3600
"""`SpeechCache.prune` leaves clips that were heard or made since, in seconds."""
NICENESS = 5
"""Of the thread that speaks: live calls and their recogniser come first."""
_DIGEST_BYTES = 16
_PERSONAL = re.compile(r"\d(?:[ .-]?\d){3,}")

Sentence = tuple[str, str]
"""A sentence as written, and its language."""


@dataclass(frozen=True)
class Voice:
    """Who speaks."""

    load: Callable[[], Synthesiser]
    """Blocks; called once, when something is not in the cache. Equal to another voice's when the
    same engine speaks both."""
    identity: Callable[[str], str]
    """What speaks a language: engine, model and speaker."""
    pace: float = 1.0
    loudness: float = TELEPHONE_LUFS
    """LUFS."""
    recordings: Recordings = field(default_factory=Recordings)


@dataclass(frozen=True)
class RenderReport:
    """What `SpeechCache.render` did."""

    rendered: int
    present: int
    """Were there already."""
    failed: tuple[tuple[str, str], ...] = ()
    """Sentences that are not in the cache, and why."""


@dataclass(frozen=True)
class _Clip:
    """One clip that may or may not exist."""

    said: str
    language: str
    pace: float
    recording: Path | None
    file: Path
    voice: Voice = field(compare=False)


class SpeechCache:
    """The clips of a voice. Follows speaker.SpeechSource."""

    def __init__(self, folder: Path, voice: Voice) -> None:
        """``folder`` is made when needed. Cheap: no engine is loaded."""
        self._folder = folder
        self._voice = voice
        # One thread: engines need not be thread-safe, and one sentence may use all cores.
        self._thread = ThreadPoolExecutor(1, "voice", initializer=_stand_back)
        self._engine: tuple[Callable[[], Synthesiser], Synthesiser] | None = None
        self._under_way: dict[Path, asyncio.Task[bytes]] = {}
        self._disk_failed = False

    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        """One sentence, as written, in 16 kHz signed 16 bit mono; empty if nothing can be said.

        Recorded, else from the cache, else synthesised and kept; not kept is what holds a longer
        number, since that may be a caller's, and anything when ``keep`` is False. Those who ask for
        the same share the work. Raises EngineError, or ModelError.
        """
        clip = self._clip(sentence, language, pace)
        if not clip.said:
            return b""
        kept = await asyncio.to_thread(_heard, clip.file)
        return kept or await self._made(clip, keep=keep and not _PERSONAL.search(sentence))

    async def render(
        self,
        sentences: Iterable[Sentence],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> RenderReport:
        """Put what is missing into the cache. ``progress`` is given what is done, and all to do.

        Sentence by sentence, so that a caller never waits for more than one of them. Raises
        ModelError when the voice cannot be loaded.
        """
        clips = self._clips(sentences)
        missing = await asyncio.to_thread(self._absent, clips)
        failed = []
        for done, (clip, sentence) in enumerate(missing.items()):
            progress(done, len(missing))
            try:
                await self._made(clip, keep=True)
            except EngineError as error:
                failed.append((sentence[0], str(error)))
            else:
                if not clip.file.exists():
                    failed.append((sentence[0], f"not written to {self._folder}"))
        progress(len(missing), len(missing))
        return RenderReport(len(missing) - len(failed), len(clips) - len(missing), tuple(failed))

    def missing(self, sentences: Iterable[Sentence]) -> list[Sentence]:
        """Those that are not in the cache, each once. Reads it: a second for hours of speech."""
        return list(self._absent(self._clips(sentences)).values())

    def prune(self, keep: Iterable[Sentence]) -> int:
        """Delete all clips but these and those of the last days; returns how many. Blocks."""
        wanted = {clip.file for clip in self._clips(keep)}
        oldest = time.time() - SPARED_S
        old = [
            file for file in self._folder.glob("*.*") if file not in wanted and _used(file) < oldest
        ]
        for file in old:
            _remove(file)
        return len(old)

    async def close(self) -> None:
        """Drop what is under way and release the engine."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._engine = None

    def use(self, voice: Voice) -> None:
        """Speak with another voice from now on; what is under way is still said by the last one."""
        self._voice = voice

    # --- which clip ----------------------------------------------------------------------------

    def _clip(self, sentence: str, language: str, pace: float) -> _Clip:
        said = spoken(sentence, language)
        # A recording cannot be slowed down: who asks for slower speech hears the synthesiser.
        recording = self._voice.recordings.find(said, language) if pace == 1.0 else None
        pace *= self._voice.pace
        if recording:
            state = recording.stat() if recording.exists() else None
            source = f"{recording} {state and (state.st_size, state.st_mtime_ns)}"
        else:
            source = f"{self._voice.identity(language)} {language} {pace:.2f}"
        key = "\n".join([RENDERING, source, f"{self._voice.loudness:.1f}", said])
        name = hashlib.blake2b(key.encode(), digest_size=_DIGEST_BYTES).hexdigest()
        file = self._folder / f"{name}.pcm"
        return _Clip(said, language, pace, recording, file, self._voice)

    def _clips(self, sentences: Iterable[Sentence]) -> dict[_Clip, Sentence]:
        clips = {self._clip(*sentence, pace=1.0): sentence for sentence in sentences}
        return {clip: sentence for clip, sentence in clips.items() if clip.said}

    @staticmethod
    def _absent(clips: dict[_Clip, Sentence]) -> dict[_Clip, Sentence]:
        return {clip: sentence for clip, sentence in clips.items() if not _read(clip.file)}

    # --- making it -----------------------------------------------------------------------------

    async def _made(self, clip: _Clip, *, keep: bool) -> bytes:
        task = self._under_way.get(clip.file)
        if task is None:
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._make, clip, keep)
            task = asyncio.ensure_future(_result(work))
            self._under_way[clip.file] = task
            task.add_done_callback(lambda done: self._forget(clip.file, done))
        # A caller who leaves takes nothing from those who wait for the same clip.
        return await asyncio.shield(task)

    def _forget(self, file: Path, done: asyncio.Task[bytes]) -> None:
        del self._under_way[file]
        if not done.cancelled():
            done.exception()  # has been seen, even if everybody who waited has left

    def _make(self, clip: _Clip, keep: bool) -> bytes:
        pcm = self._recorded(clip) or self._synthesised(clip)
        if keep:
            self._store(clip.file, pcm)
        return pcm

    @staticmethod
    def _recorded(clip: _Clip) -> bytes:
        if clip.recording is None:
            return b""
        try:
            samples = to_samples(read_wav(clip.recording))
        except AudioFormatError as error:
            log.warning("%s; synthesised instead", error)
            return b""
        return for_telephone(samples, SAMPLE_RATE, clip.voice.loudness)

    def _synthesised(self, clip: _Clip) -> bytes:
        load = clip.voice.load
        if self._engine is None or self._engine[0] != load:
            self._engine = None  # its memory first: there may not be room for two
            self._engine = load, load()
        samples, rate = self._engine[1].synthesise(clip.said, clip.language, clip.pace)
        pcm = for_telephone(samples, rate, clip.voice.loudness)
        if not pcm:
            raise EngineError(f"only silence was made of {clip.said!r}")
        return pcm

    def _store(self, file: Path, pcm: bytes) -> None:
        part = file.with_suffix(f".{os.getpid()}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(_digest(pcm) + pcm)
            part.replace(file)
        except OSError as error:
            if not self._disk_failed:
                log.error("speech is not kept: %s: %s", self._folder, error.strerror)
            self._disk_failed = True
            _remove(part)
        else:
            self._disk_failed = False


async def _result(work: asyncio.Future[bytes]) -> bytes:
    return await work


def _read(file: Path) -> bytes | None:
    """A whole, undamaged clip."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, pcm = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return pcm if pcm and digest == _digest(pcm) else None


def _heard(file: Path) -> bytes | None:
    """A clip that somebody hears now; its time tells when that was last."""
    pcm = _read(file)
    if pcm:
        with suppress(OSError):  # pruned meanwhile, or not ours
            os.utime(file)
    return pcm


def _used(file: Path) -> float:
    """When it was made or heard last, in seconds since 1970; now if it is gone."""
    try:
        return file.stat().st_mtime
    except OSError:
        return time.time()


def _digest(pcm: bytes) -> bytes:
    return hashlib.blake2b(pcm, digest_size=_DIGEST_BYTES).digest()


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        log.debug("%s stays: %s", file, error)


def _stand_back() -> None:
    """Linux gives each thread a niceness of its own; an engine's threads inherit this one's."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
