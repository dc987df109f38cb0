"""Telephone numbers, prices, measures, ranks and all other numbers, as they are said in French."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ivr.speech.spoken_numbers import (
    DECIMAL,
    NUMBER,
    by_pairs,
    cardinal,
    decimal,
    digits_spoken,
    feminine,
    ordinal,
    roman,
    split,
    value,
)
from ivr.speech.spoken_rules import Rule, rule
from ivr.speech.spoken_tables import CURRENCIES, MONTHS, PER, SHORT_NUMBERS, UNITS

_CURRENCY = r"(?:€|\$|£|(?:EUR|eur|euros?)\b)"
_ENDINGS = r"(ers|er|res|re|ères|ère|nds|nd|ndes|nde|èmes|ème|emes|eme|ièmes|ième|es|è|e)"
_REGNAL = r"(Louis|Henri|Charles|François|Philippe|Napoléon|Jean|Paul|Pie|Jean-Paul|Benoît|Léon)"
_SHORT_BEFORE = (
    r"(?P<before>\b(?:le|au|du|composez|appelez|faites|numéro|téléphone|tapez)\s+(?:le\s+)?)"
)
_FRACTIONS = {"1/2": "un demi", "1/3": "un tiers", "2/3": "deux tiers", "1/4": "un quart"}
_FRACTIONS |= {"3/4": "trois quarts", "1/5": "un cinquième", "1/10": "un dixième"}


def _any_of(words: Iterable[str]) -> str:
    """A pattern for any of these, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@rule(r"(?<![\d+])0\s?(8\d\d)[ .](\d{3})[ .](\d{3})(?!\d)")
def _free_number(match: re.Match[str]) -> str:
    return "zéro " + ", ".join(map(cardinal, match.groups()))


@rule(r"(?<![\d+])0[ .]?(8\d\d)[ .](\d\d)[ .](\d\d)[ .](\d\d)(?!\d)")
def _shared_cost_number(match: re.Match[str]) -> str:
    return "zéro " + ", ".join(map(cardinal, match.groups()))


@rule(r"(?<![\d+])(?:(?:\+|00)\s?33[ .-]?(?:\(0\)[ .-]?)?|0)[1-9](?:[ .\-/]{0,2}\d{2}){4}(?![\d])")
def _french_number(match: re.Match[str]) -> str:
    return digits_spoken(match[0])


@rule(r"\+\s?(\d{1,3})((?:[ .-]?\(?\d{1,4}\)?){2,6})(?!\d)")
def _foreign_number(match: re.Match[str]) -> str:
    return f"plus {cardinal(match[1])}, {by_pairs(re.sub(r'[^0-9]', '', match[2]))}"


@rule(r"(?<!\d)(11[68])[ .](\d{3})(?!\d)")
def _six_figure_service(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])}, {cardinal(match[2])}"


@rule(
    rf"{_SHORT_BEFORE}(?P<number>(?:3\d|1[01])\s?\d\d)(?!\s?\d|\s?[€%]|,\d|\s+(?:euros|jours))",
    re.I,
)
def _short_number(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match["number"])
    return f"{match['before']}{cardinal(digits[:2])} {cardinal(digits[2:])}"


@rule(rf"(?<![\d.,+])({'|'.join(SHORT_NUMBERS)})(?![\d,.]\d|\d|\s?[€%]|\s+(?:euros|habitants))")
def _known_service(match: re.Match[str]) -> str:
    return f"{cardinal(match[1][:2])} {cardinal(match[1][2:])}"


@rule(r"(?<![\d,.])01(\d{3})(?![\d,.]\d|\d)")
def _ain(match: re.Match[str]) -> str:
    """The one postal code whose thousand needs its "un": ``01200``."""
    rest = int(match[1])
    return "zéro un mille" + (f" {cardinal(rest)}" if rest else "")


