"""Hours of the day as callers say them: "vers dix heures", "après 16 h", "en fin de matinée"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

END_OF_DAY = 1440
"""Midnight, in minutes."""
_NOON = 12 * 60
_LATE = 7 * 60
"""Up to this time the afternoon is meant, unless "du matin" is said."""
_AROUND, _AT = 60, 30
"""Minutes that "vers dix heures" and "à dix heures" last."""


@dataclass(frozen=True)
class Clock:
    """A part of a day, in minutes from midnight."""

    start: int = 0
    end: int = END_OF_DAY
    edge: Literal["start", "end"] | None = None
    """The beginning or the end of the working day, whenever that is."""


_UNITS = (
    "une|un|one", "deux|two", "trois|three", "quatre|four", "cinq|five", "six", "sept|seven",
    "huit|eight", "neuf|nine", "dix|ten", "onze|eleven", "douze|twelve", "treize", "quatorze",
    "quinze", "seize", "dix sept", "dix huit", "dix neuf",
)  # fmt: skip
_NUMBERS: dict[str, int] = {word: n for n, said in enumerate(_UNITS, 1) for word in said.split("|")}
for _ten, _value in (("vingt", 20), ("trente", 30), ("quarante", 40), ("cinquante", 50)):
    _NUMBERS[_ten] = _value
    for _unit in range(1, 10):
        for _word in _UNITS[_unit - 1].split("|"):
            _NUMBERS[f"{_ten} {'et ' if _unit == 1 else ''}{_word}"] = _value + _unit
_NUMBER = re.compile(
    rf"(?<!\ben )\b({'|'.join(sorted(_NUMBERS, key=len, reverse=True))})\b"  # "jeudi en huit"
)

_SUFFIX = (
    r"(?: ?(am|pm|du matin|du soir|de l apres midi|de l aprem|in the morning|in the afternoon)\b)?"
)
_MORNINGS = ("am", "du matin", "in the morning")
_MONTHS = "ja|fe|mar|av|ap|mai|may|jui|ju|ao|au|se|oc|no|de"
_SPAN = re.compile(
    r"\b(entre|de|from|between) (\d{1,2}) (et|a|to|and) (?=\d{1,2} ?(?:h|heures|am|pm)|midi|noon)"
)
_BARE = re.compile(
    r"\b(at|around|about|after|before|until|vers|apres|avant) (\d{1,2})"
    rf"(?= (?!{_MONTHS}|h|jours|days)|$)"
)
_TIMES = tuple(
    re.compile(pattern + _SUFFIX)
    for pattern in (
        r"\b(\d{1,2}) ?(?:heures?|hours?|o clock|h)(?: ?(\d{2})\b| (et demie?|et quart|"
        r"moins le quart|moins \d{1,2})\b)?(?![a-z0-9])",
        r"\b(\d{1,2})(?: (\d{2}))?()(?= ?[ap]m\b)",
        r"\b(midi|noon)()(?: (et demie?)\b)?",
    )
)
_PARTS_OF_HOUR = {"et demi": 30, "et demie": 30, "et quart": 15, "moins le quart": -15}

_T = r"(\d\d)h(\d\d)"
_AFTERNOON = r"(?:apres midi|aprem|afternoon)"
_MORNING = r"(?:matinee|matin|morning)"


def _from_to(start: int, end: int) -> Clock:
    return Clock(start, end) if start < end else Clock(start)


_MEANINGS: tuple[tuple[re.Pattern[str], Callable[..., Clock]], ...] = (
    (re.compile(rf"\b(?:(?:entre|de|from|between) )?{_T} (?:et|a|to|and|until) {_T}"), _from_to),
    (
        re.compile(rf"\b(?:pas avant|apres|a partir de|des|not before|after|from)(?: les)? {_T}"),
        lambda at: Clock(at),
    ),
    (re.compile(rf"\b(?:avant|jusqu a|before|until|by) {_T}"), lambda at: Clock(0, at)),
    (
        re.compile(rf"\b(?:vers|environ|autour de|aux alentours de|around|about)(?: les)? {_T}"),
        lambda at: Clock(at, at + _AROUND),
    ),
    (re.compile(rf"(?:\b(?:a|pour|at|for) )?\b{_T}"), lambda at: Clock(at, at + _AT)),
)
_PARTS: tuple[tuple[re.Pattern[str], Clock], ...] = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), clock)
    for pattern, clock in (
        (rf"pas (?:dans |en )?(?:le |la )?{_MORNING}|not in the morning", Clock(_NOON)),
        (rf"pas (?:dans )?(?:l )?{_AFTERNOON}|not in the afternoon", Clock(0, _NOON)),
        (rf"debut (?:de |d )(?:l )?{_AFTERNOON}|early (?:in the )?afternoon", Clock(_NOON, 900)),
        (rf"fin (?:de (?:la )?){_MORNING}|late (?:in the )?morning", Clock(630, _NOON)),
        (
            rf"debut (?:de (?:la )?)?(?:{_MORNING}|journee)|premiere heure|{_MORNING} tot|"
            rf"tot (?:le |dans la )?{_MORNING}|l ouverture|early (?:in the )?morning|first thing",
            Clock(edge="start"),
        ),
        (
            rf"fin (?:de |d )(?:la |l )?(?:journee|{_AFTERNOON})|soiree|soir|evening|"
            rf"late (?:in the )?afternoon|end of the day|la fermeture",
            Clock(edge="end"),
        ),
        (r"midi et (?:2|14)|pause (?:de )?midi|lunch ?time|lunch", Clock(_NOON, 14 * 60)),
        (_AFTERNOON, Clock(_NOON)),
        (_MORNING, Clock(0, _NOON)),
    )
)


def digits(words: str) -> str:
    """Folded words with their numbers in digits: ``dans 2 heures``."""
    words = re.sub(r"\ban? hour\b", "1 hour", words)
    return _NUMBER.sub(lambda found: str(_NUMBERS[found[1]]), words)


def read_clock(words: str) -> tuple[Clock | None, str]:
    """The hours in folded words with digits, and the words without them.

    None: any time of the day.
    """
    later = re.search(rf"{_AFTERNOON}|\bsoir|\bevening", words) is not None
    if re.search(r"\bmidi et (?:2|14)\b", words):
        later, plain = False, words  # the hours of lunch, not an hour
    else:
        plain = _BARE.sub(r"\1 \2 h", _SPAN.sub(r"\1 \2 h \3 ", words))
        for pattern in _TIMES:
            plain = pattern.sub(lambda found: _canonical(found, later=later), plain)
    for pattern, meaning in _MEANINGS:
        if found := pattern.search(plain):
            numbers = [int(number) for number in found.groups()]
            times = [h * 60 + m for h, m in zip(numbers[::2], numbers[1::2], strict=True)]
            rest = f"{plain[: found.start()]} {plain[found.end() :]}"
            return meaning(*times), " ".join(_part(rest)[1].split())
    part, rest = _part(plain)
    return part, " ".join(rest.split())


def _canonical(found: re.Match[str], *, later: bool) -> str:
    """One time of the day as ``16h30``; what is none is left as it is."""
    hour, minutes, part, half = found.groups()
    at = _NOON if hour in ("midi", "noon") else int(hour) * 60
    if hour.isdigit() and half not in _MORNINGS and at < _NOON and (later or half or at <= _LATE):
        at += _NOON
    at += int(minutes or 0)
    if part:
        at += _PARTS_OF_HOUR.get(part) or -int(part.rpartition(" ")[2])
    return f"{at // 60:02d}h{at % 60:02d}" if 0 <= at < END_OF_DAY else found[0]


def _part(words: str) -> tuple[Clock | None, str]:
    for pattern, clock in _PARTS:
        if found := pattern.search(words):
            return clock, f"{words[: found.start()]} {words[found.end() :]}"
    return None, words
