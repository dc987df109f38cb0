"""Opening hours, closures and who answers when; the days callers ask about, and what they hear."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.knowledge import wording
from ivr.knowledge.dates import days_asked, only_days
from ivr.knowledge.hours import DAYS, Hours, Mode
from ivr.knowledge.intervals import Interval

WEEK = {day: ["08:30-12:00", "13:30-17:30"] for day in DAYS[:5]}
MODES = [
    {"mode": "machine-alone", "days": ["saturday", "sunday", "holiday", "closure"]},
    {"mode": "machine-alone", "hours": "18:00-09:00"},
    {"mode": "operators-first", "hours": "09:00-10:00", "days": ["monday"]},
    {"mode": "machine-first"},
]
HOURS = Hours.model_validate(
    {
        "switchboard": "mairie",
        "schedules": {
            "mairie": {**WEEK, "saturday": ["09:00-12:00"]},
            "cimetiere": {"every_day": ["08:00-18:00"], "open_on_public_holidays": True},
            "piscine": {"every_day": ["10:00-19:00"], "monday": []},
            "nuit": {"every_day": ["00:00-24:00"]},
        },
        "closures": [
            {"from": "2026-12-24", "hours": "12:00-24:00", "reason": "le réveillon de Noël"},
            {"from": "2027-05-07", "reason": "le pont de l'Ascension", "schedules": ["mairie"]},
            {
                "from": "2027-08-02",
                "until": "2027-08-15",
                "reason": "la vidange",
                "schedules": ["piscine"],
            },
        ],
        "openings": [{"from": "2026-11-11", "hours": ["10:00-12:00"], "schedules": ["piscine"]}],
        "modes": MODES,
    }
)

TODAY = date(2026, 11, 5)
"""A Thursday."""


def paris(text: str) -> datetime:
    """A moment on the town's clocks: ``2026-11-05 09:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=HOURS.zone)


# --- open or closed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "at", "is_open"),
    [
        ("mairie", "2026-11-05 08:29", False),
        ("mairie", "2026-11-05 08:30", True),
        ("mairie", "2026-11-05 12:00", False),
        ("mairie", "2026-11-07 09:00", True),
        ("mairie", "2026-11-08 10:00", False),
        ("mairie", "2026-11-11 10:00", False),  # a public holiday
        ("cimetiere", "2026-11-11 10:00", True),
        ("piscine", "2026-11-11 11:00", True),  # opened that day
        ("piscine", "2026-11-11 13:00", False),  # at other hours than usual
        ("piscine", "2026-11-09 11:00", False),  # every day but Monday
        ("mairie", "2026-12-24 10:00", True),
        ("mairie", "2026-12-24 14:00", False),
        ("mairie", "2027-05-07 10:00", False),  # the bridge of Ascension
        ("cimetiere", "2027-05-07 10:00", True),
        ("piscine", "2027-08-15 11:00", False),
        ("nuit", "2026-11-05 23:59", True),
    ],
)
def test_open(schedule: str, at: str, is_open: bool) -> None:
    assert HOURS.is_open(schedule, paris(at)) is is_open


@pytest.mark.parametrize(
    ("schedule", "at", "opening"),
    [
        ("mairie", "2026-11-05 08:00", "2026-11-05 08:30"),
        ("mairie", "2026-11-05 08:30", "2026-11-05 13:30"),
        ("mairie", "2026-11-07 12:00", "2026-11-09 08:30"),
        ("mairie", "2026-11-10 18:00", "2026-11-12 08:30"),
        ("mairie", "2026-12-24 12:30", "2026-12-26 09:00"),
        ("piscine", "2027-08-01 19:00", "2027-08-17 10:00"),  # Monday the 16th: closed as ever
    ],
)
def test_next_opening(schedule: str, at: str, opening: str) -> None:
    assert HOURS.next_opening(schedule, paris(at)) == paris(opening)


def test_reachable_is_open_with_people_at_the_telephone() -> None:
    assert HOURS.next_reachable("mairie", paris("2026-11-05 17:45")) == paris("2026-11-06 09:00")
    assert HOURS.next_reachable("mairie", paris("2026-11-06 19:00")) == paris("2026-11-09 09:00")
    assert HOURS.next_reachable("mairie", paris("2026-11-05 10:00")) == paris("2026-11-05 13:30")


