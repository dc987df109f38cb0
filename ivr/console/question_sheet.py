"""An editor's form: of which question it is, and the edit that it stands for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from ivr.console.forms import beside
from ivr.console.question_form import Given, entry_of, new_id, received
from ivr.errors import IvrError, KnowledgeError
from ivr.knowledge import editing
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.editing import Conflict, Edit, Found, Written, version

NEW = "nouvelle"
"""Stands in an address for a question that has no id yet."""
UNNAMED = "nouvelle-question"
"""Its id until it has a title."""


@dataclass(frozen=True)
class Sheet:
    """An editor: of which entry, and what is typed in it."""

    language: str
    """ISO 639-1."""
    entry: str
    """Its id; empty for a new one."""
    given: Given
    version: str = ""
    """That the form was begun on; empty for what was not there."""
    learnt: tuple[str, ...] = ()
    """What callers said that the new entry is made for."""
    theirs: frozenset[str] = frozenset()
    """Fields to leave as somebody else has written them meanwhile."""

    @property
    def address(self) -> str:
        """Of its page."""
        return f"/questions/{self.language}/{self.entry}" if self.entry else f"/questions/{NEW}"

    @property
    def tools(self) -> str:
        """Where its addresses for checking, listening and trying begin."""
        return f"/questions/{self.language}/{self.entry or NEW}"

    @property
    def wanted(self) -> Written:
        """The entry that is typed, with its id."""
        wanted = entry_of(self.given, self.language)
        name = self.entry or str(wanted.get("id") or new_id(self.given.fields["title"]))
        return {**wanted, "id": name or UNNAMED}

    def edit(self, root: Path) -> Edit:
        """The edit of the files under ``root``. Reads them.

        Raises Conflict when the entry is no longer the version that the form was begun on, and
        KnowledgeError when its file is no YAML.
        """
        wanted = self.wanted
        found = editing.find(root, self.language, self.entry) if self.entry else None
        if version(found.data if found else None) != self.version:
            raise Conflict(found.data if found else None)
        if found is None:
            if self.entry and (self.language == REFERENCE or not _translatable(root, self)):
                raise Conflict(None)
            return Edit(self.language, wanted["id"], None, wanted)
        return Edit(self.language, self.entry, found.data, _as_written(found, wanted, self.theirs))


def _translatable(root: Path, sheet: Sheet) -> bool:
    return editing.find(root, REFERENCE, sheet.entry) is not None


def _as_written(found: Found, wanted: Written, theirs: frozenset[str]) -> Written:
    """What is wanted, without what its file says already, and with some fields as they are."""
    if wanted.get("department") == found.department and "department" not in found.data:
        wanted = {name: value for name, value in wanted.items() if name != "department"}
    if found.data.get("priority") == "0" and "priority" not in wanted:
        wanted["priority"] = 0
    kept = {name: one for name, one in wanted.items() if name not in theirs}
    return kept | {name: found.data[name] for name in theirs if name in found.data}


async def sent(request: Request, language: str, entry: str) -> Sheet:
    """The form as a browser sent it. An address without a language is a 404."""
    form = await request.form()
    learnt = [one for one in form.getlist("appris") if isinstance(one, str)]
    return Sheet(
        language_named(language),
        "" if entry == NEW else entry,
        received(form),
        str(form.get("version", "")),
        tuple(learnt[:500]),
        frozenset(
            name.removeprefix("choix_") for name, value in form.items() if value == "leur"
        ),
    )  # fmt: skip


Sent = Annotated[Sheet, Depends(sent)]


async def sent_new(request: Request) -> Sheet:
    """The form of a new question."""
    return await sent(request, REFERENCE, NEW)


SentNew = Annotated[Sheet, Depends(sent_new)]


def language_named(name: str) -> str:
    """A language of an address; else a 404."""
    if not re.fullmatch("[a-z]{2}", name):
        raise HTTPException(404)
    return name


async def faults_by_field(root: Path, edit: Edit, error: KnowledgeError) -> Mapping[str, list[str]]:
    """What keeps an edit from being saved, by field; under an empty name, of none."""
    try:
        made = await asyncio.to_thread(editing.drafts, root, edit)
        found = editing.by_field(made[0], edit.entry, error.faults)
        return {name: [beside(one) for one in some] for name, some in found.items()}
    except (IvrError, OSError):
        return {"": [str(error)]}
