"""Has lines spoken by several voices, sends them down a telephone line, and has them recognised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from ivr.audio.endpointing import utterances
from ivr.audio.form import silence
from ivr.audio.line import telephone_line
from ivr.events import Expecting
from ivr.nlu.evaluate import Line
from ivr.nlu.normalise import plain
from ivr.settings import Settings
from ivr.speech.engines import load_recogniser
from ivr.speech.listener import rules
from ivr.speech.prompts import SpeechCache
from ivr.speech.recogniser import Hint, Recogniser, Transcript
from ivr.speech.sentences import PAUSE_MS
from ivr.speech.spoken import sentences
from ivr.speech.voices import open_speaker

VOICES = ("ff_siwis", "ef_dora", "em_alex", "if_sara", "im_nicola")
"""Speakers of Kokoro that read French: one French, two Spanish, two Italian by accent."""
SNR_DB = 20.0
"""The voice above the noise of the line, in dB: a telephone in a room where others talk."""
_NOTHING = Transcript("", 0.0, 0, 0)
_QUIET_MS = 500
"""Before the words, as on a line."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Heard:
    """What was heard of a line."""

    line: Line
    voice: str
    text: str
    """Of the first utterance with words, which is what the switchboard answers; may be empty."""
    rest: str
    """What came after a pause that ended the first utterance."""
    confidence: float
    """The recogniser's, 0.0 to 1.0."""
    others: Sequence[str] = ()
    """What else the first utterance may have been."""

    @property
    def words(self) -> int:
        """Words that were said, hesitations apart."""
        return len(plain(self.line.text).split())

    @property
    def wrong_words(self) -> int:
        """Words left out, put in or changed between what was said and all that was heard."""
        both = f"{self.text} {self.rest}"
        return Levenshtein.distance(plain(self.line.text).split(), plain(both).split())


async def hear(
    settings: Settings,
    lines: Sequence[Line],
    *,
    voices: Sequence[str] = VOICES,
    snr_db: float | None = SNR_DB,
    progress: Progress,
) -> list[Heard]:
    """Have each line spoken by the voices in turn, and hear it with the configured recogniser.

    What was spoken is kept in ``var/evaluation``. ``progress`` is told the lines spoken and heard,
    and twice the lines. Raises ModelError, EngineError.
    """
    sounds: dict[int, bytes] = {}
    for turn, voice in enumerate(voices):
        own = range(turn, len(lines), len(voices))
        speech = open_speaker(settings, voice, settings.paths.var / "evaluation")
        try:
            for n in own:
                sounds[n] = await _spoken(speech, lines[n].text)
                progress(len(sounds), 2 * len(lines))
        finally:
            await speech.close()
    recogniser = await asyncio.to_thread(load_recogniser, settings)
    heard = []
    try:
        for n, line in enumerate(lines):
            pcm = await asyncio.to_thread(
                telephone_line, sounds.pop(n), snr_db=snr_db, noise_seed=n
            )
            first, *others = await _recognised(recogniser, pcm, line.expecting, settings) or [
                _NOTHING
            ]
            rest = " ".join(one.text for one in others)
            voice = voices[n % len(voices)]
            heard.append(Heard(line, voice, first.text, rest, first.confidence, first.others))
            progress(len(lines) + len(heard), 2 * len(lines))
    finally:
        await recogniser.close()
    return heard


async def _spoken(speech: SpeechCache, text: str) -> bytes:
    parts = sentences(text)
    await speech.render([(part, "fr") for part in parts])  # keeps what holds a year or a number too
    clips = [await speech.clip(part) for part in parts]
    return silence(_QUIET_MS) + silence(PAUSE_MS).join(clips) + silence(_QUIET_MS)


async def _recognised(
    recogniser: Recogniser, pcm: bytes, expecting: Expecting, settings: Settings
) -> list[Transcript]:
    """The utterances with words."""
    found = []
    for utterance in await asyncio.to_thread(_utterances, pcm, expecting, settings):
        session = recogniser.session(Hint(expecting=expecting))
        try:
            await session.feed(utterance)
            transcript = await session.transcript()
        finally:
            await session.close()
        if transcript.text:
            found.append(transcript)
    return found


def _utterances(pcm: bytes, expecting: Expecting, settings: Settings) -> list[bytes]:
    return list(utterances(pcm, rules(expecting, settings.hearing)))
