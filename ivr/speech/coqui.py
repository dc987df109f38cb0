"""Speaks with Coqui TTS, in this process: any of its models, by name or by the path of a file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ivr.audio.pcm import Samples
from ivr.errors import EngineError, ModelError

INSTALL = "Coqui is not installed; run: pip install 'allo-mairie[coqui]' (7 GB)"


def installed() -> bool:
    """Whether the extra ``coqui`` is there; loads nothing."""
    return find_spec("TTS") is not None


class Coqui:
    """A loaded Coqui model."""

    def __init__(self, model: str | Path, speakers: Mapping[str, str]) -> None:
        """Load a model; takes seconds, and hundreds of megabytes.

        model: the path of a ``.pth`` file with its ``config.json`` beside it, or a name such as
        ``tts_models/fr/css10/vits``, which Coqui fetches at the first use. speakers: language →
        speaker, for models with several. Raises EngineError (not installed) or ModelError.
        """
        if not installed():
            raise EngineError(INSTALL)
        # Here, since it takes seconds and is an extra that few install.
        from TTS.api import TTS  # type: ignore[import-not-found]  # the extra

        self._speakers = speakers
        try:
            if isinstance(model, Path):
                config = model.with_name("config.json")
                self._tts = TTS(model_path=str(model), config_path=str(config), progress_bar=False)
            else:
                self._tts = TTS(model_name=model, progress_bar=False)
        except Exception as error:  # whatever torch, the hub or the model's own code raise
            raise ModelError(f"Coqui cannot load {model}: {error}") from error

    def synthesise(self, text: str, language: str, pace: float) -> tuple[Samples, int]:
        """See Synthesiser."""
        model = self._tts.synthesizer.tts_model
        if hasattr(model, "length_scale"):  # VITS; others only know their own pace
            model.length_scale = 1 / pace
        options = {}
        if self._tts.is_multi_speaker and language in self._speakers:
            options["speaker"] = self._speakers[language]
        if self._tts.is_multi_lingual:
            options["language"] = language
        try:
            sound = self._tts.tts(text, split_sentences=False, **options)
        except Exception as error:  # as above
            raise EngineError(f"Coqui could not say {text!r}: {error}") from error
        return np.asarray(sound, dtype=np.float32), self._tts.synthesizer.output_sample_rate
