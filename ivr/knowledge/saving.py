"""Writes changes of knowledge files: only what has been checked, whole or not at all."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ivr.errors import Fault, IvrError, KnowledgeError
from ivr.knowledge.check import check
from ivr.knowledge.load import load
from ivr.knowledge.store import state
from ivr.knowledge.together import Draft, write_all
from ivr.watched import State
from ivr.yamledit import FileChanged, rewritten
from ivr.yamlfile import parse
from ivr.yamltext import document


class AlreadyBroken(KnowledgeError):
    """The files have faults of their own that keep every change from being used."""


def draft(file: Path, change: Callable[[Any], Any]) -> Draft:
    """A change of a file, not yet written.

    change: receives the file's data (mappings, lists, texts and None; ``{}`` when there is no such
    file), which it may alter, and returns what the file is to say. What it raises is passed on.
    Raises KnowledgeError when the file is no YAML, EditRefused when it is written too unusually
    to be changed, and IvrError when it cannot be read.
    """
    try:
        before = file.read_bytes() if file.exists() else None
        text = before.decode() if before is not None else ""
    except OSError as error:
        raise IvrError(f"{file} ne peut pas être lu : {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise IvrError(f"{file} ne peut pas être lu : il n'est pas en UTF-8") from error
    if before is None:
        return Draft(file, None, document(change({})).encode())
    return Draft(file, before, rewritten(file, text, change(parse(file, text).data)).encode())


def entry_in(data: Any, file: Path, entry: str) -> dict[str, Any]:
    """An entry in the data of its file. Raises FileChanged when it is not, or no longer, there."""
    listed = data.get("entries") if isinstance(data, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("id") == entry:
            return one
    raise FileChanged(f"{file}: {entry} : le fichier vient de changer : recommencez")


@dataclass(frozen=True)
class Look:
    """What checking all files once has found."""

    state: Mapping[Path, State]
    """Of the files then; a later one makes another look necessary."""
    faults: Counter[Any]
    """Their essences."""
    loads: bool


@dataclass(frozen=True)
class Checked:
    """Drafts that are not yet written, and may be."""

    root: Path
    drafts: tuple[Draft, ...]
    found: Look
    """With the drafts in the files."""

    def write(self) -> None:
        """Raises FileChanged when somebody has written one meanwhile, and IvrError when one cannot
        be written; nothing is changed then.
        """
        write_all(self.root, self.drafts)
        now = state(self.root)
        written = {one.file: now[one.file] for one in self.drafts}
        _looks[self.root] = replace(self.found, state={**self.found.state, **written})


def write(root: Path, drafts: Sequence[Draft]) -> None:
    """Check and write drafts, in this order. Raises what ``checked`` and ``Checked.write`` do."""
    checked(root, drafts).write()


def checked(root: Path, drafts: Sequence[Draft]) -> Checked:
    """Check the knowledge under ``root`` with all drafts in it: 1 s for 10,000 lines.

    Raises KnowledgeError for faults that are not there now, AlreadyBroken when the files could
    not be loaded before either.
    """
    known = _known(root)
    faults, loads = _faults(root, drafts)
    after = Look(known.state, Counter(map(_essence, faults)), loads)
    new = after.faults - known.faults
    if wrong := [fault for fault in faults if _essence(fault) in new]:
        raise KnowledgeError(wrong)
    if faults and not (known.loads and loads):
        raise AlreadyBroken(faults)
    return Checked(root, tuple(drafts), after)


_looks: dict[Path, Look] = {}
"""The last look at each folder."""


def _known(root: Path) -> Look:
    """What is wrong in the files as they are."""
    now = state(root)
    known = _looks.get(root)
    if known is None or known.state != now:
        faults, loads = _faults(root, [])
        known = _looks[root] = Look(now, Counter(map(_essence, faults)), loads)
    return known


def _faults(root: Path, drafts: Sequence[Draft]) -> tuple[list[Fault], bool]:
    """The faults of a copy with the drafts in it, as if in place; whether it can be loaded."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "knowledge"
        try:
            shutil.copytree(root, copy)
            for one in drafts:
                target = copy / one.file.relative_to(root)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(one.after)
        except OSError as error:  # shutil.Error is one
            raise IvrError(f"{root} ne peut pas être vérifié : {error}") from error
        try:
            faults, loads = check(load(copy)), True
        except KnowledgeError as error:
            faults, loads = list(error.faults), False
        return [
            replace(
                fault,
                file=root / Path(fault.file).relative_to(copy),
                message=fault.message.replace(str(copy), str(root)),
            )
            for fault in faults
        ], loads


def _essence(fault: Fault) -> tuple[str, str, str]:
    """A fault without what moves when lines are added above it."""
    return str(fault.file), fault.where, re.sub(r":\d+\b", "", fault.message)