def test_summer_time() -> None:
    spring = Hours.model_validate({"schedules": {"x": {"every_day": ["02:30-04:00"]}}})
    before = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)  # 01:30; at 02:00 it becomes 03:00
    opening = spring.next_opening("x", before)
    assert opening is not None
    assert opening.astimezone(UTC) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert opening.hour == 3
    # In October it is 02:30 twice: both are in the opening.
    for hour in (0, 1):
        assert spring.is_open("x", datetime(2026, 10, 25, hour, 30, tzinfo=UTC))


def test_a_moment_from_elsewhere_is_taken_on_the_towns_clocks() -> None:
    assert HOURS.is_open("mairie", datetime(2026, 11, 5, 7, 30, tzinfo=UTC))
    with pytest.raises(ValueError, match="time zone"):
        HOURS.is_open("mairie", datetime(2026, 11, 5, 10, 0))


@pytest.mark.parametrize(
    ("region", "day", "closed"),
    [
        ("FR", "2026-12-26", False),
        ("FR-57", "2026-12-26", True),
        ("FR-67", "2026-04-03", True),
        ("FR-974", "2026-12-20", True),
        ("FR", "2026-12-20", False),
    ],
)
def test_public_holidays_of_a_region(region: str, day: str, closed: bool) -> None:
    hours = Hours.model_validate(
        {"public_holidays": region, "schedules": {"x": {"every_day": ["08:00-18:00"]}}}
    )
    assert bool(hours.open_on("x", date.fromisoformat(day)).holiday) is closed


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 11, 30), timezones=st.just(UTC)),
    st.sampled_from(sorted(HOURS.schedules)),
)
def test_at_the_next_opening_it_is_open_and_just_before_it_was_not(at: datetime, name: str) -> None:
    opening = HOURS.next_opening(name, at)
    assert opening is not None
    assert opening > at
    assert HOURS.is_open(name, opening)
    if name != "nuit":
        assert not HOURS.is_open(name, opening - timedelta(minutes=1))


@given(st.integers(0, 1439), st.integers(1, 1440), st.integers(0, 1439), st.integers(1, 1440))
def test_taking_out_a_part_of_a_day(a: int, b: int, c: int, d: int) -> None:
    whole, out = Interval(min(a, b - 1), max(a + 1, b)), Interval(min(c, d - 1), max(c + 1, d))
    left = {m for part in whole.without(out) for m in range(part.start, part.end)}
    assert left == set(range(whole.start, whole.end)) - set(range(out.start, out.end))


# --- who answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "mode"),
    [
        ("2026-11-05 08:59", Mode.MACHINE_ALONE),
        ("2026-11-05 09:00", Mode.MACHINE_FIRST),
        ("2026-11-05 17:59", Mode.MACHINE_FIRST),
        ("2026-11-05 18:00", Mode.MACHINE_ALONE),
        ("2026-11-06 03:00", Mode.MACHINE_ALONE),
        ("2026-11-07 10:00", Mode.MACHINE_ALONE),
        ("2026-11-09 09:30", Mode.OPERATORS_FIRST),
        ("2026-11-09 10:00", Mode.MACHINE_FIRST),
        ("2026-11-11 10:00", Mode.MACHINE_ALONE),
        ("2026-12-24 11:00", Mode.MACHINE_FIRST),
        ("2026-12-24 12:00", Mode.MACHINE_ALONE),
        ("2027-05-07 10:00", Mode.MACHINE_ALONE),
        ("2027-08-03 10:00", Mode.MACHINE_FIRST),  # only the pool is closed
    ],
)
def test_mode(at: str, mode: Mode) -> None:
    assert HOURS.mode(paris(at)) is mode


LATE = {"from": "2026-11-26", "hours": ["20:00-24:00"]}


def opened(*modes: dict[str, Any], **opening: Any) -> Hours:
    """Exceptionally open on the evening of Thursday, 26 November, with a closure within."""
    return Hours.model_validate(
        {
            "switchboard": "mairie",
            "schedules": {"mairie": {**WEEK, "saturday": ["09:00-12:00"]}, "x": dict(WEEK)},
            "openings": [{**LATE, **opening}],
            "closures": [{"from": "2026-11-26", "hours": "22:00-24:00", "reason": "le match"}],
            "modes": list(modes) or MODES,
        }
    )


