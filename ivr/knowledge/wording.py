"""Days, dates and hours as they are written in an answer; French here, others from a file.

French is in this module, as the reference; ``knowledge/wording/<language>.yaml`` gives the same
fields for another language. All texts are patterns of ``str.format``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator

from ivr.knowledge.hours import Hours
from ivr.knowledge.intervals import WHOLE_DAY, Interval, Openings
from ivr.yamlfile import Model

Seven = Annotated[tuple[str, ...], Field(min_length=7, max_length=7)]
Twelve = Annotated[tuple[str, ...], Field(min_length=12, max_length=12)]


class Wording(Model):
    """The words of one language for opening hours."""

    model_config = ConfigDict(str_strip_whitespace=False)  # " and " keeps its spaces

    days: Seven = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
    months: Twelve = (
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    )  # fmt: skip
    first_of_month: str = "1er"
    date: str = "{weekday} {day} {month}"
    today: str = "aujourd'hui"
    tomorrow: str = "demain"
    hour: str = "{h} h"
    """``h`` is 0-24, ``h12`` is 1-12, ``half`` is the morning's or the afternoon's mark."""
    hour_minutes: str = "{h} h {m:02d}"
    halves: tuple[str, str] = ("du matin", "de l'après-midi")
    midnight: str = "minuit"
    from_to: str = "de {start} à {end}"
    all_day: str = "jour et nuit"
    and_: str = Field(default=" et ", alias="and")
    comma: str = ", "
    one_day: str = "le {day}"
    several_days: str = "du {first} au {last}"
    every_day: str = "tous les jours"
    except_: str = Field(default="{days} sauf {excepted}", alias="except")
    on_days: str = "{days}, {hours}"
    groups: str = " ; "
    town_hall: str = "la mairie"
    plural: str = "les "
    """How a name begins that wants the plural sentence."""
    open: str = "{day}, {name} vous accueille {hours}."
    open_plural: str = "{day}, {name} vous accueillent {hours}."
    open_less: str = "{day}, c'est {reason} : {name} vous accueille {hours} seulement."
    open_less_plural: str = "{day}, c'est {reason} : {name} vous accueillent {hours} seulement."
    closed: str = "{day}, {name} n'ouvre pas."
    closed_plural: str = "{day}, {name} n'ouvrent pas."
    closed_reason: str = "{day}, c'est {reason} : {name} n'ouvre pas."
    closed_reason_plural: str = "{day}, c'est {reason} : {name} n'ouvrent pas."
    closed_holiday: str = "{day}, c'est un jour férié : {name} n'ouvre pas."
    closed_holiday_plural: str = "{day}, c'est un jour férié : {name} n'ouvrent pas."
    moment: str = "{day} à {time}"
    soon: str = "dès que possible"
    soon_from: str = "dès que possible, au plus tôt {moment}"
    not_before: str = "dès {moment}"
    about_time: str = "{day}, vers {time}"
    between_times: str = "{day}, entre {start} et {end}"
    between_days: str = "entre {first} et {last}"
    next: str = "Prochaine ouverture : {day}, à {time}."

    @field_validator("*")
    @classmethod
    def _pattern(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value.format(**dict.fromkeys(_PLACES, "x"), **dict.fromkeys(_NUMBERS, 1))
            except (LookupError, ValueError, AttributeError) as error:
                raise ValueError("une accolade est de trop, ou un mot entre accolades") from error
        return value


_NUMBERS = ("h", "h12", "m")
_PLACES = (
    "weekday", "day", "month", "start", "end", "half", "first", "last", "days", "excepted",
    "hours", "name", "reason", "time", "moment",
)  # fmt: skip

FRENCH = Wording()


def clock(minute: int, words: Wording = FRENCH) -> str:
    """A time of day, given in minutes from midnight: ``8 h 30``."""
    if minute % 1440 == 0:
        return words.midnight
    hour, rest = divmod(minute, 60)
    pattern = words.hour_minutes if rest else words.hour
    half = words.halves[hour % 24 >= 12]
    return pattern.format(h=hour, h12=(hour - 1) % 12 + 1, m=rest, half=half)


def intervals(openings: Sequence[Interval], words: Wording = FRENCH) -> str:
    """``de 8 h 30 à 12 h et de 13 h 30 à 17 h``."""
    if not openings:
        return ""
    if len(openings) == 1 and openings[0] == WHOLE_DAY:
        return words.all_day
    return _listed(
        (
            words.from_to.format(start=clock(part.start, words), end=clock(part.end, words))
            for part in openings
        ),
        words,
    )


def day_name(day: date, today: date, words: Wording = FRENCH) -> str:
    """``aujourd'hui``, ``demain`` or ``samedi 14 novembre`` (with the year when far away)."""
    if day == today:
        return words.today
    if day == today + timedelta(days=1):
        return words.tomorrow
    number = words.first_of_month if day.day == 1 else str(day.day)
    text = words.date.format(
        weekday=words.days[day.weekday()], day=number, month=words.months[day.month - 1]
    )
    return text if abs((day - today).days) < 300 else f"{text} {day.year}"


