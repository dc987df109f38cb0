"""Hours and dates as a French person says them."""

from __future__ import annotations

import re

from ivr.speech.spoken_numbers import cardinal
from ivr.speech.spoken_rules import Rule, rule
from ivr.speech.spoken_tables import MONTHS, WEEKDAYS

_H = r"(?:[01]?\d|2[0-4])"
_CLOCK = (
    rf"(?<![\d,.]){_H}(?:\s?(?:h|H|heures?\b)(?:\.?\s?[0-5]\d(?!\d|\s?(?:h|H|%|€|[,.]\d|[a-zà-ÿ]{{2}})))?"
    r"(?![A-Za-zÀ-ÿ])|:[0-5]\d(?![\d:]))"
)
_DASH = r"\s?[-–—]\s?"
_DURATION = re.compile(
    r"(?:sous|pendant|durant|dans|dans les|en|toutes les|délai d[e']|(?:moins|plus|maximum) de"
    r"|environ|sur|tou[st]e?s? les)\s+$",
    re.IGNORECASE,
)
_MONTH = "|".join(MONTHS)
_WEEKDAY = "|".join(WEEKDAYS)
_SEP = r"(?P<sep>[/.-])"
_BEFORE_DAY = rf"(?P<before>\b(?:le|les|du|au|dès|jusqu'au|depuis le|{_WEEKDAY})\s+)"


def clock(hours: int, minutes: int) -> str:
    """``(14, 30)`` → ``quatorze heures trente``; noon and midnight by name."""
    if hours in (0, 12):
        said = "minuit" if hours == 0 else "midi"
    else:
        said = cardinal(hours, feminine=True) + (" heure" if hours == 1 else " heures")
    return f"{said} {cardinal(minutes, feminine=True)}" if minutes else said


def _parts(text: str) -> tuple[int, int]:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0


def _said(text: str) -> str:
    return clock(*_parts(text))


def _from_to(start: str, end: str, before: str) -> str:
    """``de huit heures à midi``, without a second "de" after "de" or "entre"."""
    entre = re.search(r"\bentre\s+$", before, re.IGNORECASE)
    has_de = entre or re.search(r"\b(?:de|d'|dès)\s*$", before, re.IGNORECASE)
    return f"{'' if has_de else 'de '}{start} {'et' if entre else 'à'} {end}"


@rule(r"(?<!\d)24\s?(?:h|H|heures)\s?(?:/|sur)\s?24(?:\s?[hH])?\b")
def _all_day(match: re.Match[str]) -> str:
    return "vingt-quatre heures sur vingt-quatre"


@rule(r"(?<!\d)7\s?(?:j|jours)\s?(?:/|sur)\s?7\b")
def _all_week(match: re.Match[str]) -> str:
    return "sept jours sur sept"


@rule(r"(?<![\d/])(?:une\s+)?1/2\s?(?:h|heure)\b", re.IGNORECASE)
def _half_hour(match: re.Match[str]) -> str:
    return "une demi-heure"


@rule(r"(\d\s?[hH]\s?[0-5]\d)\s?(?:min|mn)\b\.?")
def _needless_minutes(match: re.Match[str]) -> str:
    return match[1]


@rule(rf"({_CLOCK}{_DASH}{_CLOCK})\s*(?:[/;+,]|\bpuis\b)\s*(?={_H}\s?[hH:])")
def _two_ranges(match: re.Match[str]) -> str:
    return f"{match[1]} et "


@rule(rf"({_CLOCK})(?:{_DASH}|/)({_CLOCK})")
def _range(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 8) : match.start()]
    return _from_to(_said(match[1]), _said(match[2]), before)


@rule(rf"(?<![\d,.])({_H}){_DASH}({_CLOCK})")
def _short_range(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 8) : match.start()]
    return _from_to(clock(int(match[1]), 0), _said(match[2]), before)


@rule(rf"({_CLOCK})(?:\s?(?:min|mn)\b\.?)?")
def _one_clock(match: re.Match[str]) -> str:
    hours, minutes = _parts(match[1])
    before = match.string[max(0, match.start() - 16) : match.start()]
    written_out = "heure" in match[1]
    if written_out or (hours in (0, 12) and _DURATION.search(before)):
        said = cardinal(hours, feminine=True) + (" heure" if hours < 2 else " heures")
        return f"{said} {cardinal(minutes, feminine=True)}" if minutes else said
    return clock(hours, minutes)


@rule(r"(?<![\d,.])(\d{2,3})\s?[hH](?![A-Za-zÀ-ÿ\d])")
def _hours_long(match: re.Match[str]) -> str:
    return cardinal(match[1], feminine=True) + " heures"


@rule(r"\b([Dd])e une heure\b")
def _elided_hour(match: re.Match[str]) -> str:
    return f"{match[1]}'une heure"


def _day(number: int) -> str:
    return "premier" if number == 1 else cardinal(number)


def _year(text: str) -> str:
    """Two figures mean this century up to 49, the last one beyond."""
    number = int(text)
    if len(text) == 2:
        number += 2000 if number < 50 else 1900
    return cardinal(number)


@rule(rf"(?<![\d/])(0?[1-9]|[12]\d|3[01]){_SEP}(0?[1-9]|1[0-2])(?P=sep)(\d{{4}}|\d{{2}})(?![\d/])")
def _numeric_date(match: re.Match[str]) -> str:
    return f"{_day(int(match[1]))} {MONTHS[int(match[3]) - 1]} {_year(match[4])}"


@rule(r"(?<!\d)(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?!\d)")
def _iso_date(match: re.Match[str]) -> str:
    return f"{_day(int(match[3]))} {MONTHS[int(match[2]) - 1]} {_year(match[1])}"


@rule(
    rf"{_BEFORE_DAY}(?P<day>0?[1-9]|[12]\d|3[01])/(?P<month>0?[1-9]|1[0-2])(?![\d/])", re.IGNORECASE
)
def _day_and_month(match: re.Match[str]) -> str:
    return f"{match['before']}{_day(int(match['day']))} {MONTHS[int(match['month']) - 1]}"


@rule(rf"(?<!\d)(0?[1-9]|[12]\d|3[01])(?:er)?\s+({_MONTH})\b", re.IGNORECASE)
def _named_month(match: re.Match[str]) -> str:
    return f"{_day(int(match[1]))} {match[2]}"


@rule(rf"{_BEFORE_DAY}0?1(?=\s*(?:$|[,;.!?](?!\d)|(?:au|et|à|de|du|jusqu'au)\b))", re.IGNORECASE)
def _first(match: re.Match[str]) -> str:
    number = match["before"].split()[-1].lower()
    return f"{match['before']}{'premier' if number in WEEKDAYS or number == 'du' else 'un'}"


@rule(r"(?<!\d)((?:19|20)\d\d)\s?[-/–]\s?((?:19|20)\d\d)(?!\d)")
def _two_years(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])}, {cardinal(match[2])}"


RULES: tuple[Rule, ...] = (
    _all_day, _all_week, _half_hour, _needless_minutes, _two_ranges, _range, _short_range,
    _one_clock, _hours_long, _elided_hour, _numeric_date, _iso_date,
    _day_and_month, _named_month, _first, _two_years,
)  # fmt: skip
"""In the order in which they apply."""