@pytest.mark.parametrize(
    ("at", "mode"),
    [
        ("2026-11-26 10:00", Mode.MACHINE_FIRST),
        ("2026-11-26 19:59", Mode.MACHINE_ALONE),
        ("2026-11-26 20:00", Mode.MACHINE_FIRST),
        ("2026-11-26 21:59", Mode.MACHINE_FIRST),
        ("2026-11-26 22:00", Mode.MACHINE_ALONE),  # the closure within
        ("2026-11-27 20:00", Mode.MACHINE_ALONE),
    ],
)
def test_people_answer_during_an_exceptional_opening(at: str, mode: Mode) -> None:
    assert opened().mode(paris(at)) is mode
    by_day = ({"mode": "machine-first", "hours": "09:00-18:00"}, {"mode": "machine-alone"})
    assert opened(*by_day).mode(paris(at)) is mode


def test_an_opening_elsewhere_or_without_operators_brings_nobody_to_the_telephone() -> None:
    evening = paris("2026-11-26 20:30")
    assert opened(schedules=["x"]).mode(evening) is Mode.MACHINE_ALONE
    assert opened({"mode": "machine-alone"}).mode(evening) is Mode.MACHINE_ALONE


def test_callers_are_called_back_during_an_exceptional_opening() -> None:
    afternoon, evening = paris("2026-11-26 18:00"), paris("2026-11-26 20:00")
    assert opened().next_reachable("mairie", afternoon) == evening
    assert opened().reachable_on("mairie", evening.date()) == (Interval(1200, 1320),)
    longer = opened(hours=["17:00-23:00"])
    assert longer.reachable_on("mairie", evening.date()) == (Interval(1020, 1320),)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    hours = Hours.model_validate(
        {
            "schedules": {"x": {"every_day": ["08:00-18:00"]}},
            "modes": [
                {"mode": "machine-alone", "days": ["friday"], "hours": "20:00-06:00"},
                {"mode": "machine-first"},
            ],
        }
    )
    modes = {
        day: [hours.mode(paris(f"2026-11-{day} {hour}")) for hour in ("05:00", "21:00")]
        for day in ("05", "06", "07")
    }
    assert modes == {
        "05": [Mode.MACHINE_FIRST, Mode.MACHINE_FIRST],
        "06": [Mode.MACHINE_FIRST, Mode.MACHINE_ALONE],
        "07": [Mode.MACHINE_ALONE, Mode.MACHINE_FIRST],
    }


# --- the days that are named -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("vous êtes ouverts samedi", ["2026-11-07"]),
        ("et samedi prochain ?", ["2026-11-07"]),
        ("ouvert les samedis", ["2026-11-07"]),
        ("jeudi", ["2026-11-05"]),
        ("jeudi prochain", ["2026-11-12"]),
        ("jeudi de la semaine prochaine", ["2026-11-12"]),
        ("lundi de la semaine prochaine", ["2026-11-09"]),
        ("lundi en huit", ["2026-11-16"]),
        ("vendredi treize", ["2026-11-13"]),
        ("lundi huit heures", ["2026-11-09"]),
        ("demain matin", ["2026-11-06"]),
        ("après-demain", ["2026-11-07"]),
        ("ce soir", ["2026-11-05"]),
        ("ce week-end", ["2026-11-07", "2026-11-08"]),
        ("le 11 novembre", ["2026-11-11"]),
        ("le onze novembre", ["2026-11-11"]),
        ("le 1er mai", ["2027-05-01"]),
        ("le premier mai 2028", ["2028-05-01"]),
        ("le vingt-quatre décembre", ["2026-12-24"]),
        ("le 29 février", ["2028-02-29"]),
        ("le 31 novembre", []),
        ("le 25", ["2026-11-25"]),
        ("le 4", ["2026-12-04"]),
        ("le 9 h", []),
        ("à noël", ["2026-12-25"]),
        ("la veille de noël", ["2026-12-24"]),
        ("pendant les vacances de noël", []),
        ("pendant les vacances", []),
        ("lundi de pâques", ["2027-03-29"]),
        ("le dimanche de pâques", ["2027-03-28"]),
        ("l'ascension", ["2027-05-06"]),
        ("le pont de l'ascension", ["2027-05-07"]),
        ("are you open on saturday", ["2026-11-07"]),
        ("on december 24th", ["2026-12-24"]),
        ("next monday", ["2026-11-09"]),
        ("c'est combien", []),
    ],
)
def test_days_asked(said: str, days: list[str]) -> None:
    assert [day.isoformat() for day in days_asked(said, TODAY)] == days


