"""Who changed which question of the FAQ, what differs, and how to take it back."""

from __future__ import annotations

import difflib
import re
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from ivr.console import web
from ivr.console.desk import OwnDesk
from ivr.console.question_form import NAMES, readable
from ivr.errors import IvrError
from ivr.faq.history import differences, from_json
from ivr.knowledge.catalogue import REFERENCE

router = APIRouter()

SIMILAR = 0.6
"""Likeness, 0.0 to 1.0, below which two texts are shown one after the other, not word by word."""


@router.get("/questions/historique")
async def history(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, langue: str = "",
    question: str = "",
) -> Response:  # fmt: skip
    knowledge = shared.store.current

    def title(language: str, entry: str) -> str:
        known = knowledge.entries_in(language).get(entry)
        return known.title if known else entry

    if question:
        changes = await own.history.of(langue or REFERENCE, question)
    else:
        changes = await own.history.latest()
    rows = [
        (
            one,
            [
                (NAMES.get(part.field, part.field), _marked(part.before, part.after))
                for part in differences(from_json(one.before), from_json(one.after))
            ],
        )
        for one in changes
    ]
    return web.page(
        request,
        "questions/history.html",
        {"rows": rows, "question": question, "language": langue or REFERENCE,
         "names": await own.names(), "title": title, "undone": {one.undoes for one in changes}},
    )  # fmt: skip


@router.post("/questions/historique/{number}/annuler")
async def undo(request: Request, person: web.Admin, own: OwnDesk, number: web.Row) -> Response:
    change = await own.history.change(number)
    if change is None:
        raise HTTPException(404)
    where = f"/questions/historique?langue={change.language}&question={change.entry}"
    try:
        await own.undo(change, person.login)
    except IvrError as error:
        return web.go_to(request, where, f"Rien n'a été annulé. {error}"[:900])
    return web.go_to(request, where, "Modification annulée.")


def _marked(before: Any, after: Any) -> list[tuple[str, str]]:
    """What is new and what is gone: pieces of text, each ``=``, ``+`` or ``-``."""
    if isinstance(before, list | dict) or isinstance(after, list | dict):
        old = [] if before is None else readable(before).split("\n")
        new = [] if after is None else readable(after).split("\n")
        lines = difflib.ndiff(old, new)
        return [(line[0], line[2:] + "\n") for line in lines if line[0] in "+-"]
    old, new = (re.findall(r"\s+|[^\s]+", one or "") for one in (before, after))
    compared = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if compared.ratio() < SIMILAR:
        return [(sign, text + "\n") for sign, text in (("-", before), ("+", after)) if text]
    found = []
    for how, i, j, k, m in compared.get_opcodes():
        if how == "equal":
            found.append(("=", "".join(old[i:j])))
        else:
            found += [("-", "".join(old[i:j])), ("+", "".join(new[k:m]))]
    return [piece for piece in found if piece[1]]
