"""Turns messages into text, one at a time and after the calls: nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
from asyncio import sleep

from ivr.audio.pcm import read_wav
from ivr.errors import AudioFormatError, CallLogError, EngineError
from ivr.messages.box import MessageBox, Untranscribed
from ivr.settings import Hearing
from ivr.speech.engines import transcribe
from ivr.speech.recogniser import Recogniser

log = logging.getLogger(__name__)

AGAIN = 60.0
"""Seconds until what failed is tried again."""


async def transcribe_messages(box: MessageBox, recogniser: Recogniser, hearing: Hearing) -> None:
    """Transcribe what is not transcribed yet, now and whenever a message is kept; for ever."""
    while True:
        box.news.clear()
        try:
            for message in await box.untranscribed():
                await box.transcribed(message.id, await _text(message, recogniser, hearing))
            await box.news.wait()
        except (EngineError, CallLogError) as error:
            log.warning("messages: %s; tried again in %.0f s", error, AGAIN)
            await sleep(AGAIN)


async def _text(message: Untranscribed, recogniser: Recogniser, hearing: Hearing) -> str:
    """What is said in it; nothing when its sound has gone or is damaged."""
    try:
        pcm = await asyncio.to_thread(read_wav, message.path)
    except AudioFormatError as error:
        log.error("message %d: not transcribed: %s", message.id, error)
        return ""
    return (await transcribe(recogniser, pcm, hearing, message.language)).text
