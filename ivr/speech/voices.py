"""The voices of ``voices/*.yaml``: which engine, model and speakers, how fast, how loud."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ivr import models
from ivr.audio.form import TELEPHONE_LUFS, silence
from ivr.audio.pcm import write_wav
from ivr.errors import AudioFormatError, EngineError, Fault, KnowledgeError
from ivr.settings import Settings
from ivr.speech import coqui, kokoro
from ivr.speech.prompts import SpeechCache, Voice
from ivr.speech.recorded import Recordings, read_recordings
from ivr.speech.sentences import PAUSE_MS
from ivr.speech.spoken import sentences
from ivr.speech.synthesiser import Synthesiser
from ivr.speech.voice_file import FRENCH, VoiceFile, voice_file, voice_state
from ivr.watched import INTERVAL, Watched
from ivr.yamlfile import Document, read, validate

log = logging.getLogger(__name__)

BUILT_IN = VoiceFile(speakers={FRENCH: "ff_siwis", "en": "af_heart"})
"""Speaks when the configured voice cannot."""


def load_voices(settings: Settings) -> dict[str, VoiceFile]:
    """All voices by name. Raises KnowledgeError with every fault of them and their recordings."""
    found: dict[str, VoiceFile] = {}
    faults: list[Fault] = []
    folder = settings.paths.voices
    for path in {*folder.glob("*.yaml"), folder / f"{settings.speaking.voice}.yaml"}:
        try:
            found[path.stem] = _read(path, settings)
        except KnowledgeError as error:
            faults += error.faults
        faults += read_recordings(path.with_suffix(""))[1]
    if faults:
        raise KnowledgeError(faults)
    return found


def open_speech(settings: Settings) -> SpeechCache:
    """The configured voice, with its cache; its engine is loaded when it first has to speak.

    A voice that cannot be used never keeps the switchboard from speaking: the one that is built in
    takes its place, and the log says why.
    """
    try:
        voice = configured(settings)
    except KnowledgeError as error:
        told = "; ".join(map(str, error.faults))
        log.error("the voice cannot be used, the built-in one speaks instead: %s", told)
        voice = _voice(settings, BUILT_IN, _recordings(settings))
    return _cache(settings, voice)


def configured(settings: Settings) -> Voice:
    """The configured voice as its files have it now; logs recordings that cannot be used.

    Raises KnowledgeError for a voice that cannot be used.
    """
    return _voice(settings, _read(voice_file(settings), settings), _recordings(settings))


async def follow_voice(settings: Settings, changed: Callable[[Voice], None]) -> None:
    """Call ``changed`` for ever with the configured voice, each time that its files have changed.

    A voice that cannot be used is logged, and the last one stays.
    """
    files = Watched(partial(voice_state, settings))
    while True:
        await asyncio.sleep(INTERVAL)
        if not await asyncio.to_thread(files.changed):
            continue
        try:
            voice = await asyncio.to_thread(configured, settings)
        except KnowledgeError as error:
            told = "; ".join(map(str, error.faults))
            log.error("the voice cannot be used, the one before goes on: %s", told)
        else:
            log.info("the voice has changed: %s", voice_file(settings))
            changed(voice)


def open_speaker(settings: Settings, speaker: str, folder: Path) -> SpeechCache:
    """Another speaker in place of the configured voice's own French one, with its own cache.

    Nothing is recorded. Raises KnowledgeError for a voice that cannot be used.
    """
    own = _read(voice_file(settings), settings)
    voice = own.model_copy(update={"speakers": {FRENCH: speaker}})
    return _cache(settings, _voice(settings, voice, Recordings()), folder)


async def say_to_file(
    settings: Settings, text: str, path: Path, *, language: str = FRENCH, speaker: str | None = None
) -> None:
    """Say a text into a WAV file as on the line; ``speaker`` replaces the voice's own.

    Raises KnowledgeError, ModelError, EngineError, or AudioFormatError when it cannot be written.
    """
    voice = _read(voice_file(settings), settings)
    recordings = Recordings()
    if speaker is None:
        recordings, _ = read_recordings(voice_file(settings).with_suffix(""))
    else:
        voice = voice.model_copy(update={"speakers": {language: speaker}})
    cache = _cache(settings, _voice(settings, voice, recordings))
    try:
        clips = [await cache.clip(one, language) for one in sentences(text)]
    finally:
        await cache.close()
    if not any(clips):
        raise EngineError("there is nothing to say in that text")
    try:
        write_wav(path, silence(PAUSE_MS).join(clips))
    except OSError as error:
        raise AudioFormatError(f"{path}: cannot be written: {error.strerror}") from error


def _recordings(settings: Settings) -> Recordings:
    found, faults = read_recordings(voice_file(settings).with_suffix(""))
    for fault in faults:
        log.warning("recording not used: %s", fault)
    return found


def _cache(settings: Settings, voice: Voice, folder: Path | None = None) -> SpeechCache:
    return SpeechCache(folder or settings.paths.var / "speech", voice)


def _voice(settings: Settings, voice: VoiceFile, recordings: Recordings) -> Voice:
    spoken_by = voice.model_copy(update={"pace": 1.0, "loudness": TELEPHONE_LUFS})
    return Voice(
        load=_Loader(settings, spoken_by, _identity(voice, settings, FRENCH)),
        identity=partial(_identity, voice, settings),
        pace=voice.pace,
        loudness=voice.loudness,
        recordings=recordings,
    )


@dataclass(frozen=True)
class _Loader:
    """Loads the engine of a voice; equal for voices that differ in pace and loudness alone."""

    settings: Settings
    voice: VoiceFile
    version: str
    """Changes with the file of its model."""

    def __call__(self) -> Synthesiser:
        voice, settings = self.voice, self.settings
        if voice.engine == "coqui":
            return coqui.Coqui(_coqui_file(voice, settings) or voice.model, voice.speakers)
        folder = settings.paths.models / voice.model
        if voice.model == BUILT_IN.model:
            folder = models.require(settings.paths.models, "kokoro")
        threads = settings.speaking.workers or os.cpu_count() or 1
        return kokoro.Kokoro(folder, voice.speakers, threads)


def _identity(voice: VoiceFile, settings: Settings, language: str) -> str:
    speaker = voice.speakers.get(language) or next(iter(voice.speakers.values()), "")
    file = _coqui_file(voice, settings)
    version = f" {file.stat().st_mtime_ns}" if file else ""
    return f"{voice.engine} {voice.model}{version} {speaker}"


def _coqui_file(voice: VoiceFile, settings: Settings) -> Path | None:
    """The file of the model, when it is not a name of Coqui's list."""
    named = voice.engine == "kokoro" or voice.model.startswith("tts_models/")
    return None if named else settings.paths.voices / Path(voice.model).expanduser()


def _read(path: Path, settings: Settings) -> VoiceFile:
    """One voice. Raises KnowledgeError."""
    document = read(path)
    voice, faults = validate(document, VoiceFile)
    if voice is not None:
        faults += _unusable(document, voice, settings)
    if voice is None or faults:
        raise KnowledgeError(faults)
    return voice


def _unusable(document: Document, voice: VoiceFile, settings: Settings) -> list[Fault]:
    """What is named in the file and not there. Models not yet fetched are `ivr models`' affair."""
    if voice.engine == "coqui":
        file = _coqui_file(voice, settings)
        if not coqui.installed():
            return [document.fault(("engine",), coqui.INSTALL)]
        if file and not (file.is_file() and file.with_name("config.json").is_file()):
            told = f"il n'y a pas de modèle {file}, avec son config.json à côté"
            return [document.fault(("model",), told)]
        return []
    there = kokoro.speakers_in(settings.paths.models / voice.model)
    return [
        document.fault(
            ("speakers", language),
            f"il n'y a pas de voix « {name} » ; choisissez parmi {', '.join(there)}",
        )
        for language, name in voice.speakers.items()
        if there and name not in there
    ]
