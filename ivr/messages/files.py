"""The WAV file of a message: whole under its name, or not there; what a kill leaves is mended.

While it is recorded it is ``NAME.wav.part``, with the header of an empty file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr import files
from ivr.audio.form import SAMPLE_RATE, WAV_HEADER_BYTES, wav_header
from ivr.errors import MessageError

BYTES_A_SECOND = 2 * SAMPLE_RATE


class Recording:
    """One file being written. Every method blocks, and raises MessageError."""

    def __init__(self, folder: Path, name: str) -> None:
        """Begin a file that must not exist yet; only its owner may read it."""
        self.path = folder / name
        self._part = _part(self.path)
        with _told(self._part):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(descriptor, "r+b", buffering=0)
            self._file.write(wav_header(0))

    def write(self, pcm: bytes) -> None:
        """Append sound (`ivr.audio.pcm`); what was written survives our own end."""
        with _told(self._part):
            if self._file.write(pcm) != len(pcm):
                raise OSError(0, "the disk is full")

    def finish(self, sound_bytes: int) -> None:
        """Keep so many bytes of sound, under the name of the file."""
        with _told(self._part):
            try:
                _seal(self._file.fileno(), sound_bytes)
            finally:
                self._file.close()
            files.put(self._part, self.path)

    def drop(self) -> None:
        """Leave nothing."""
        with _told(self._part):
            self._file.close()
            self._part.unlink(missing_ok=True)


def mend(folder: Path, name: str) -> Path | None:
    """Make a whole file of what a killed recording left; None when there is nothing.

    Blocks. Raises MessageError.
    """
    path = folder / name
    part = _part(path)
    with _told(part):
        if not name or path.exists():
            return path if name else None
        if not part.exists():
            return None
        sound_bytes = (part.stat().st_size - WAV_HEADER_BYTES) // 2 * 2
        if sound_bytes <= 0:
            part.unlink()
            return None
        with part.open("r+b", buffering=0) as file:
            _seal(file.fileno(), sound_bytes)
        files.put(part, path)
        return path


def remove(folder: Path, name: str) -> None:
    """Delete a message's file and what is left of its recording. Raises MessageError."""
    path = folder / name
    with _told(path):
        path.unlink(missing_ok=True)
        _part(path).unlink(missing_ok=True)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _seal(descriptor: int, sound_bytes: int) -> None:
    os.ftruncate(descriptor, WAV_HEADER_BYTES + sound_bytes)
    os.pwrite(descriptor, wav_header(sound_bytes), 0)
    os.fsync(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MessageError(f"message {path}: {error.strerror}") from error