def _money(amount: str, sign: str) -> str:
    one, many = CURRENCIES[sign.lower()]
    whole, point, fraction = split(amount)
    female = one == "livre"
    if point and len(fraction) > 2:
        return f"{decimal(amount)} {many}"
    cents = int(fraction.ljust(2, "0")) if point else 0
    units = value(whole)
    if units == 0 and cents:
        return f"{cardinal(cents)} centime{'s' if cents > 1 else ''}"
    link = "d'" if units >= 10**6 and units % 10**6 == 0 else ""
    said = f"{cardinal(whole, feminine=female)} {link}{one if units < 2 else many}"
    return f"{said} {cardinal(cents)}" if cents else said


@rule(rf"({DECIMAL})\s?([kM])€")
def _thousands_of_euros(match: re.Match[str]) -> str:
    return f"{decimal(match[1])} {'mille' if match[2] == 'k' else 'millions d’'} euros".replace(
        "’ ", "'"
    )


@rule(rf"(?<![\d,.])({NUMBER})\s?({_CURRENCY})\s?(\d\d)(?![\d,.]\d|\d|\s?(?:[hH%€]|[a-zà-ÿ]))")
def _price_around_sign(match: re.Match[str]) -> str:
    return _money(f"{value(match[1])},{match[3]}", match[2])


@rule(rf"({DECIMAL})\s?({_CURRENCY})")
def _price(match: re.Match[str]) -> str:
    return _money(match[1], match[2])


@rule(rf"(€|\$|£)\s?({DECIMAL})")
def _price_sign_first(match: re.Match[str]) -> str:
    return _money(match[2], match[1])


@rule(rf"(?<![\d,.])({NUMBER})\s?(?:cts?|centimes?)\b")
def _cents(match: re.Match[str]) -> str:
    return f"{cardinal(match[1])} centime{'s' if value(match[1]) > 1 else ''}"


@rule(rf"(?<=[a-zé])\s?/\s?({_any_of(PER)})(?![\w.])")
def _per(match: re.Match[str]) -> str:
    return f" par {PER[match[1]]}"


@rule(r"(?<=euros)\s?/\s?(?=[a-zà-ÿ])|(?<=euro)\s?/\s?(?=[a-zà-ÿ])")
def _per_word(match: re.Match[str]) -> str:
    return " par "


@rule(rf"({DECIMAL})\s?%")
def _percent(match: re.Match[str]) -> str:
    return f"{decimal(match[1])} pour cent"


@rule(r"(?<![\d,.])(\d+)[,.](\d\d)\s?m(?![\w²³/])")
def _metres(match: re.Match[str]) -> str:
    unit = "mètre" if int(match[1]) < 2 else "mètres"
    return f"{cardinal(match[1])} {unit} {cardinal(match[2])}"


@rule(
    rf"({DECIMAL})\s?({_any_of(UNITS)})"
    r"(?![\wÀ-ÿ²³°'’/-]|\.[a-zA-Z])"
)
def _measure(match: re.Match[str]) -> str:
    unit = UNITS[match[2]]
    head, *rest = unit.split(" ")
    if value(split(match[1])[0] or "0") >= 2:
        head += "s"
        rest = [word + "s" if word in ("carré", "cube") else word for word in rest]
    return " ".join([decimal(match[1], feminine=feminine(head)), head, *rest])


@rule(rf"(?<![\w,.])(\d+){_ENDINGS}(?![\wÀ-ÿ])")
def _rank(match: re.Match[str]) -> str:
    number, end = int(match[1]), match[2]
    plural = "s" if end.endswith("s") else ""
    if end.startswith("nd") and number == 2:
        return ("seconde" if "e" in end else "second") + plural
    if number == 0 or len(match[1]) > 6:
        return f"{cardinal(match[1])} {end}"
    return ordinal(number, feminine=end.startswith(("re", "ère"))) + plural


@rule(r"(?<![\w'’])([IVX]+)(er|re|ère|e|è|ème)(s?)(?![\wÀ-ÿ])")
def _roman_rank(match: re.Match[str]) -> str:
    number = roman(match[1])
    if number is None:
        return match[0]
    return ordinal(number, feminine=match[2] in ("re", "ère")) + match[3]


