"""Which recogniser hears: Vosk where there is a French model for it, else Whisper."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ivr.audio.endpointing import utterances
from ivr.audio.form import duration_ms
from ivr.audio.pcm import read_wav
from ivr.errors import ModelError
from ivr.models import check, manifest, require
from ivr.settings import Hearing, Settings
from ivr.speech.listener import rules
from ivr.speech.recogniser import Hint, Recogniser, Transcript

FRENCH_VOSK = ("vosk-fr", "vosk-small-fr")
"""In the manifest of models, the best first."""
WHISPER = "whisper-base"


def load_recogniser(settings: Settings) -> Recogniser:
    """Load the configured engine; takes seconds. Raises ModelError saying what to do."""
    hearing, folder = settings.hearing, settings.paths.models
    vosk_model = hearing.vosk_model or _french(folder)
    size = {"workers": hearing.workers, "max_waiting": hearing.max_waiting}
    # The engines' libraries take memory: only the one that is used is imported.
    if hearing.engine == "vosk" or (hearing.engine == "auto" and vosk_model):
        from ivr.speech.vosk import VoskRecogniser

        return VoskRecogniser(_vosk_folder(folder, vosk_model or FRENCH_VOSK[-1]), **size)
    from ivr.speech.whisper import WhisperRecogniser

    return WhisperRecogniser(_whisper_folder(folder, hearing.whisper_model), **size)


async def hear_file(settings: Settings, path: Path) -> Transcript:
    """What is said in a WAV file. Raises AudioFormatError, ModelError, EngineError."""
    pcm = await asyncio.to_thread(read_wav, path)
    recogniser = await asyncio.to_thread(load_recogniser, settings)
    try:
        return await transcribe(recogniser, pcm, settings.hearing)
    finally:
        await recogniser.close()


async def transcribe(
    recogniser: Recogniser, pcm: bytes, hearing: Hearing, language: str = "fr"
) -> Transcript:
    """What is said in a recording of any length, its utterances joined.

    The confidence is the average over the sound. Raises EngineError.
    """
    heard = []
    cut = utterances(pcm, rules("request", hearing))
    for utterance in await asyncio.to_thread(list[bytes], cut):  # seconds for a long recording
        session = recogniser.session(Hint(language=language))
        try:
            await session.feed(utterance)
            heard.append(await session.transcript())
        finally:
            await session.close()
    spoken = [one for one in heard if one.text]
    total_ms = sum(one.audio_ms for one in spoken) or 1
    return Transcript(
        text=" ".join(one.text for one in spoken),
        confidence=sum(one.confidence * one.audio_ms for one in spoken) / total_ms,
        audio_ms=duration_ms(pcm),
        took_ms=sum(one.took_ms for one in heard),
    )


def _french(folder: Path) -> str:
    """The best French Vosk model there is, whole or damaged; empty for none."""
    models = (manifest()[name] for name in FRENCH_VOSK)
    return next((one.name for one in models if check(folder, one).state != "missing"), "")


def _whisper_folder(folder: Path, model: str) -> Path:
    if not model:
        return require(folder, WHISPER)
    given = Path(model).expanduser()
    if not (given / "model.bin").is_file():
        raise ModelError(
            f"[hearing] whisper_model = {model!r} in ivr.toml is no folder with a Whisper model "
            "for CTranslate2 (model.bin, config.json, tokenizer.json): correct it, or leave it "
            f"empty for {WHISPER}"
        )
    return given


def _vosk_folder(folder: Path, model: str) -> Path:
    if model in manifest():
        return require(folder, model)
    given = Path(model).expanduser()
    if not given.is_dir():
        raise ModelError(
            f"[hearing] vosk_model = {model!r} in ivr.toml is neither a folder nor one of: "
            f"{', '.join(name for name in manifest() if name.startswith('vosk-'))}"
        )
    return given
