"""Whose telephone a callback rings: somebody free whom no waiting caller needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from ivr.asterisk.ami_events import Member
from ivr.operators.presence import extension_of

Serving = Mapping[str, Collection[str]]
"""By the extension of an operator, the queues that they serve."""


def operator_for(
    department: str,
    holder: str | None,
    members: Sequence[Member],
    waiting: Sequence[str],
    taken: Collection[str],
) -> str | None:
    """The extension that a callback rings; None while nobody can be spared.

    holder: who has claimed it, and is rung alone. waiting: the queue of each caller who waits.
    taken: who is being rung for other callbacks.
    """
    free = _free(members, taken)
    most = served(waiting, free)
    for member in sorted(members, key=lambda one: one.penalty):
        extension = extension_of(member.interface)
        if member.queue != department or extension is None or extension not in free:
            continue
        if holder in (None, extension):
            others = {name: queues for name, queues in free.items() if name != extension}
            if served(waiting, others) == most:
                return extension
    return None


def served(waiting: Iterable[str], free: Serving) -> int:
    """How many of the callers who wait can be taken at once, each by one of these operators."""
    callers = Counter(waiting)
    taking: dict[str, str] = {}  # the queue from which each operator would take a caller

    def take(queue: str, asked: set[str]) -> bool:
        for extension, queues in free.items():
            if queue in queues and extension not in asked:
                asked.add(extension)
                if extension not in taking or take(taking[extension], asked):
                    taking[extension] = queue
                    return True
        return False

    return sum(take(queue, set()) for queue in callers.elements())


def _free(members: Iterable[Member], taken: Collection[str]) -> dict[str, set[str]]:
    free: dict[str, set[str]] = {}
    for member in members:
        extension = extension_of(member.interface)
        ready = member.state == "free" and not member.paused and not member.in_call
        if ready and extension is not None and extension not in taken:
            free.setdefault(extension, set()).add(member.queue)
    return free
