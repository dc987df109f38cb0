"""Operators and queues as the console is told of them."""

from __future__ import annotations

from ivr.live.messages import LiveOperator, LiveQueue, People, Waiting
from ivr.operators.presence import Presence


def people_now(presence: Presence) -> People | None:
    """What everybody is doing; None while that is not known."""
    if not presence.known:
        return None
    operators = tuple(
        LiveOperator(one.extension, one.state, one.since, one.reason, one.call_id)
        for one in presence.snapshot()
    )
    callers = presence.callers()
    queues = tuple(
        LiveQueue(
            department,
            tuple(
                Waiting(one.call_id, one.number or None, one.since)
                for one in callers
                if one.queue == department
            ),
            free=queue.free,
            present=queue.present,
            wait_s=queue.wait_s,
        )
        for department, queue in presence.queues().items()
    )
    return People(operators, queues)
