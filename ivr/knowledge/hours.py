"""When the town hall's places are open, and who answers the telephone when: pure, no clock.

Every function is given the moment or the day it is asked about. Moments are time zone aware;
openings are wall-clock times in the town's own zone, whatever summer time does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ivr.knowledge.intervals import (
    WHOLE_DAY,
    Interval,
    Opening,
    Openings,
    Period,
    in_sequence,
)
from ivr.knowledge.public_holidays import public_holidays
from ivr.knowledge.text import sayable
from ivr.yamlfile import Model

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""Names of the days in ``hours.yaml``, as ``date.weekday()`` numbers them."""
HORIZON = 400
"""How many days ahead the next opening is looked for."""


class Mode(StrEnum):
    """Who answers."""

    MACHINE_FIRST = "machine-first"
    """The machine answers, and passes calls to operators."""
    OPERATORS_FIRST = "operators-first"
    """Operators first; the machine when they are all taken."""
    MACHINE_ALONE = "machine-alone"
    """The machine alone; requests for an operator become callbacks."""


class Schedule(Model):
    """The weekly opening hours of one place; a day that is not written is a day closed."""

    monday: Openings = ()
    tuesday: Openings = ()
    wednesday: Openings = ()
    thursday: Openings = ()
    friday: Openings = ()
    saturday: Openings = ()
    sunday: Openings = ()
    every_day: Openings = ()
    """The hours of each day that is not written itself."""
    open_on_public_holidays: bool = False

    @field_validator(*DAYS, "every_day")
    @classmethod
    def _ordered(cls, value: Openings) -> Openings:
        return in_sequence(value)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any(self.week()):
            raise ValueError("aucun jour d'ouverture n'est écrit : ajoutez-en un")
        return self

    def week(self) -> tuple[Openings, ...]:
        """The openings of Monday to Sunday."""
        return tuple(
            getattr(self, day) if day in self.model_fields_set else self.every_day for day in DAYS
        )


class _Dates(Model):
    """From one day to another, both included; one day when ``until`` is not written."""

    first: date = Field(alias="from")
    until: date | None = None
    schedules: tuple[str, ...] = ()
    """The schedules concerned; all when empty."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until is not None and self.until < self.first:
            raise ValueError("la fin (« until ») vient avant le début (« from »)")
        return self

    def covers(self, schedule: str | None, day: date) -> bool:
        """Whether it concerns this schedule on this day."""
        concerned = not self.schedules or schedule in self.schedules
        return concerned and self.first <= day <= (self.until or self.first)


class Closure(_Dates):
    """A day, some days or a part of a day when what is usually open is not."""

    hours: Opening = WHOLE_DAY
    reason: Annotated[str, AfterValidator(sayable)] = Field(min_length=1, max_length=200)
    """Completes "c'est …": "le pont de l'Ascension"."""


class ExtraOpening(_Dates):
    """Hours that replace the weekly ones, public holidays included."""

    hours: Openings = Field(min_length=1)

    @field_validator("hours")
    @classmethod
    def _ordered(cls, value: Openings) -> Openings:
        return in_sequence(value)


_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{1,2}):(\d{2}))?")


def _moment_written(value: Any) -> datetime:
    """``2026-12-24 14:00``, or a day alone: its midnight. Wall-clock time of the town."""
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if found is None:
            raise ValueError
        day, hour, minute = found.groups()
        return datetime.combine(date.fromisoformat(day), time(int(hour or 0), int(minute or 0)))
    except ValueError:
        raise ValueError(
            f"« {value} » n'est pas un moment : écrivez 2026-12-24 14:00, ou 2026-12-24"
        ) from None


WallClock = Annotated[
    datetime,
    PlainValidator(_moment_written),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}([ T]\d{1,2}:\d{2})?$"}),
]
"""A moment on the town's clocks, without a time zone."""


class Announcement(Model):
    """What the greeting says besides, for a while: "Exceptionnellement, …"."""

    text: Annotated[str, AfterValidator(sayable)] = Field(min_length=1, max_length=300)
    first: WallClock = Field(alias="from")
    until: WallClock
    """It is no longer said from then on."""

    @property
    def sentence(self) -> str:
        """The text as it is said, with a full stop where it has no end."""
        return self.text if self.text.endswith((".", "!", "?", "…")) else f"{self.text}."

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until <= self.first:
            raise ValueError("la fin (« until ») doit venir après le début (« from »)")
        return self


