"""How the telephone was answered: charts, tables and spreadsheets. For admins.

Operators have no page of figures: these are for running the service, and none is kept by operator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from ivr.console import web
from ivr.figures import period as periods
from ivr.figures import wording
from ivr.figures.by import By
from ivr.figures.fate import Fate
from ivr.figures.period import BadPeriod, Period
from ivr.figures.report import Comparison, Report, compare, report
from ivr.figures.tables import as_csv, table
from ivr.knowledge.base import Knowledge

router = APIRouter()

CHOICES = {
    "hier": "Hier",
    "aujourdhui": "Aujourd'hui",
    "7-jours": "7 derniers jours",
    "30-jours": "30 derniers jours",
    "mois": "Mois dernier",
    "libre": "Autre période",
}
SHOWN = (By.HOUR, By.DAY, By.DEPARTMENT, By.QUESTION, By.CALLBACK, By.LANGUAGE)
SECONDS = " (s)"
"""Ends the names of columns that are durations: spreadsheets count in seconds, people do not."""
MOST_QUESTIONS = 15
"""Lines of the table on the page; the spreadsheet has all."""
WIDTH, HEIGHT, FOOT = 760, 180, 30
"""Of a chart, in its own units; of the names under it."""

Word = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class Bar:
    """One column of a chart: the calls of an hour or a day, the lost ones at its foot."""

    name: str
    offered: int
    lost: int
    x: float
    width: float
    height: float
    lost_height: float
    named: bool
    """Whether its name is written under it: not all have room."""
    named_narrow: bool
    """On a telephone, too."""


@router.get("/chiffres")
async def figures(
    request: Request, shared: web.Shared, person: web.Admin, periode: Word = "hier",
    du: Word = "", au: Word = "",
) -> Response:  # fmt: skip
    """The figures of a period against the one before."""
    now, knowledge = datetime.now(UTC), shared.store.current
    fault = ""
    try:
        chosen = _chosen(periode, du, au, now, knowledge)
    except BadPeriod as error:
        fault, periode = f"Cette période n'est pas possible : {error}.", "hier"
        chosen = periods.yesterday(now, knowledge.hours.zone)
    work = partial(compare, knowledge=knowledge, period=chosen, now=now)
    both = await shared.database.run(work)
    context = await asyncio.to_thread(_context, both, knowledge)
    query = {"periode": periode} | ({"du": du, "au": au} if periode == "libre" else {})
    context |= {"fault": fault, "chosen": periode, "choices": CHOICES, "query": urlencode(query)}
    return web.page(request, "figures/index.html", context, 422 if fault else 200)


@router.get("/chiffres/{by}.csv")
async def spreadsheet(
    shared: web.Shared, person: web.Admin, by: By, periode: Word = "hier", du: Word = "",
    au: Word = "",
) -> Response:  # fmt: skip
    """One table of the page for a French spreadsheet."""
    now, knowledge = datetime.now(UTC), shared.store.current
    try:
        chosen = _chosen(periode, du, au, now, knowledge)
    except BadPeriod as error:
        return Response(str(error), 422, media_type="text/plain; charset=utf-8")
    work = partial(report, knowledge=knowledge, period=chosen, now=now)
    text = as_csv(table(await shared.database.run(work), by, knowledge))
    name = f"chiffres-{by}-{chosen.first}-{chosen.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _chosen(choice: str, first: str, last: str, now: datetime, knowledge: Knowledge) -> Period:
    """The period asked for. Raises BadPeriod."""
    zone = knowledge.hours.zone
    match choice:
        case "aujourdhui":
            return periods.today(now, zone)
        case "7-jours":
            return periods.last_days(7, now, zone)
        case "30-jours":
            return periods.last_days(30, now, zone)
        case "mois":
            return periods.month(now, zone)
        case "libre":
            return Period(_date(first), _date(last))
        case "hier":
            return periods.yesterday(now, zone)
    raise BadPeriod("choisissez-en une dans la liste")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadPeriod("donnez un premier et un dernier jour") from error


def _context(both: Comparison, knowledge: Knowledge) -> dict[str, object]:
    this = both.this
    return {
        "both": both,
        "headline": wording.headline(both),
        "period_name": wording.period_name(this.period),
        "before_name": wording.period_name(both.before.period),
        "lines": wording.lines(both),
        "hours": _bars([(f"{hour} h", fates) for hour, fates in this.hours.items()], every=2),
        "days": _day_bars(this),
        "questions": [
            (entry, knowledge.entries.get(entry), count, this.figures.corrected(entry))
            for entry, count in this.figures.questions[:MOST_QUESTIONS]
        ],
        "tables": [(by, _shown(this, by, knowledge)) for by in SHOWN if by is not By.QUESTION],
        "width": WIDTH,
        "height": HEIGHT + FOOT,
        "base": HEIGHT,
    }


def _shown(this: Report, by: By, knowledge: Knowledge) -> tuple[str, list[str], list[list[str]]]:
    """A table's title, header and rows as people read them; columns of zeros left out."""
    made = table(this, by, knowledge)
    keep = [
        n
        for n in range(len(made.header))
        if n == 0 or any(row[n] not in (0, None) for row in made.rows)
    ]
    rows = [[_cell(row[n], made.header[n]) for n in keep] for row in made.rows]
    return made.title, [made.header[n].removesuffix(SECONDS) for n in keep], rows


def _cell(value: object, column: str) -> str:
    match value:
        case None:
            return wording.NONE
        case float() if column.startswith("Part"):
            return wording.percent(value)
        case int() | float() if column.endswith(SECONDS):
            return wording.duration(value)
        case float():
            return wording.decimal(value)
        case int():
            return wording.number(value)
    return str(value)


def _day_bars(this: Report) -> list[Bar]:
    if len(this.days) < 2:
        return []
    named = [(f"{day:%d/%m}", fates) for day, fates in this.days.items()]
    return _bars(named, every=max(1, len(named) // 12))


def _bars(columns: Sequence[tuple[str, dict[str, int]]], *, every: int) -> list[Bar]:
    most = max((sum(fates.values()) for _, fates in columns), default=0) or 1
    step = WIDTH / max(1, len(columns))
    bars = []
    for n, (name, fates) in enumerate(columns):
        offered, lost = sum(fates.values()), fates.get(Fate.LOST, 0)
        scale = (HEIGHT - 10) / most
        bars.append(
            Bar(
                name, offered, lost, round(n * step + step * 0.1, 2), round(step * 0.8, 2),
                round(offered * scale, 2), round(lost * scale, 2), n % every == 0,
                n % (2 * every) == 0,
            )
        )  # fmt: skip
    return bars
