"""Operators begin and end their work at the hours of their shifts, unless they say otherwise.

Only a change of shift does something: who signs in by hand outside their hours stays signed in
until their next shift has ended. The last change carried out is in Asterisk's own database, so that
a restart of the application repeats none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta

from ivr.asterisk.ami import Ami
from ivr.asterisk.render import ABSENT
from ivr.errors import AsteriskError
from ivr.knowledge.base import Knowledge
from ivr.knowledge.directory import Operator
from ivr.knowledge.hours import Hours, Schedule
from ivr.knowledge.intervals import Interval
from ivr.operators.presence import FAMILY, resume, sign_out

log = logging.getLogger(__name__)

DONE = "shift"
"""Family in Asterisk's database: each extension's last change of shift."""
LOOK_S = 20.0
"""Seconds between two looks at the clock."""
DAYS_BACK = 60
"""Days in which the last change is looked for: more than any usual closure."""


def working(
    shifts: Schedule, hours: Hours, day: date, schedules: Collection[str] = ()
) -> tuple[Interval, ...]:
    """The hours of a shift on a day: neither on public holidays nor during closures.

    schedules: those of the operator's departments; a closure counts when it concerns all of them.
    Additional openings do not count: nobody has to work then who has not said so.
    """
    if hours.holiday(day) and not shifts.open_on_public_holidays:
        return ()
    left: tuple[Interval, ...] = shifts.week()[day.weekday()]
    concerned: Collection[str | None] = schedules or [None]
    for closure in hours.closures:
        if all(closure.covers(one, day) for one in concerned):
            left = tuple(part for one in left for part in one.without(closure.hours))
    return left


def last_change(
    shifts: Schedule, hours: Hours, at: datetime, schedules: Collection[str] = ()
) -> tuple[datetime, bool] | None:
    """When the latest shift began (True) or ended (False), up to ``at``; None when long ago."""
    today = hours.local(at).date()
    changes = [
        (hours.moment(day, minute), begins)
        for day in (today - timedelta(days=back) for back in range(DAYS_BACK))
        for one in working(shifts, hours, day, schedules)
        for minute, begins in ((one.start, True), (one.end, False))
    ]
    return max((change for change in changes if change[0] <= at), default=None)


async def keep_shifts(
    client: Ami, knowledge: Callable[[], Knowledge], now: Callable[[], datetime]
) -> None:
    """Sign operators in and out for ever."""
    while True:
        await client.connected.wait()
        known = knowledge()
        try:
            for one in known.operators:
                await carry_out(client, one, known, now())
        except AsteriskError as error:
            log.warning("the operators' shifts are not followed: %s", error)
        await asyncio.sleep(LOOK_S)


async def carry_out(client: Ami, operator: Operator, known: Knowledge, at: datetime) -> None:
    """Do what an operator's latest change of shift wants, once. Raises AsteriskError."""
    extension = operator.extension
    if operator.shifts is None:
        return
    schedules = {known.departments[one].schedule for one in operator.departments}
    if not (found := last_change(operator.shifts, known.hours, at, schedules)):
        return
    when, begins = found
    mark = f"{when.isoformat()} {begins}"
    if await client.recall(DONE, extension) == mark:
        return
    if not begins:
        await sign_out(client, extension)
    elif await client.recall(FAMILY, extension) == ABSENT:
        await resume(client, extension)
    await client.remember(DONE, extension, mark)
    log.info("%s: the shift %s", operator.name, "begins" if begins else "ends")
