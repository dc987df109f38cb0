"""Files that are there whole or not at all, whenever the machine loses its power."""

from __future__ import annotations

import os
from pathlib import Path


def put(part: Path, path: Path) -> None:
    """Move a finished file, already on the disk, to its place in the same folder, for good.

    Raises OSError.
    """
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # of one that was killed
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    put(part, path)
