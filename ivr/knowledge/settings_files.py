"""Changes of the files of settings, as the console makes them: checked, and nothing else touched.

``hours.yaml`` and ``operators.yaml`` are checked with all the knowledge; a voice by itself.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ivr.errors import IvrError, KnowledgeError
from ivr.knowledge.hours import DAYS
from ivr.knowledge.saving import checked, draft
from ivr.knowledge.together import Draft
from ivr.yamledit import FileChanged, replace
from ivr.yamlfile import Model, parse, read, validate

M = TypeVar("M", bound=Model)
Change = Callable[[dict[str, Any]], None]
"""Alters the data of a file in place."""

_TIME = r"(\d{1,2})\s*[h:]\s*(\d{2})?"
_INTERVAL = re.compile(rf"{_TIME}\s*(?:-|–|à)\s*{_TIME}", re.IGNORECASE)


def version(file: Path) -> str:
    """Changes with every byte of a file; what a form holds to say which file it was made from."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:20]
    except OSError as error:
        raise IvrError(f"{file.name} ne peut pas être lu : {error.strerror}") from error


def read_as(file: Path, model: type[M]) -> tuple[M, dict[str, Any]]:
    """A file as it is now, and its data as written. Raises KnowledgeError for its faults."""
    document = read(file)
    found, faults = validate(document, model)
    if found is None:
        raise KnowledgeError(faults)
    return found, document.data


@dataclass(frozen=True)
class Prepared:
    """A change of a file that has been checked, and is not yet made."""

    drafts: tuple[Draft, ...]
    """The file's."""
    write: Callable[[], None]
    """Makes it. Raises FileChanged, and IvrError; nothing is changed then."""


def prepare(root: Path, name: str, seen: str, change: Change) -> Prepared:
    """Check a change of a file under ``root`` with all the knowledge.

    seen: the ``version`` that the change was made from. Raises FileChanged when the file is no
    longer that one, KnowledgeError for the faults that the change would make, and IvrError.
    """
    made = _draft(root / name, seen, change)
    return Prepared((made,), checked(root, [made]).write)


def prepare_alone(file: Path, seen: str, model: type[Model], change: Change) -> Prepared:
    """Check a change of a file that stands alone, as a ``model``; else as ``prepare``."""
    made = _draft(file, seen, change)
    found, faults = validate(parse(file, made.after.decode()), model)
    if found is None:
        raise KnowledgeError(faults)
    return Prepared((made,), partial(replace, file, made.before, made.after))


def lines_changed(made: Draft) -> tuple[str, str]:
    """The lines of a file that a change takes away, and those that it brings."""
    before = (made.before or b"").decode().splitlines()
    after = made.after.decode().splitlines()
    listed = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    return (
        "\n".join(line[1:] for line in listed if line.startswith("-")),
        "\n".join(line[1:] for line in listed if line.startswith("+")),
    )


def intervals(text: str) -> list[str]:
    """What a person types for a day, as ``hours.yaml`` has it; nothing: closed.

    "8h30-12h, 13h30 à 17h30" → ``["08:30-12:00", "13:30-17:30"]``. Raises ValueError, in French.
    """
    found = [
        f"{int(h1):02}:{m1 or '00'}-{int(h2):02}:{m2 or '00'}"
        for h1, m1, h2, m2 in _INTERVAL.findall(text)
    ]
    if re.sub(r"[\s,;/]|\bet\b", "", _INTERVAL.sub("", text)):
        raise ValueError(
            f"« {text.strip()[:60]} » n'est pas une suite de plages horaires : écrivez par exemple "
            "08:30-12:00, 13:30-17:30, ou rien pour un jour de fermeture."
        )
    return found


def set_week(schedule: dict[str, Any], week: dict[str, list[str]], *, on_holidays: bool) -> None:
    """Give a schedule the hours of each day; what stays the same stays as it is written."""
    for day in DAYS:
        effective = schedule.get(day, schedule.get("every_day")) or []
        if week[day] == effective:
            continue
        if week[day] or schedule.get("every_day"):
            schedule[day] = week[day]
        else:
            schedule.pop(day, None)
    had = schedule.get("open_on_public_holidays") == "true"
    if on_holidays and not had:
        schedule["open_on_public_holidays"] = True
    elif had and not on_holidays:
        del schedule["open_on_public_holidays"]


def _draft(file: Path, seen: str, change: Change) -> Draft:
    if version(file) != seen:
        raise FileChanged(
            f"{file.name} vient d'être modifié, sur une autre page ou à la main : rien n'a été "
            "changé. Relisez-le ci-dessous, puis recommencez."
        )

    def changed(data: Any) -> Any:
        if not isinstance(data, dict):
            raise IvrError(f"{file.name} n'a pas la forme attendue : corrigez-le à la main.")
        change(data)
        return data

    return draft(file, changed)
