"""Keeps what was learnt between starts, as plain arrays: nothing in it can run.

``meaning-<language>.npz`` has the sentences' meanings by the hash of their text, so that an edit
of one entry costs the encoding of its new examples alone; ``learnt-<language>.npz`` has what was
learnt last, and from which examples. A file that cannot be read is as good as none: it is made
anew.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ivr.nlu.digest import digest

log = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]


class Cache:
    """A folder of arrays; without a folder, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, name: str) -> Arrays | None:
        """The arrays kept under a name; None when there are none, or they cannot be read."""
        if self._folder is None:
            return None
        try:
            with np.load(self._folder / f"{name}.npz", allow_pickle=False) as file:
                return {one: file[one] for one in file.files}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            log.warning("%s of the matcher's cache cannot be used: %s", name, error)
            return None

    def rows(self, name: str) -> Rows:
        """Rows kept under a name, by text."""
        return Rows(self, name)

    def write(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep arrays under a name, in place of those before; a full disk costs only time."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, allow_pickle=False, **arrays)
                os.replace(temporary, self._folder / f"{name}.npz")
            except OSError:
                os.unlink(temporary)
                raise
        except OSError as error:
            log.warning("the matcher's cache cannot be written: %s", error)


class Rows:
    """One row of numbers for each text, kept by the text's own digest."""

    def __init__(self, cache: Cache, name: str) -> None:
        self._cache, self._name = cache, name

    def of(
        self, texts: Sequence[str], make: Callable[[Sequence[str]], npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float32]:
        """The rows of the texts; those that are not kept are made, and kept instead."""
        names = [digest(text) for text in texts]
        kept = self._cache.read(self._name) or {"names": np.array([]), "rows": np.array([])}
        rows = dict(zip(kept["names"].tolist(), kept["rows"], strict=True))
        missing = {name: text for name, text in zip(names, texts, strict=True) if name not in rows}
        if missing:
            rows.update(zip(missing, make(list(missing.values())), strict=True))
        found = np.stack([rows[name] for name in names])
        if missing:
            self._cache.write(self._name, {"names": np.array(names), "rows": found})
        return found
