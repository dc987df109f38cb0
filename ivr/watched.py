"""Files that people save at any moment: whether they have changed, and the change is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

State = tuple[int, int, int] | None
"""Changes with every save of a file; None while it is not there."""

INTERVAL = 0.5
"""Seconds between two looks: a save is taken up at the second look that shows it."""


def states(files: Iterable[Path]) -> dict[Path, State]:
    """Of each file."""
    return {file: _state(file) for file in files}


def _state(file: Path) -> State:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Watched:
    """Some files, looked at again and again."""

    def __init__(self, look: Callable[[], Mapping[Path, State]]) -> None:
        """look: the files that matter now, which may come and go; they count as taken up."""
        self._look = look
        self._seen = self._taken_up = look()

    def changed(self) -> bool:
        """Look; whether there is a change to take up, which is told once.

        Files that have changed since the last look may be half-saved: they are taken up at the
        next look that finds them still the same.
        """
        now = self._look()
        settled, self._seen = now == self._seen, now
        if not settled or now == self._taken_up:
            return False
        self._taken_up = now
        return True
