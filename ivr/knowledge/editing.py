"""Changes, adds and removes entries of the FAQ in the files that people edit by hand as well.

An entry is handled here as it is written: its facts not filled in, its fields as texts and lists.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from ivr.errors import Fault, IvrError
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.reader import files
from ivr.knowledge.saving import checked, draft, entry_in
from ivr.knowledge.together import Draft
from ivr.yamlfile import parse, read
from ivr.yamltext import normal

Written = dict[str, Any]
"""An entry as written: texts, lists, mappings."""

ORDER = (
    *("id", "title", "confirm", "department", "keywords", "synonyms", "examples", "answer"),
    *("offer", "follow_ups", "hours_of", "valid_from", "valid_until", "priority"),
)
"""The fields of an entry, in the order in which new ones are written."""
_WORD = re.compile(r"\w+")


class Conflict(IvrError):
    """Somebody has changed or removed the entry since it was read; nothing was changed."""

    def __init__(self, current: Written | None) -> None:
        super().__init__("quelqu'un d'autre a modifié cette question entre-temps")
        self.current = current
        """As it is now; None when it is no longer there."""


@dataclass(frozen=True)
class Found:
    """Where an entry is, and what is written there."""

    file: Path
    data: Written
    department: str
    """The file's, for entries that name none."""


@dataclass(frozen=True)
class Edit:
    """What an entry is to become."""

    language: str
    """ISO 639-1."""
    entry: str
    """Its id."""
    before: Written | None
    """As it was when the edit was begun; None for a new one."""
    after: Written | None
    """As it is to be; None to remove it."""
    file: str = ""
    """Under the folder: where a new one goes, when that is there; else with its department's."""
    translations: tuple[Edit, ...] = ()
    """What comes back with a French entry that was removed; in what ``save`` returns, also what
    went with one."""


@dataclass(frozen=True)
class Saved:
    """An edit that has been made, or is about to be."""

    edit: Edit
    """With the entry as it now is in its file."""
    file: Path
    files: tuple[Path, ...]
    """All that are written by it."""


@dataclass(frozen=True)
class Prepared:
    """An edit that has been checked, and is not yet made."""

    saved: Saved
    drafts: tuple[Draft, ...]
    write: Callable[[], None]
    """Makes it. Raises FileChanged, and IvrError; nothing is changed then."""