@rule(rf"\b{_REGNAL}\s([IVX]+)(?!\w)")
def _king(match: re.Match[str]) -> str:
    number = roman(match[2])
    if number is None:
        return match[0]
    return f"{match[1]} {'premier' if number == 1 else cardinal(number)}"


@rule(r"\b([LRDA])\.?\s?(?:\*\s?)?(\d{3,5}(?:-\d+)*)(?!\d)")
def _law_article(match: re.Match[str]) -> str:
    return f"{match[1]} " + " tiret ".join(map(cardinal, match[2].split("-")))


@rule(r"\b((?:une?|la|le|les|par|cette|chaque|en)\s+)?1/2[\s-]([a-zà-ÿ]{3,})")
def _half(match: re.Match[str]) -> str:
    """``1/2 journée`` → ``une demi-journée``."""
    article = match[1] or ("une " if feminine(match[2]) else "un ")
    return f"{article}demi-{match[2]}"


@rule(r"(?<![\d,./])(\d{1,2}/\d{1,2})(?![\d/])")
def _fraction(match: re.Match[str]) -> str:
    if match[1] in _FRACTIONS:
        return _FRACTIONS[match[1]]
    over, under = match[1].split("/")
    if 24 < int(over) <= 31 and 1 <= int(under) <= 12:  # ``25/12``, without "le" before it
        return f"{cardinal(over)} {MONTHS[int(under) - 1]}"
    return f"{cardinal(over)} sur {cardinal(under)}"


@rule(r"(?<![\d,.])(\d{1,4})\s?[-–]\s?(\d{1,4})(?!\d)")
def _span(match: re.Match[str]) -> str:
    start, end = match.groups()
    return f"{start} à {end}" if int(start) < int(end) else f"{start}, {end}"


@rule(r"(?<![\w)-])[-−](?=\d)")
def _minus(match: re.Match[str]) -> str:
    return "moins "


@rule(r"(?<=\d)\s?[xX]\s?(?=\d+\s?[cm]?m\b)")
def _format(match: re.Match[str]) -> str:
    """``35 x 45 mm``, of a photograph."""
    return " sur "


@rule(r"(?<=\d)\s?[xX]\s?(?=\d)")
def _times(match: re.Match[str]) -> str:
    return " fois "


@rule(r"(?<=\d)\s?(?:[xX]|fois)\s?(?:/|\bpar\b)\s?(?=[a-zà-ÿ])")
def _times_per(match: re.Match[str]) -> str:
    return " fois par "


@rule(r"(?<![\w+])\+\s?(?=\d{1,3}\s?ans\b)")
def _older_than(match: re.Match[str]) -> str:
    return "plus de "


@rule(r"(?<![\w.,/])([ck]?m[23])(?!\w)")
def _unit_alone(match: re.Match[str]) -> str:
    """``le prix au m²``."""
    return UNITS[match[1]]


@rule(r"(?<=\d)[-–](?=[A-Za-zÀ-ÿ])|(?<=[A-Za-zÀ-ÿ])(?=\d)|(?<=\d)(?=[A-Za-zÀ-ÿ])")
def _glued(match: re.Match[str]) -> str:
    return " "


@rule(rf"({DECIMAL})(?=(?:\s+([A-Za-zÀ-ÿœ]+))?)")
def _number(match: re.Match[str]) -> str:
    return decimal(match[1], feminine=bool(match[2]) and feminine(match[2]))


RULES: tuple[Rule, ...] = (
    _free_number, _shared_cost_number, _french_number, _foreign_number, _six_figure_service,
)  # fmt: skip
"""Telephone numbers: before dates and prices, which would take their figures apart."""

LATER_RULES: tuple[Rule, ...] = (
    _short_number, _known_service, _ain, _law_article, _span, _minus, _thousands_of_euros,
    _price_around_sign, _price, _price_sign_first, _cents, _percent, _format, _metres, _older_than,
    _measure, _unit_alone, _per, _per_word, _rank, _roman_rank, _king, _half, _fraction, _times_per,
    _times, _glued,
)  # fmt: skip
"""After hours and dates, in the order in which they apply."""

LAST_RULES: tuple[Rule, ...] = (_number,)
"""Whatever number is left."""