def moment(at: datetime, now: datetime, words: Wording = FRENCH) -> str:
    """``demain à 8 h 30``, ``lundi à 8 h 30`` or ``le lundi 23 novembre à 8 h 30``.

    Both in the town's time zone.
    """
    day = near_day(at.date(), now.date(), words)
    return words.moment.format(day=day, time=clock(at.hour * 60 + at.minute, words))


def near_day(day: date, today: date, words: Wording = FRENCH) -> str:
    """``demain``, ``lundi`` within a week, or ``le lundi 23 novembre``."""
    if today + timedelta(days=1) < day < today + timedelta(days=7):
        return words.days[day.weekday()]
    name = day_name(day, today, words)
    return words.one_day.format(day=name) if day > today + timedelta(days=1) else name


def weekly(hours: Hours, schedule: str, words: Wording = FRENCH) -> str:
    """The weekly hours, days with the same ones together. KeyError: no such schedule."""
    groups: dict[Openings, list[int]] = {}
    for number, openings in enumerate(hours.schedules[schedule].week()):
        if openings:
            groups.setdefault(openings, []).append(number)
    return words.groups.join(
        words.on_days.format(days=_days(numbers, words), hours=intervals(openings, words))
        for openings, numbers in groups.items()
    )


def about_day(
    hours: Hours,
    schedule: str,
    day: date,
    today: date,
    *,
    name: str = "la mairie",
    words: Wording = FRENCH,
) -> str:
    """One or two sentences that answer "êtes-vous ouverts ce jour-là ?".

    ``name`` is who is meant, with its article. KeyError: no such schedule.
    """
    what = hours.open_on(schedule, day)
    usual = hours.schedules[schedule].week()[day.weekday()]
    said = {
        "day": _capital(day_name(day, today, words)),
        "name": name,
        "hours": intervals(what.intervals, words),
        "reason": what.closure,
    }
    kind = "closed"
    if what.intervals:
        kind = "open_less" if what.closure else "open"
    elif what.closure:
        kind = "closed_reason"
    elif what.holiday and usual:
        kind = "closed_holiday"
    if words.plural and name.casefold().startswith(words.plural):
        kind += "_plural"
    sentence = str(getattr(words, kind)).format(**said)
    if what.intervals:
        return sentence
    return f"{sentence} {next_opening(hours, schedule, day, today, words)}".rstrip()


def next_opening(
    hours: Hours, schedule: str, after: date, today: date, words: Wording = FRENCH
) -> str:
    """``Prochaine ouverture : lundi 16 novembre, à 8 h 30.``; empty when there is none in sight."""
    for ahead in range(1, 400):
        day = after + timedelta(days=ahead)
        if openings := hours.open_on(schedule, day).intervals:
            return words.next.format(
                day=day_name(day, today, words), time=clock(openings[0].start, words)
            )
    return ""


def _days(numbers: list[int], words: Wording) -> str:
    """Days of the week in as few words as possible."""
    if len(numbers) == 7:
        return words.every_day
    missing = [n for n in range(numbers[0], numbers[-1] + 1) if n not in numbers]
    if len(numbers) == 6:
        alone = next(n for n in range(7) if n not in numbers)
        return words.except_.format(days=words.every_day, excepted=_one(alone, words))
    if len(numbers) >= 4 and len(missing) == 1:
        span = words.several_days.format(first=words.days[numbers[0]], last=words.days[numbers[-1]])
        return words.except_.format(days=span, excepted=_one(missing[0], words))
    parts: list[str] = []
    run: list[int] = []
    for number in [*numbers, 99]:
        if run and number != run[-1] + 1:
            if len(run) > 2:
                first, last = words.days[run[0]], words.days[run[-1]]
                parts.append(words.several_days.format(first=first, last=last))
            else:
                parts += [_one(n, words) for n in run]
            run = []
        run.append(number)
    return _listed(parts, words)


def _one(number: int, words: Wording) -> str:
    return words.one_day.format(day=words.days[number])


def _listed(parts: Iterable[str], words: Wording) -> str:
    *most, last = parts
    return words.comma.join(most) + (words.and_ if most else "") + last


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
