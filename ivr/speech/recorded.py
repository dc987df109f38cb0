"""Sentences that a person has recorded: WAV files an admin drops beside a voice.

``voices/<voice>/recordings.yaml`` says which file is which sentence::

    recordings:
      - text: Je vous écoute.
        file: je-vous-ecoute.wav

What is not recorded, or cannot be read, is said by the voice's synthesiser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from ivr.audio.pcm import read_wav
from ivr.errors import AudioFormatError, Fault, KnowledgeError
from ivr.speech.spoken import sentences, spoken
from ivr.yamlfile import Model, read, validate

LIST = "recordings.yaml"


class _Recording(Model):
    text: str = Field(min_length=1)
    file: str = Field(min_length=1)
    language: str = Field(default="fr", min_length=2)


class _List(Model):
    recordings: tuple[_Recording, ...] = ()


@dataclass(frozen=True)
class Recordings:
    """The recorded sentences of one voice."""

    files: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    """By language and sentence as it is spoken, so that "1er" and "premier" are the same."""

    def find(self, said: str, language: str) -> Path | None:
        """The recording of a sentence that has been through ``spoken.py``."""
        return self.files.get((language, said))


def read_recordings(folder: Path) -> tuple[Recordings, list[Fault]]:
    """The usable recordings of a voice's folder, and what is wrong with the others."""
    if not (folder / LIST).exists():
        return Recordings(), []
    try:
        document = read(folder / LIST)
    except KnowledgeError as error:
        return Recordings(), list(error.faults)
    listed, faults = validate(document, _List)
    files: dict[tuple[str, str], Path] = {}
    for number, one in enumerate(listed.recordings if listed else ()):
        key = (one.language, spoken(one.text, one.language))
        wrong = _wrong(one, folder)
        if not wrong and key in files:
            wrong = f"« {one.text} » est déjà enregistré par {files[key].name} : gardez-en un seul"
        if wrong:
            faults.append(document.fault(("recordings", number), wrong))
        else:
            files[key] = folder / one.file
    return Recordings(files), faults


def _wrong(one: _Recording, folder: Path) -> str:
    if len(sentences(one.text)) != 1:
        return f"« {one.text} » : une seule phrase par enregistrement ; coupez-la en plusieurs"
    try:
        read_wav(folder / one.file)
    except AudioFormatError as error:
        return str(error)
    return ""
