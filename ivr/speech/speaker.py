"""Says texts on a caller's line, sentence by sentence, and knows how much has been heard."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ivr.asterisk.leg import Leg
from ivr.audio.form import duration_ms, silence
from ivr.audio.pcm import read_wav
from ivr.speech.sentences import LONGEST, PAUSE_MS, sentences

LONGEST_SLOW = 90
"""Characters. Slower speech is never rendered ahead: shorter pieces are heard sooner."""


class SpeechSource(Protocol):
    """Where clips come from: the cache of rendered speech."""

    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        """One sentence as 16 kHz signed 16 bit mono; quick when rendered ahead.

        What is said with ``keep`` False is not left on the disk.
        """


@dataclass(frozen=True)
class Text:
    """Something to say."""

    text: str
    """As written; the source makes it speakable."""
    about: str
    """What it is about, given back when it is cut short."""
    language: str = "fr"
    pace: float = 1.0
    recording: Path | None = None
    """A WAV file to play in place of the text."""


@dataclass(frozen=True)
class Heard:
    """How much of a text the caller heard before it was cut short."""

    about: str
    share: float
    """0.0 to 1.0, by length of text."""


@dataclass
class _Sentence:
    text: Text
    sentence: str
    before: float
    """Share of the text that precedes this sentence."""
    share: float
    """Share of the text that this sentence is."""
    mark: str
    length_ms: int = 0
    """Known once the clip has been queued on the line."""


class Speaker:
    """One caller's mouthpiece. Used by one task."""

    def __init__(self, leg: Leg, source: SpeechSource, failed: Callable[[Exception], None]) -> None:
        """failed: called when a text could not be said; the caller must not wait in silence."""
        self._leg = leg
        self._source = source
        self._failed = failed
        self._marks = itertools.count(1)
        self._waiting: list[_Sentence] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def speaking(self) -> bool:
        """Whether something said has not been heard to its end."""
        return bool(self._waiting)

    def say(self, texts: Sequence[Text], first_sound: Callable[[], None] | None = None) -> None:
        """Say texts one after the other; returns at once.

        first_sound: called when the first clip has been handed to the line.
        """
        batch = [sentence for text in texts for sentence in self._cut(text)]
        self._waiting += batch
        before = self._task
        self._task = asyncio.create_task(self._speak(batch, before, first_sound))

    def played(self, mark: str) -> None:
        """The line reports that everything up to a mark has been heard."""
        marks = [sentence.mark for sentence in self._waiting]
        if mark in marks:
            del self._waiting[: marks.index(mark) + 1]

    async def interrupt(self) -> Heard | None:
        """Stop at once; tells what was cut short, or None if nothing was being said."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        current = self._waiting[0] if self._waiting else None
        self._waiting.clear()
        cut = await self._leg.flush()
        if current is None:
            return None
        heard = current.before
        if cut is not None and cut.mark == current.mark and current.length_ms:
            heard += current.share * min(1.0, cut.heard_ms / current.length_ms)
        return Heard(current.text.about, round(heard, 3))

    async def close(self) -> None:
        """Drop what is being prepared; the line is left alone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _cut(self, text: Text) -> list[_Sentence]:
        parts = sentences(text.text, LONGEST if text.pace == 1.0 else LONGEST_SLOW)
        if text.recording is not None:
            parts = [text.text]
        total = sum(map(len, parts)) or 1
        cut, before = [], 0
        for part in parts:
            mark = f"s{next(self._marks)}"
            cut.append(_Sentence(text, part, before / total, len(part) / total, mark))
            before += len(part)
        return cut

    async def _speak(
        self,
        batch: Sequence[_Sentence],
        before: asyncio.Task[None] | None,
        first_sound: Callable[[], None] | None,
    ) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            for number, sentence in enumerate(batch):
                text = sentence.text
                if text.recording is not None:
                    clip = await asyncio.to_thread(read_wav, text.recording)
                else:
                    clip = await self._source.clip(sentence.sentence, text.language, text.pace)
                if number:
                    clip = silence(PAUSE_MS) + clip
                sentence.length_ms = duration_ms(clip)
                await self._leg.play(clip, sentence.mark)
                if first_sound is not None:
                    first_sound()
                    first_sound = None
        except Exception as error:  # noqa: BLE001 - the call decides what becomes of the caller
            self._failed(error)
