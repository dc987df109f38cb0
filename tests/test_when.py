"""When callers want to be called back, in their words, against the hours of the sample town."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from ivr.callbacks.when import Agenda, Impossible, Window, soon, understand, written
from ivr.knowledge.hours import Hours
from ivr.knowledge.wording import Wording
from ivr.yamlfile import read, validate

KNOWLEDGE = Path(__file__).parents[1] / "knowledge"


@pytest.fixture(scope="module")
def hours() -> Hours:
    found, faults = validate(read(KNOWLEDGE / "hours.yaml"), Hours)
    assert found is not None
    assert not faults
    return found


def agenda(hours: Hours, at: str = "2026-11-24 10:15", schedule: str = "mairie") -> Agenda:
    """A Tuesday morning; people answer from 9 to 18, and the town hall closes at noon."""
    return Agenda(hours, schedule, datetime.fromisoformat(at).replace(tzinfo=hours.zone))


def said(hours: Hours, text: str, at: str = "2026-11-24 10:15") -> str:
    """What was understood, as it is read back."""
    seen = agenda(hours, at)
    match understand(text, seen):
        case None:
            return "?"
        case Impossible(why, instead):
            return f"{why} → {written(instead, seen.now)}"
        case Window() as window:
            return written(window, seen.now)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("demain matin si possible", "demain, entre 9 h et 12 h"),
        ("Demain, vers 10h30.", "demain, vers 10 h 30"),
        ("après 16 heures", "aujourd'hui, entre 16 h et 17 h 30"),
        ("après seize heures", "aujourd'hui, entre 16 h et 17 h 30"),
        ("lundi prochain vers dix heures", "lundi, vers 10 h"),
        ("en fin de journée", "aujourd'hui, entre 16 h et 17 h 30"),
        ("cet après-midi", "aujourd'hui, entre 13 h 30 et 17 h 30"),
        ("dans une heure", "aujourd'hui, vers 11 h 15"),
        ("dans une demi-heure", "aujourd'hui, vers 10 h 45"),
        ("dans deux jours", "jeudi, entre 9 h et 17 h 30"),
        ("pas avant jeudi", "dès jeudi à 9 h"),
        ("après le 1er décembre", "dès le mercredi 2 décembre à 9 h"),
        ("avant vendredi", "entre aujourd'hui et le jeudi 26 novembre"),
        ("pas le matin", "aujourd'hui, entre 13 h 30 et 17 h 30"),
        ("entre dix heures et midi", "aujourd'hui, entre 10 h 15 et 12 h"),
        ("de 14 à 16 heures", "aujourd'hui, entre 14 h et 16 h"),
        ("demain à quatre heures de l'après-midi", "demain, vers 16 h"),
        ("jeudi à quinze heures trente", "jeudi, vers 15 h 30"),
        ("le vingt-sept novembre à neuf heures et quart", "vendredi, vers 9 h 15"),
        ("jeudi en huit", "le jeudi 3 décembre, entre 9 h et 17 h 30"),
        ("la semaine prochaine", "entre le lundi 30 novembre et le vendredi 4 décembre"),
        ("demain vers neuf heures moins le quart du soir", "closed → jeudi, entre 9 h et 12 h"),
        ("vers 9 heures", "demain, vers 9 h"),
        ("dès que possible", "dès que possible"),
        ("maintenant", "dès que possible"),
        ("n'importe quand, merci", "dès que possible"),
        ("tomorrow morning", "demain, entre 9 h et 12 h"),
        ("next Monday at 10", "lundi, vers 10 h"),
        ("after 4 p.m.", "aujourd'hui, entre 16 h et 17 h 30"),
        ("tomorrow at 3:30 pm", "demain, vers 15 h 30"),
        ("in an hour", "aujourd'hui, vers 11 h 15"),
        ("as soon as possible", "dès que possible"),
    ],
)
def test_what_callers_say(hours: Hours, text: str, window: str) -> None:
    assert said(hours, text) == window


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("hier", "past → dès que possible"),
        ("lundi dernier", "past → dès que possible"),
        ("aujourd'hui à 9 heures", "past → demain, vers 9 h"),
        ("dimanche", "closed → lundi, entre 9 h et 17 h 30"),
        ("samedi après-midi", "closed → lundi, entre 13 h 30 et 17 h 30"),
        ("le 25 décembre", "closed → le lundi 28 décembre, entre 9 h et 17 h 30"),
        ("à 22 heures", "closed → demain, entre 9 h et 12 h"),
        ("le 3 mars", "far → dès que possible"),
        ("je ne sais pas trop", "?"),
        ("pas demain", "?"),
        ("", "?"),
    ],
)
def test_what_cannot_be_is_answered_with_the_next_possible_moment(
    hours: Hours, text: str, answer: str
) -> None:
    assert said(hours, text) == answer


@pytest.mark.parametrize(
    ("at", "text", "answer"),
    [
        ("2026-11-24 22:30", "ce matin", "past → demain, entre 9 h et 12 h"),
        ("2026-11-24 22:30", "dès que possible", "dès que possible, au plus tôt demain à 9 h"),
        ("2026-11-24 17:28", "en fin de journée", "demain, entre 16 h et 17 h 30"),
        ("2026-11-24 12:30", "dans une heure", "aujourd'hui, vers 13 h 30"),
        ("2026-11-27 18:30", "demain", "closed → lundi, entre 9 h et 17 h 30"),
        ("2026-12-24 16:00", "demain", "closed → lundi, entre 9 h et 17 h 30"),
        ("2027-03-27 10:00", "demain", "closed → mardi, entre 9 h et 17 h 30"),
    ],
)
def test_the_moment_of_the_call_counts(hours: Hours, at: str, text: str, answer: str) -> None:
    assert said(hours, text, at) == answer


def test_each_department_has_its_own_hours(hours: Hours) -> None:
    seen = agenda(hours, schedule="ccas")  # closed on Thursday mornings
    found = understand("jeudi matin", seen)
    assert isinstance(found, Impossible)
    assert found.instead.start == datetime(2026, 11, 27, 9, tzinfo=hours.zone)


def test_english_is_read_back_in_english(hours: Hours) -> None:
    words, faults = validate(read(KNOWLEDGE / "wording" / "en.yaml"), Wording)
    assert words is not None
    assert not faults
    seen = agenda(hours)
    found = understand("tomorrow afternoon", seen)
    assert isinstance(found, Window)
    assert written(found, seen.now, words) == "tomorrow, between 1:30 pm and 5:30 pm"
    assert written(soon(seen), seen.now, words) == "as soon as possible"


def test_all_that_is_understood_lies_ahead_and_in_the_hours_of_people(hours: Hours) -> None:
    days = ("", "demain ", "jeudi ", "samedi ", "lundi prochain ", "la semaine prochaine ")
    times = ("", "matin", "après-midi", "après 16 heures", "avant 10 heures", "vers midi et demi")
    for at in ("2026-11-24 10:15", "2026-11-28 12:30", "2026-11-29 03:00", "2026-10-24 17:29"):
        seen = agenda(hours, at)
        for text in (day + time for day in days for time in times):
            match understand(text, seen):
                case Impossible(instead=window) | (Window() as window):
                    start = window.start
                    parts = hours.reachable_on("mairie", start.date())
                    minute = start.hour * 60 + start.minute
                    assert start >= seen.now
                    assert any(part.start <= minute < part.end for part in parts), (at, text)
                    assert window.end is None or window.end > start