@pytest.mark.parametrize(
    ("said", "only"),
    [
        ("et samedi ?", True),
        ("demain après-midi", True),
        ("le 11 novembre alors", True),
        ("le prix du samedi", False),
        ("", False),
    ],
)
def test_a_day_and_nothing_else(said: str, only: bool) -> None:
    assert only_days(said) is only


@given(st.text(max_size=60), st.dates(date(2020, 1, 1), date(2035, 12, 31)))
def test_whatever_is_said_no_day_is_in_the_past(said: str, today: date) -> None:
    assert all(day >= today for day in days_asked(said, today))


WORDS = [
    *("lundi", "samedi", "prochain", "en huit", "de la semaine prochaine", "le", "31", "29", "8"),
    *("heures", "premier", "février", "mai", "2028", "demain", "noël", "pâques", "week-end"),
    *("le pont de l'ascension", "next", "christmas eve"),
]


@given(
    st.lists(st.sampled_from(WORDS), max_size=7),
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
)
def test_days_in_any_jumble_are_soon(words: list[str], today: date) -> None:
    for day in days_asked(" ".join(words), today):
        assert today <= day <= today + timedelta(days=9 * 366)


# --- what is said ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "said", "next_opening"),
    [
        ("2026-11-05", "Aujourd'hui, la mairie vous accueille de 8 h 30 à 12 h et de 13 h 30", ""),
        ("2026-11-07", "Samedi 7 novembre, la mairie vous accueille de 9 h à 12 h.", ""),
        ("2026-11-08", "Dimanche 8 novembre, la mairie n'ouvre pas.", "lundi 9 novembre, à 8 h 30"),
        (
            "2026-11-11",
            "Mercredi 11 novembre, c'est un jour férié : la mairie n'ouvre pas.",
            "jeudi 12 novembre, à 8 h 30",
        ),
        (
            "2026-12-24",
            "Jeudi 24 décembre, c'est le réveillon de Noël : la mairie vous accueille de 8 h 30 "
            "à 12 h seulement.",
            "",
        ),
        (
            "2027-05-07",
            "Vendredi 7 mai, c'est le pont de l'Ascension : la mairie n'ouvre pas.",
            "lundi 10 mai, à 8 h 30",  # for Saturday the 8th is a public holiday
        ),
    ],
)
def test_about_a_day(day: str, said: str, next_opening: str) -> None:
    text = wording.about_day(HOURS, "mairie", date.fromisoformat(day), TODAY)
    if next_opening:
        said += f" Prochaine ouverture : {next_opening}."
    assert text.startswith(said)
    assert ("Prochaine ouverture" in text) is bool(next_opening)


def test_about_a_place_that_never_closes() -> None:
    said = wording.about_day(HOURS, "nuit", TODAY, TODAY, name="les urgences")
    assert said == "Aujourd'hui, les urgences vous accueillent jour et nuit."


def test_the_week_in_few_words() -> None:
    assert wording.weekly(HOURS, "mairie") == (
        "du lundi au vendredi, de 8 h 30 à 12 h et de 13 h 30 à 17 h 30 ; le samedi, de 9 h à 12 h"
    )
    assert wording.weekly(HOURS, "piscine") == "tous les jours sauf le lundi, de 10 h à 19 h"
    assert wording.weekly(HOURS, "nuit") == "tous les jours, jour et nuit"


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-05 14:00", "aujourd'hui à 14 h"),
        ("2026-11-06 08:30", "demain à 8 h 30"),
        ("2026-11-09 08:30", "lundi à 8 h 30"),
        ("2026-11-23 08:30", "le lundi 23 novembre à 8 h 30"),
        ("2028-05-02 08:30", "le mardi 2 mai 2028 à 8 h 30"),
    ],
)
def test_a_moment(at: str, said: str) -> None:
    assert wording.moment(paris(at), paris("2026-11-05 10:00")) == said