DayKind = Literal[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday",
    "closure",
]  # fmt: skip


class ModeLine(Model):
    """Who answers on these days at these hours; the first line that fits wins."""

    mode: Mode
    days: tuple[DayKind, ...] = ()
    """``holiday``: a public holiday; ``closure``: the switchboard's schedule is under a closure."""
    hours: Period | None = None
    """A period that ends before it starts goes on to the next morning."""


@dataclass(frozen=True)
class Day:
    """The openings of one place on one day."""

    date: date
    intervals: tuple[Interval, ...]
    holiday: str = ""
    """The name of the public holiday that closes it."""
    closure: str = ""
    """Why it is closed, or open less than usual."""


class Hours(Model):
    """``hours.yaml``: opening hours, closures, and who answers when."""

    time_zone: str = "Europe/Paris"
    public_holidays: str = "FR"
    """``FR``, or with a subdivision: ``FR-57`` (Moselle), ``FR-67``, ``FR-974``…"""
    switchboard: str | None = None
    """The schedule whose closures are the switchboard's own."""
    schedules: dict[str, Schedule]
    closures: tuple[Closure, ...] = ()
    openings: tuple[ExtraOpening, ...] = ()
    modes: tuple[ModeLine, ...] = (ModeLine(mode=Mode.MACHINE_FIRST),)
    announcements: tuple[Announcement, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(
                f"le fuseau horaire « {value} » est inconnu : Europe/Paris, Indian/Reunion…"
            ) from error
        return value

    @field_validator("public_holidays")
    @classmethod
    def _known_region(cls, value: str) -> str:
        try:
            public_holidays(value, 2026)
        except (KeyError, NotImplementedError, ValueError) as error:
            raise ValueError(
                f"« {value} » est inconnu : FR, ou FR-57 (Moselle), FR-67 (Alsace), FR-974…"
            ) from error
        return value

    @field_validator("modes")
    @classmethod
    def _all_times(cls, value: tuple[ModeLine, ...]) -> tuple[ModeLine, ...]:
        if not value or value[-1].days or value[-1].hours:
            raise ValueError(
                "la dernière ligne doit valoir pour tous les autres moments : "
                "ajoutez « - {mode: machine-first} » à la fin"
            )
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The town's time zone."""
        return ZoneInfo(self.time_zone)

    def local(self, at: datetime) -> datetime:
        """The moment on the town's clocks. Raises ValueError when ``at`` has no time zone."""
        if at.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return at.astimezone(self.zone)

    def holiday(self, day: date) -> str:
        """The French name of the public holiday, or ``""``."""
        return public_holidays(self.public_holidays, day.year).get(day, "")

    def open_on(self, schedule: str, day: date) -> Day:
        """The openings on a day, and why there are none or fewer. KeyError: no such schedule."""
        rules = self.schedules[schedule]
        usual: tuple[Interval, ...] = rules.week()[day.weekday()]
        extra = self._extra(schedule, day)
        holiday = "" if extra or rules.open_on_public_holidays else self.holiday(day)
        left, reason = self._left(schedule, day, extra or (() if holiday else usual))
        return Day(day, left, holiday, reason)

    def _extra(self, schedule: str | None, day: date) -> Openings:
        return next((o.hours for o in self.openings if o.covers(schedule, day)), ())

    def _left(
        self, schedule: str | None, day: date, planned: tuple[Interval, ...]
    ) -> tuple[tuple[Interval, ...], str]:
        """What closures leave of a day, and the reason of the last that took some of it."""
        left, reason = planned, ""
        for closure in self.closures:
            if closure.covers(schedule, day):
                after = tuple(p for part in left for p in part.without(closure.hours))
                if after != left:
                    left, reason = after, closure.reason
        return left, reason

    def unusual(self, schedule: str, day: date) -> bool:
        """Whether the openings of a day are not those of its weekday. KeyError as ``open_on``."""
        usual = self.schedules[schedule].week()[day.weekday()]
        return self.open_on(schedule, day).intervals != usual

    def is_open(self, schedule: str, at: datetime) -> bool:
        """Whether it is open at this moment (the closing minute is not)."""
        local = self.local(at)
        minute = _minute(local)
        day = self.open_on(schedule, local.date())
        return any(part.start <= minute < part.end for part in day.intervals)

    def next_opening(self, schedule: str, at: datetime) -> datetime | None:
        """When it next opens, strictly after ``at``; None if not within HORIZON days."""
        local = self.local(at)
        for ahead in range(HORIZON):
            day = local.date() + timedelta(days=ahead)
            for part in self.open_on(schedule, day).intervals:
                opening = self.moment(day, part.start)
                if opening > at:
                    return opening
        return None

    def reachable_on(self, schedule: str, day: date) -> tuple[Interval, ...]:
        """When, on a day, it is open while people answer the telephone. KeyError as ``open_on``."""
        turns = self._turns(day)
        found: list[Interval] = []
        for part in self.open_on(schedule, day).intervals:
            within = sorted(minute for minute in turns if part.start < minute < part.end)
            for start, end in pairwise([part.start, *within, part.end]):
                if self.mode(self.moment(day, start)) is Mode.MACHINE_ALONE:
                    continue
                if found and found[-1].end == start:
                    start = found.pop().start
                found.append(Interval(start, end))
        return tuple(found)

    def next_reachable(self, schedule: str, at: datetime) -> datetime | None:
        """When, strictly after ``at``, it is open while people answer the telephone.

        None if not within HORIZON days.
        """
        first = self.local(at).date()
        for ahead in range(HORIZON):
            day = first + timedelta(days=ahead)
            parts = self.open_on(schedule, day).intervals
            for minute in sorted({part.start for part in parts} | self._turns(day)):
                if any(part.start <= minute < part.end for part in parts):
                    moment = self.moment(day, minute)
                    if moment > at and self.mode(moment) is not Mode.MACHINE_ALONE:
                        return moment
        return None

    def _turns(self, day: date) -> set[int]:
        """The minutes of a day at which somebody else may begin to answer."""
        periods = [line.hours for line in self.modes if line.hours] + [*self._extra_shift(day)]
        return {minute for one in periods for minute in (one.start, one.end)}

    def _extra_shift(self, day: date) -> tuple[Interval, ...]:
        """When the switchboard's schedule is open by an exceptional opening."""
        return self._left(self.switchboard, day, self._extra(self.switchboard, day))[0]

    def announced(self, at: datetime) -> list[str]:
        """The texts of the announcements that are valid at this moment."""
        wall = self.local(at).replace(tzinfo=None)
        return [one.sentence for one in self.announcements if one.first <= wall < one.until]

    def mode(self, at: datetime) -> Mode:
        """Who answers at this moment: never the machine alone during an exceptional opening.

        Unless it answers alone at all times, where there are no operators.
        """
        local = self.local(at)
        today, yesterday = local.date(), local.date() - timedelta(days=1)
        minute = _minute(local)
        opened = any(part.start <= minute < part.end for part in self._extra_shift(today))
        opened = opened and any(line.mode is not Mode.MACHINE_ALONE for line in self.modes)
        for line in self.modes:
            if opened and line.mode is Mode.MACHINE_ALONE:
                continue
            period = line.hours or WHOLE_DAY
            if period.start < period.end:
                fits = period.start <= minute < period.end and self._is(line, today, minute)
            else:  # a night belongs to the day on which it begins
                fits = (minute >= period.start and self._is(line, today, minute)) or (
                    minute < period.end and self._is(line, yesterday, 1439)
                )
            if fits:
                return line.mode
        return Mode.MACHINE_FIRST

    def _is(self, line: ModeLine, day: date, minute: int) -> bool:
        return (
            not line.days
            or DAYS[day.weekday()] in line.days
            or ("holiday" in line.days and bool(self.holiday(day)))
            or (
                "closure" in line.days
                and any(
                    c.covers(self.switchboard, day) and c.hours.start <= minute < c.hours.end
                    for c in self.closures
                )
            )
        )

    def moment(self, day: date, minute: int) -> datetime:
        """That many minutes after a day's midnight, as the town's clocks show them."""
        midnight = datetime.combine(day, time(), self.zone) + timedelta(minutes=minute)
        return midnight.astimezone(UTC).astimezone(self.zone)  # a time that summer time skips


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute
