"""What the console's forms share: hours as typed, and what is wrong beside its field."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from ivr.errors import FaultsFound
from ivr.knowledge.hours import DAYS
from ivr.knowledge.settings_files import intervals
from ivr.yamledit import FileChanged

DAY_NAMES = dict(
    zip(
        DAYS, ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"), strict=True
    )
)


_KEY = re.compile(r"^« \w+ » : | \(« \w+ »\)")
"""A key of a file where a message names it besides."""


class Mistyped(ValueError):
    """Fields hold what cannot even be tried."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("\n".join(fields.values()))
        self.fields = fields


@dataclass(frozen=True)
class Told:
    """What is wrong, for the reader of a page: where it is in the file says nothing to them."""

    general: str = ""
    """Of no field of the form; empty when all is said beside the fields."""
    fields: Mapping[str, Sequence[str]] | None = None
    """By the form's field."""

    def of(self, name: str) -> Sequence[str]:
        """What is wrong with a field."""
        return (self.fields or {}).get(name, ())

    def __bool__(self) -> bool:
        return bool(self.general or self.fields)


def told(
    error: Exception | None, own: Collection[str] = (), names: Mapping[str, str] | None = None
) -> Told:
    """A fault, beside the fields where it can be.

    own: the item of the form, as ``Fault.where`` names it. names: its keys in the file, to the
    fields of the form.
    """
    if isinstance(error, Mistyped):
        return Told(fields={name: [text] for name, text in error.fields.items()})
    if not isinstance(error, FaultsFound):
        return Told(str(error) if error else "")
    general, fields = [], dict[str, list[str]]()
    for fault in error.faults:
        field = _field(fault.field, names or {})
        if own and fault.where not in own:
            general.append(f"{fault.where} : {fault.message}" if fault.where else fault.message)
        elif field:
            fields.setdefault(field, []).append(beside(fault.message))
        else:
            general.append(beside(fault.message))
    return Told("\n".join(general), fields)


def reread(
    error: Exception | None, typed: Mapping[str, str] | None, written: Mapping[str, str]
) -> list[tuple[str, str]]:
    """What was typed and differs, for a form that shows a file that somebody changed meanwhile.

    Empty for any other error: then the form shows what was typed. typed, written: the fields by
    their labels, as typed and as the file has them now.
    """
    if typed is None or not isinstance(error, FileChanged):
        return []
    return [(label, text) for label, text in typed.items() if written.get(label) != text]


def beside(message: str) -> str:
    """A fault as it reads beside its field, without the name that the field has in the file."""
    if message.startswith("il manque le champ"):
        return "ce champ est obligatoire : remplissez-le"
    return _KEY.sub("", message)


def _field(path: str, names: Mapping[str, str]) -> str | None:
    """The field of the longest beginning of a path that has one."""
    while path and path not in names:
        path = path.rpartition(".")[0]
    return names.get(path)


def typed_week(form: FormData) -> dict[str, str]:
    """The hours of each day as a form has them."""
    return {day: str(form.get(day, ""))[:200] for day in DAYS}


def read_week(typed: Mapping[str, str]) -> dict[str, list[str]]:
    """The hours of each day as the files have them. Raises Mistyped."""
    week, wrong = {}, {}
    for day, text in typed.items():
        try:
            week[day] = intervals(text)
        except ValueError as error:
            wrong[day] = str(error)
    if wrong:
        raise Mistyped(wrong)
    return week


def shown_week(schedule: Mapping[str, Any]) -> dict[str, str]:
    """The hours of each day as people type them."""
    return {day: ", ".join(schedule.get(day, schedule.get("every_day")) or []) for day in DAYS}
