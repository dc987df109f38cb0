"""An operator notes that somebody is to be called back: the callback is taken down at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from ivr.callbacks.listing import reschedule
from ivr.callbacks.schedule import Wish
from ivr.console import call_data, callback_pages, web
from ivr.console.accounts import Person
from ivr.dialogue import numbers
from ivr.errors import CallbackError

LATER = timedelta(hours=1)
"""When no moment is given: whoever has just hung up need not be rung again this minute."""
LONGEST_REASON = 120
"""Characters of a note that become the reason of its callback."""


async def call_back(
    shared: web.Parts, person: Person, call_id: str, departments: Collection[str], *,
    note: str, when: str, now: datetime,
) -> str:  # fmt: skip
    """Have the caller of a call called back; returns what to tell.

    departments: those of the call that are the operator's. Raises CallbackError, in French, when
    nobody can be called back; a moment that is not understood is told, and the callback taken.
    """
    knowledge, allowed = shared.store.current, shared.settings.callbacks
    logged = await call_data.call_with_turns(shared.database, call_id)
    stay = await call_data.stay(shared.database, call_id)
    presented = (logged.caller_number if logged else None) or (stay.caller_number if stay else None)
    kinds = {name for name in ("foreign", "premium") if getattr(allowed, name)}
    number = numbers.check(presented or "", knowledge.own_numbers, frozenset(kinds))
    if isinstance(number, numbers.Refused):
        raise CallbackError(
            "le numéro de cet appel est masqué, ou ne peut pas être rappelé : notez-le vous-même"
        )
    department = stay.department if stay and stay.department in departments else min(departments)
    reason = " ".join(note.split())[:LONGEST_REASON] or (stay.reason if stay else "")
    wish = Wish(number, department, reason, "", call_id, now, due=now + LATER, origin="operator")
    callbacks = callback_pages.callbacks_of(shared)
    reference, _ = await callbacks.take(wish)
    whose = ""
    if person.extension:
        try:
            await callbacks.claim(reference, person.extension, now)
            whose = ", à votre nom"
        except CallbackError:  # a colleague has it already
            pass
    told = f"Rappel {reference} noté{whose}"
    if not when:
        return f"{told}, dans une heure au plus tôt."
    try:
        moved = await reschedule(callbacks, knowledge, reference, when, now)
    except CallbackError as error:
        return f"{told}, dans une heure au plus tôt : {error}."
    return f"{moved.removesuffix('.')}{whose}."
