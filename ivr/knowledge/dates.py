"""The days a caller asks about: "samedi", "demain", "le 11 novembre", "lundi de Pâques"."""

from __future__ import annotations

import re
from datetime import date, timedelta

from ivr.knowledge.public_holidays import public_holidays
from ivr.knowledge.text import fold

_DAYS = {
    "lundi": 0, "mardi": 1, "mercredi": 2, "jeudi": 3, "vendredi": 4, "samedi": 5, "dimanche": 6,
    "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5,
    "sunday": 6,
}  # fmt: skip
_MONTHS = {
    "janvier": 1, "fevrier": 2, "mars": 3, "avril": 4, "mai": 5, "juin": 6, "juillet": 7,
    "aout": 8, "septembre": 9, "octobre": 10, "novembre": 11, "decembre": 12,
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7,
    "august": 8, "september": 9, "october": 10, "november": 11, "december": 12,
}  # fmt: skip
_UNITS = (
    "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze",
    "douze", "treize", "quatorze", "quinze", "seize",
)  # fmt: skip
_NUMBERS = {
    "premier": 1, "1er": 1, "first": 1,
    **{word: n for n, word in enumerate(_UNITS, 1)},
    "dix sept": 17, "dix huit": 18, "dix neuf": 19, "vingt": 20, "vingt et un": 21,
    **{f"vingt {_UNITS[n - 1]}": 20 + n for n in range(2, 10)},
    "trente": 30, "trente et un": 31, "trente un": 31, "vingt un": 21,
    **{str(n): n for n in range(1, 32)},
    **{f"{n}{end}": n for n in range(1, 32) for end in ("st", "nd", "rd", "th")},
}  # fmt: skip

_FEASTS = (
    (r"(?:jour|premier) de l an|nouvel an|new year s day", "Jour de l'an"),
    (r"(?:reveillon|veille) de noel|christmas eve", "@12-24"),
    (r"saint sylvestre|new year s eve", "@12-31"),
    (r"noel|christmas(?: day)?", "Noël"),
    (r"vendredi saint|good friday", "Vendredi saint"),
    (r"(?:dimanche|jour) de paques|easter sunday", "@easter"),
    (r"lundi de pentecote|la pentecote|pentecote|whit monday", "Lundi de Pentecôte"),
    (r"lundi de paques|paques|easter(?: monday)?", "Lundi de Pâques"),
    (r"pont de l ascension", "@bridge"),
    (r"ascension", "Ascension"),
    (r"fete du travail", "Fête du Travail"),
    (r"fete nationale|bastille day", "Fête nationale"),
    (r"assomption", "Assomption"),
    (r"toussaint", "Toussaint"),
    (r"armistice", "Armistice"),
)
_NOT_A_FEAST = r"(?:vacances|conges|marche|sapin|cadeaux?|colis|repas|spectacle)(?: \w+)? de "
_NUMBER = "|".join(sorted(map(re.escape, _NUMBERS), key=len, reverse=True))
_MONTH = "|".join(_MONTHS)
_DATE = re.compile(rf"\b({_NUMBER}) (?:of )?({_MONTH})\b(?: (20\d\d))?")
_DATE_ENGLISH = re.compile(rf"\b({_MONTH}) (?:the )?({_NUMBER})\b(?: (20\d\d))?")
_WEEKDAY = re.compile(
    rf"\b(next )?({'|'.join(_DAYS)})s?\b"
    rf"(?: (prochain|en huit|de la semaine prochaine|({_NUMBER})(?! heures?\b| h\b)))?"
)
_DAY_OF_MONTH = re.compile(rf"\ble ([1-9]|[12]\d|3[01])\b(?! (?:h|heures?|{_MONTH})\b)")
_WEEKEND = re.compile(r"\b(week ?ends?)\b(?: (prochain))?")
_AFTER_TOMORROW = re.compile(r"\bapres demain\b|\bday after tomorrow\b|\bsurlendemain\b")
_TOMORROW = re.compile(r"\bdemain\b|\btomorrow\b")
_TODAY = re.compile(
    r"\baujourd hui\b|\bce (?:matin|midi|soir)\b|\bcet(?:te)? (?:apres midi|journee)\b|"
    r"\bmaintenant\b|\ben ce moment\b|\btout de suite\b|\btoday\b|\btonight\b|\bright now\b|"
    r"\bthis (?:morning|afternoon|evening)\b"
)


_OPENING = re.compile(
    r"\b(?:r?ouv\w*|ferm\w*|horaires?|quelle heure|heures?|accueill\w*|ferie\w*|"
    r"on peut (?:venir|passer)|je peux (?:venir|passer)|open\w*|clos\w*|hours?)\b"
)


