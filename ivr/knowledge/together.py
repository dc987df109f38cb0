"""Several files written as one: those of a save that was killed halfway are put back.

What they held stands in a file beside them until all are written. Whoever starts next, or saves
next, finds it and puts them back; a file that somebody has changed since stays as it is.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError
from ivr.yamledit import replace

log = logging.getLogger(__name__)

NOTE = ".save.json"
"""Under the folder of the knowledge, while several of its files are being written."""


@dataclass(frozen=True)
class Draft:
    """What a file is to become."""

    file: Path
    before: bytes | None
    """What it held when it was read; None: it was not there."""
    after: bytes


def write_all(root: Path, drafts: Sequence[Draft]) -> None:
    """Write files under ``root`` in this order, all or none, one save at a time.

    Raises FileChanged when somebody has written one since it was read, and IvrError when one
    cannot be written.
    """
    with alone(root):
        _put_back_noted(root)
        changes = [one for one in drafts if one.before != one.after]
        if len(changes) < 2:
            for one in changes:
                _write(one)
            return
        note = root / NOTE
        replace(note, None, _noted(root, changes))
        try:
            for one in changes:
                _write(one)
        except BaseException:
            _put_back(changes)
            note.unlink()
            raise
        note.unlink()


def _write(one: Draft) -> None:
    if one.before is None:  # the first file of a language
        with suppress(OSError):  # which the next line tells
            one.file.parent.mkdir()
            one.file.parent.chmod(0o755)  # as the files in it: Asterisk's user reads them too
    replace(one.file, one.before, one.after)


def put_back(root: Path) -> None:
    """Put back the files of a save that was killed halfway, if there was one. Logs what fails."""
    if not (root / NOTE).exists():
        return
    try:
        with alone(root, wait=False):
            _put_back_noted(root)
    except BlockingIOError:
        return  # it is being made at this moment
    except (IvrError, OSError) as error:
        log.error("%s: a save that was interrupted cannot be taken back: %s", root, error)


@contextmanager
def alone(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Keep other processes, and threads, out of a folder; the kernel lets go of what was killed.

    Raises BlockingIOError when one is in and ``wait`` is False, and IvrError.
    """
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise IvrError(f"{folder} ne peut pas être ouvert : {error.strerror}") from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(opened)


def _noted(root: Path, drafts: Sequence[Draft]) -> bytes:
    return json.dumps(
        [
            {
                "file": one.file.relative_to(root).as_posix(),
                "before": None if one.before is None else one.before.decode(),
                "after": one.after.decode(),
            }
            for one in drafts
        ]
    ).encode()


def _put_back_noted(root: Path) -> None:
    note = root / NOTE
    if not note.exists():
        return
    log.warning("%s: a save was interrupted; its files are put back", root)
    drafts = []
    for one in json.loads(note.read_bytes()):
        before = None if one["before"] is None else one["before"].encode()
        drafts.append(Draft(root / one["file"], before, one["after"].encode()))
    _put_back(drafts)
    note.unlink()


def _put_back(drafts: Sequence[Draft]) -> None:
    for one in reversed(drafts):
        now = one.file.read_bytes() if one.file.exists() else None
        if now == one.before:
            continue
        if now != one.after:
            log.warning("%s has been changed since: it stays as it is", one.file)
        elif one.before is None:
            one.file.unlink()
        else:
            replace(one.file, now, one.before)