def version(data: Written | None) -> str:
    """The same for entries that say the same, however they are written; empty without one."""
    if data is None:
        return ""
    text = json.dumps(normal(data), sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def find(root: Path, language: str, entry: str) -> Found | None:
    """An entry as its file has it now. Raises KnowledgeError when that file is no YAML."""
    for file in _files(root, language):
        try:
            if entry.encode() not in file.read_bytes():
                continue
        except OSError:
            continue  # which loading the knowledge reports
        data = read(file).data
        for one in _listed(data):
            if one.get("id") == entry:
                return Found(file, one, _department(data))
    return None


def written(root: Path, language: str) -> dict[str, Written]:
    """All entries of a language as written, by id. Raises KnowledgeError."""
    return {
        one["id"]: one
        for file in _files(root, language)
        for one in _listed(read(file).data)
        if isinstance(one.get("id"), str)
    }


def drafts(root: Path, edit: Edit) -> list[Draft]:
    """What the files become by an edit, the entry's own first unless it is removed.

    Removing a French entry removes its translations. After each file the knowledge is whole.

    Raises Conflict when the entry is no longer as it was, KnowledgeError when its file is no YAML,
    EditRefused when it is written too unusually.
    """
    found = find(root, edit.language, edit.entry)
    current = found.data if found else None
    if edit.before is None and found is not None and edit.after is not None:
        return [_appended(found.file, edit.after)]  # which is refused: the id exists already
    if version(current) != version(edit.before):
        raise Conflict(current)
    if edit.after is None:
        places = [find(root, one.language, one.entry) for one in (*_translations(root, edit), edit)]
        return [_removed(place.file, edit.entry) for place in places if place]
    if found is None:
        new = [(edit, edit.after), *((one, one.after) for one in edit.translations)]
        return [_appended(_home(root, one), after) for one, after in new if after]
    after = _ordered(edit.after)
    if after.get("department") == found.department and "department" not in found.data:
        del after["department"]

    def change(data: Any) -> Any:
        entry = entry_in(data, found.file, edit.entry)
        entry.clear()
        entry.update(after)
        return data

    return [draft(found.file, change)]


def save(root: Path, edit: Edit) -> Saved:
    """Make an edit. Raises, with nothing changed, what ``prepare`` and ``Prepared.write`` do."""
    prepared = prepare(root, edit)
    prepared.write()
    return prepared.saved


def prepare(root: Path, edit: Edit) -> Prepared:
    """Check an edit. Raises what ``drafts`` and ``saving.checked`` do."""
    translations = edit.translations or _translations(root, edit)
    made = drafts(root, edit)
    ready = checked(root, made)
    own = made[0 if edit.after else -1]
    listed = _listed(parse(own.file, own.after.decode()).data)
    after = next((one for one in listed if one.get("id") == edit.entry), None)
    done = replace(edit, after=after, translations=translations)
    saved = Saved(done, own.file, tuple(one.file for one in made))
    return Prepared(saved, ready.drafts, ready.write)


def verify(root: Path, edit: Edit) -> None:
    """Raises what ``save`` would for faults or a conflict, and writes nothing."""
    checked(root, drafts(root, edit))


def by_field(made: Draft, entry: str, faults: Iterable[Fault]) -> dict[str, list[str]]:
    """What is wrong, by the entry's field; under an empty name what is of no field of it."""
    document = parse(made.file, made.after.decode())
    listed = _listed(document.data)
    index = next((n for n, one in enumerate(listed) if one.get("id") == entry), 0)
    start = document.line(("entries", index))
    lines = {name: document.line(("entries", index, name)) for name in ORDER}
    found: dict[str, list[str]] = defaultdict(list)
    for fault in faults:
        if str(fault.file) != str(made.file) or fault.where.partition(".")[0] != entry:
            own = f"exemple de « {entry} »" in fault.message
            place = f"{Path(fault.file).name}, ligne {fault.line}, {fault.where}"
            found["examples" if own else ""].append(f"{place} : {fault.message}")
            continue
        named = [name for name in _WORD.findall(fault.message) if name in ORDER]
        above = [name for name in ORDER if name in listed[index] and lines[name] <= fault.line]
        if fault.line == start and named:
            found[named[0]].append(fault.message)
        else:
            found[max(above, key=lambda name: lines[name], default="")].append(fault.message)
    return dict(found)


def typed(fields: Mapping[str, Any]) -> Written:
    """Fields in order, empty ones left out; dates and numbers as such where they are."""
    kept: Written = {}
    for name in ORDER:
        value = fields.get(name)
        if value in (None, "", [], {}, ()):
            continue
        if name in ("valid_from", "valid_until"):
            value = _date(str(value))
        if name == "priority":
            value = _number(str(value))
        if (name, value) != ("priority", 0):
            kept[name] = value
    return kept


def _ordered(data: Written) -> Written:
    known = {name: data[name] for name in ORDER if name in data}
    return {**known, **{name: value for name, value in data.items() if name not in known}}


def _date(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text  # which the check reports


def _number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else text


def _files(root: Path, language: str) -> Sequence[Path]:
    return files(root, "faq/*.yaml" if language == REFERENCE else f"faq/{language}/*.yaml")


def _translations(root: Path, edit: Edit) -> tuple[Edit, ...]:
    """What else goes when an entry is removed: a translation needs its French entry."""
    if edit.after is not None or edit.language != REFERENCE:
        return ()
    languages = sorted({path.parent.name for path in files(root, "faq/??/*.yaml")})
    found = ((one, find(root, one, edit.entry)) for one in languages)
    return tuple(
        Edit(language, edit.entry, place.data, None, place.file.relative_to(root).as_posix())
        for language, place in found
        if place
    )


def _listed(data: Any) -> list[Written]:
    listed = data.get("entries") if isinstance(data, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _department(data: Any) -> str:
    own = data.get("department") if isinstance(data, dict) else None
    return own if isinstance(own, str) else ""


def _home(root: Path, edit: Edit) -> Path:
    """The file for a new entry: its department's, new itself where there is none."""
    if edit.file and (root / edit.file).is_file():
        return root / edit.file
    if edit.language != REFERENCE:
        own = _files(root, edit.language)
        return own[0] if own else root / "faq" / edit.language / "faq.yaml"
    department = str((edit.after or {}).get("department", ""))
    for file in _files(root, REFERENCE):
        if _department(read(file).data) == department:
            return file
    return root / "faq" / f"{re.sub('[^a-z0-9-]', '', department) or 'accueil'}.yaml"


def _appended(file: Path, entry: Written) -> Draft:
    def change(data: Any) -> Any:
        if not data and "department" in entry:
            data = {"department": entry["department"]}
        new = _ordered(entry)
        if new.get("department") == _department(data):
            del new["department"]
        data["entries"] = [*(data.get("entries") or []), new]
        return data

    return draft(file, change)


def _removed(file: Path, entry: str) -> Draft:
    def change(data: Any) -> Any:
        data["entries"].remove(entry_in(data, file, entry))
        return data

    return draft(file, change)
