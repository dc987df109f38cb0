"""What needs models, done in processes beside the pages: speaking, hearing, understanding.

These functions run in a process of ``workshop.Workshop``. It keeps what it has loaded: the first
use takes seconds and half a gigabyte, later ones milliseconds.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from ivr.audio.pcm import read_wav
from ivr.console.workshop import Overlay
from ivr.errors import EngineError, KnowledgeError
from ivr.knowledge.base import Knowledge
from ivr.knowledge.load import load
from ivr.knowledge.store import state
from ivr.learning.gather import Missed
from ivr.learning.group import Grouped
from ivr.learning.groups import Proposals, clusters
from ivr.nlu.features import Encoder, Floats
from ivr.nlu.match import Context, Match
from ivr.nlu.matcher import Matcher
from ivr.settings import Settings
from ivr.speech.engines import load_recogniser, transcribe
from ivr.speech.prompts import SpeechCache
from ivr.speech.recogniser import Recogniser, Transcript
from ivr.speech.voice_file import voice_state
from ivr.speech.voices import configured, open_speech
from ivr.watched import State

log = logging.getLogger(__name__)

KEPT_TEXTS = 2000
"""Texts of which is kept what they were understood as."""

# --- understanding -------------------------------------------------------------------------------


def match(
    root: Path, cache: Path, overlay: Overlay, text: str, context: Context, day: date
) -> Match:
    """What a text means to the knowledge under ``root`` with the files of ``overlay`` in it.

    Raises KnowledgeError when that is broken.
    """
    _, matcher = _learnt(root, cache, overlay, tuple(state(root).items()))
    return matcher.match(text, context, day)


def grouped(root: Path, cache: Path, missed: Sequence[Missed], most: int) -> Grouped:
    """The ``most`` largest groups of what was missed. Raises KnowledgeError.

    What a text means is kept: a few seconds at first, then a fraction of one.
    """
    found = clusters(missed, _meanings)
    proposals = _proposals(root, cache, tuple(state(root).items()))
    shown = [proposals.group(one) for one in found[:most]]
    return Grouped(shown, len(found) - len(shown))


@functools.lru_cache(maxsize=1)
def _proposals(root: Path, cache: Path, seen: tuple[tuple[Path, State], ...]) -> Proposals:
    knowledge, matcher = _learnt(root, cache, (), seen)
    return Proposals(knowledge, functools.lru_cache(KEPT_TEXTS)(matcher.match))


def _meanings(texts: Sequence[str]) -> Floats:
    """As an Encoder, of which what it made of the texts of last time is kept."""
    known: dict[str, Floats] = _loaded.get("meanings", {})
    new = [text for text in dict.fromkeys(texts) if text not in known]
    known |= dict(zip(new, Encoder()(new), strict=True)) if new else {}
    _loaded["meanings"] = {text: known[text] for text in texts}
    return np.stack([known[text] for text in texts])


@functools.lru_cache(maxsize=2)
def _learnt(
    root: Path, cache: Path, overlay: Overlay, _state: tuple[tuple[Path, State], ...]
) -> tuple[Knowledge, Matcher]:
    if not overlay:
        knowledge = load(root)
        return knowledge, Matcher.load(knowledge, cache)
    own = cache.with_name(f"{cache.name}-console")
    if not own.is_dir() and cache.is_dir():
        shutil.copytree(cache, own)  # the meanings of all sentences but those that were edited
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "knowledge"
        shutil.copytree(root, copy)
        for name, content in overlay:
            (copy / name).parent.mkdir(exist_ok=True)
            (copy / name).write_bytes(content)
        knowledge = load(copy)
        return knowledge, Matcher.load(knowledge, own)


# --- sound ---------------------------------------------------------------------------------------

_loop = asyncio.new_event_loop()
_loaded: dict[str, Any] = {}


def clip(settings: Settings, sentence: str, language: str) -> bytes:
    """One sentence as calls hear it, kept where calls look for it: 16 kHz, 16 bit, mono.

    Raises EngineError or ModelError.
    """
    voice = _voice(settings, voice_state(settings))

    async def spoken() -> bytes:
        report = await voice.render([(sentence, language)])
        if report.failed:
            raise EngineError(report.failed[0][1])
        return await voice.clip(sentence, language)

    return _loop.run_until_complete(spoken())


def _voice(settings: Settings, state: Mapping[Path, State]) -> SpeechCache:
    """The voice that calls are answered with now; its engine stays loaded when it may."""
    if "voice" not in _loaded:
        _loaded["voice"] = open_speech(settings), state
    voice: SpeechCache = _loaded["voice"][0]
    if _loaded["voice"][1] != state:
        try:
            voice.use(configured(settings))
        except KnowledgeError as error:
            log.warning("the voice cannot be used, the one before goes on: %s", error)
        _loaded["voice"] = voice, state
    return voice


def hear(settings: Settings, recording: bytes, language: str) -> Transcript:
    """What is said in a WAV file. Raises AudioFormatError, EngineError or ModelError."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(recording)
        file.flush()
        pcm = read_wav(Path(file.name))
    if "ear" not in _loaded:
        _loaded["ear"] = load_recogniser(settings)
    ear: Recogniser = _loaded["ear"]
    return _loop.run_until_complete(transcribe(ear, pcm, settings.hearing, language))