_ONLY_DAYS = frozenset(
    [
        *(word for name in (*_DAYS, *_MONTHS, *_NUMBERS) for word in name.split()),
        *("demain", "apres", "aujourd", "hui", "ce", "cet", "matin", "midi", "soir", "week", "end"),
        *("weekend", "prochain", "noel", "paques", "pentecote", "ascension", "toussaint", "jour"),
        *("l", "an", "et", "le", "la", "les", "pour", "alors", "euh", "ben", "du", "de"),
        *("a", "and", "on", "the", "what", "about", "today", "tomorrow", "next", "this"),
    ]
)


def only_days(text: str) -> bool:
    """Whether a sentence says a day and nothing else: "et samedi matin ?"."""
    words = fold(text).split()
    return bool(words) and _ONLY_DAYS.issuperset(words)


def asks_opening(text: str) -> bool:
    """Whether a sentence asks about opening or closing, whatever the day."""
    return bool(_OPENING.search(fold(text)))


def days_asked(text: str, today: date) -> tuple[date, ...]:
    """The days a sentence asks about: none, one, or the two of a week-end.

    French, and the plain English ways. A date without a year is the next to come; a weekday is
    the next one, today included unless "prochain" is said.
    """
    words = fold(text)
    if (day := _dated(words, today)) or (day := _feast(words, today)):
        return (day,)
    if _AFTER_TOMORROW.search(words):
        return (today + timedelta(days=2),)
    if _TOMORROW.search(words):
        return (today + timedelta(days=1),)
    if found := _WEEKEND.search(words):
        return _weekend(today, later=bool(found[2]))
    if found := _WEEKDAY.search(words):
        return (_weekday(found, today),)
    if _TODAY.search(words):
        return (today,)
    if found := _DAY_OF_MONTH.search(words):
        return (_next_numbered(int(found[1]), today),)
    return ()


def _dated(words: str, today: date) -> date | None:
    found = _DATE.search(words)
    number, month, year = found.groups() if found else ("", "", "")
    if not found and (english := _DATE_ENGLISH.search(words)):
        month, number, year = english.groups()
    if not month:
        return None
    return _coming(_NUMBERS[number], _MONTHS[month], int(year) if year else None, today)


def _coming(day: int, month: int, year: int | None, today: date) -> date | None:
    for candidate in (year,) if year else range(today.year, today.year + 5):
        try:
            found = date(candidate, month, day)
        except ValueError:
            continue  # 29 February
        if found >= today:
            return found
    return None


def _feast(words: str, today: date) -> date | None:
    plain = re.sub(_NOT_A_FEAST + r"\w+", " ", words)
    for pattern, name in _FEASTS:
        if re.search(rf"\b(?:{pattern})\b", plain):
            return next(
                (day for year in (today.year, today.year + 1) if (day := _on(name, year)) >= today),
                None,
            )
    return None


def _on(name: str, year: int) -> date:
    """The day of a feast in a year: a public holiday by its French name, or our own ``@`` ones."""
    known = {what: day for day, what in public_holidays("FR-57", year).items()}
    if name == "@easter":
        return known["Lundi de Pâques"] - timedelta(days=1)
    if name == "@bridge":
        return known["Ascension"] + timedelta(days=1)
    if name.startswith("@"):
        month, day = name[1:].split("-")
        return date(year, int(month), int(day))
    return known[name]


def _next_numbered(number: int, today: date) -> date:
    """The next day of that number, today included."""
    return next(
        day
        for ahead in range(63)  # the 31st may be two months away
        if (day := today + timedelta(days=ahead)).day == number
    )


def _weekend(today: date, *, later: bool) -> tuple[date, ...]:
    if today.weekday() == 6 and not later:
        return (today,)
    saturday = today + timedelta(days=(5 - today.weekday()) % 7)
    if later and today.weekday() >= 5:
        saturday += timedelta(days=7 if saturday == today else 0)
    return (saturday, saturday + timedelta(days=1))


def _weekday(found: re.Match[str], today: date) -> date:
    wanted = _DAYS[found[2]]
    ahead = (wanted - today.weekday()) % 7
    if found[3] == "de la semaine prochaine":
        ahead = 7 - today.weekday() + wanted
    elif found[1] or (found[3] and not found[4]):
        ahead = ahead or 7
        if found[3] == "en huit":
            ahead += 7
    if found[4]:  # "samedi 14": the next such date that is that weekday
        for days in range(0, 370):
            day = today + timedelta(days=days)
            if day.day == _NUMBERS[found[4]] and day.weekday() == wanted:
                return day
    return today + timedelta(days=ahead)
