"""How the people of test calls speak and understand: with the switchboard's own engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ivr.audio.form import silence
from ivr.settings import Settings
from ivr.speech import engines
from ivr.speech.sentences import PAUSE_MS
from ivr.speech.spoken import sentences
from ivr.speech.voices import open_speech
from ivr.testcaller.caller import Speak, Transcribe


@asynccontextmanager
async def people(settings: Settings) -> AsyncIterator[tuple[Speak, Transcribe]]:
    """A voice and an ear. Raises ModelError when the models are not there."""
    recogniser = await asyncio.to_thread(engines.load_recogniser, settings)
    speech = open_speech(settings)

    async def speak(text: str) -> bytes:
        clips = [await speech.clip(sentence) for sentence in sentences(text)]
        return silence(PAUSE_MS).join(clips)

    async def transcribe(pcm: bytes) -> str:
        return (await engines.transcribe(recogniser, pcm, settings.hearing)).text

    try:
        yield speak, transcribe
    finally:
        await speech.close()
        await recogniser.close()
