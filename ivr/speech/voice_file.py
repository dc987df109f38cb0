"""The files of ``voices/``: what they say, and whether they have changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ivr.audio.form import TELEPHONE_LUFS
from ivr.settings import Settings
from ivr.watched import State, states
from ivr.yamlfile import Model

FRENCH = "fr"


class VoiceFile(Model):
    """One file of ``voices/``."""

    engine: Literal["kokoro", "coqui"] = "kokoro"
    model: str = "kokoro"
    """Kokoro: a folder under that of the models. Coqui: a model's name, or the path of a ``.pth``
    file, from the folder ``voices/``."""
    speakers: dict[str, str] = Field(default_factory=dict)
    """Language (ISO 639-1) → speaker; the first one also speaks other languages."""
    pace: float = Field(default=1.0, ge=0.6, le=1.5)
    """1.0 is the speaker's own; 0.8 slower."""
    loudness: float = Field(default=TELEPHONE_LUFS, ge=-30, le=-14)
    """LUFS."""

    @model_validator(mode="after")
    def _complete(self) -> VoiceFile:
        if self.engine == "kokoro" and FRENCH not in self.speakers:
            raise ValueError("« speakers » doit nommer qui parle français : « fr: ff_siwis »")
        if self.engine == "coqui" and "model" not in self.model_fields_set:
            raise ValueError("« model » doit nommer un modèle de Coqui, ou le fichier d'un modèle")
        return self


def voice_file(settings: Settings) -> Path:
    """The configured voice's."""
    return settings.paths.voices / f"{settings.speaking.voice}.yaml"


def voice_state(settings: Settings) -> Mapping[Path, State]:
    """Of all files that the configured voice depends on; changes with each of them."""
    file = voice_file(settings)
    return states([file, *sorted(file.with_suffix("").glob("*"))])
