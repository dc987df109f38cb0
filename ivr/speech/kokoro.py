"""Speaks with Kokoro-82M: phonemes from espeak-ng, sound from the model on onnxruntime."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from kokoro_onnx.chunker import split_phonemes
from kokoro_onnx.config import MAX_PHONEME_LENGTH, SAMPLE_RATE
from kokoro_onnx.tokenizer import Tokenizer
from phonemizer.backend import EspeakBackend  # type: ignore[import-untyped]

from ivr.audio.pcm import Samples
from ivr.errors import EngineError, ModelError

MODEL = "kokoro-v1.0.int8.onnx"
VOICES = "voices"
"""Folder of the speakers, beside MODEL."""
STYLE = 256
"""Values in one style; a speaker's file holds one for each length of text, in phonemes."""
ESPEAK = {"fr": "fr-fr", "en": "en-us", "pt": "pt-br"}
"""Languages that espeak-ng names otherwise than by their ISO 639-1 code."""

RESPELT = {
    "week-end": "ouikènde", "week-ends": "ouikèndes", "parking": "parquinng",
    "parkings": "parquinng", "wifi": "ouifi", "Ferry": "Ferri", "mon fils": "mon fisse",
    "ton fils": "ton fisse", "son fils": "son fisse", "votre fils": "votre fisse",
}  # fmt: skip
"""French words that espeak-ng says as if they were English, or as the plural of "fil"."""

_RESPELT = re.compile(rf"\b(?:{'|'.join(RESPELT)})\b")
# espeak-ng has one state for the whole process.
_ESPEAK_LOCK = threading.Lock()


class Kokoro:
    """A loaded Kokoro model with one speaker for each language."""

    def __init__(self, folder: Path, speakers: Mapping[str, str], threads: int) -> None:
        """Load the model of ``folder``; takes a second and 200 MB, more while it speaks.

        speakers: language → name of a file in VOICES; the first also speaks other languages.
        threads: cores one sentence may use. Raises ModelError.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # no two sentences have the same length
        # Waiting threads sleep instead of burning the cores that carry the calls.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / MODEL), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises classes of its own, made at run time
            raise ModelError(
                f"{folder / MODEL} cannot be loaded ({error}); run: ivr models kokoro"
            ) from error
        # Memory is given back after each sentence; else it stays at what the longest took, 700 MB.
        self._thrifty = onnxruntime.RunOptions()
        self._thrifty.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._tokenizer = Tokenizer()
        self._speakers = {lang: _styles(folder, name) for lang, name in speakers.items()}
        self._phonemizers: dict[str, EspeakBackend] = {}

    def synthesise(self, text: str, language: str, pace: float) -> tuple[Samples, int]:
        """See Synthesiser."""
        styles = self._speakers.get(language, next(iter(self._speakers.values())))
        batches = split_phonemes(self.phonemes(text, language), MAX_PHONEME_LENGTH)
        if not batches:
            raise EngineError(f"nothing in {text!r} can be pronounced")
        try:
            parts = [self._sound(batch, styles, pace) for batch in batches]
        except Exception as error:  # as above
            raise EngineError(f"Kokoro could not say {text!r}: {error}") from error
        return np.concatenate(parts), SAMPLE_RATE

    def phonemes(self, text: str, language: str) -> str:
        """How a text is pronounced (IPA). Raises EngineError for an unknown language."""
        if language == "fr":
            text = _RESPELT.sub(lambda word: RESPELT[word[0]], text)
        with _ESPEAK_LOCK:
            if language not in self._phonemizers:
                self._phonemizers[language] = _phonemizer(language)
            said = self._phonemizers[language].phonemize([text], strip=True)
        return self._tokenizer.known("".join(said)).strip()

    def _sound(self, phonemes: str, styles: Samples, pace: float) -> Samples:
        tokens = self._tokenizer.tokenize(phonemes)
        (sound,) = self._session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": styles[min(len(tokens), len(styles)) - 1 :][:1],
                "speed": np.array([pace], dtype=np.float32),
            },
            self._thrifty,
        )
        return np.asarray(sound, dtype=np.float32).ravel()


def speakers_in(folder: Path) -> list[str]:
    """The speakers that are there."""
    return sorted(file.stem for file in (folder / VOICES).glob("*.bin"))


def _styles(folder: Path, name: str) -> Samples:
    path = folder / VOICES / f"{name}.bin"
    try:
        values = np.fromfile(path, dtype="<f4")
    except OSError as error:
        there = ", ".join(speakers_in(folder)) or "none; run: ivr models kokoro-voices"
        raise ModelError(f"{path}: {error.strerror}; speakers there: {there}") from error
    if not values.size or values.size % STYLE:
        raise ModelError(f"{path} is truncated; run: ivr models kokoro-voices")
    return values.reshape(-1, STYLE)


def _phonemizer(language: str) -> EspeakBackend:
    try:
        return EspeakBackend(
            ESPEAK.get(language, language),
            preserve_punctuation=True,
            with_stress=True,
            # Else "(en)" and "(fr)" around a foreign word would be pronounced.
            language_switch="remove-flags",
        )
    except RuntimeError as error:
        raise EngineError(f"espeak-ng cannot pronounce {language!r}: {error}") from error
