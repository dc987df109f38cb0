"""What ``ivr figures`` prints."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from ivr.calllog.database import Database
from ivr.errors import IvrError
from ivr.figures import days, period
from ivr.figures.by import By
from ivr.figures.period import BadPeriod, Period
from ivr.figures.report import Comparison, Report, compare
from ivr.figures.tables import Table, as_csv, table
from ivr.figures.wording import decimal, headline, lines, period_name
from ivr.knowledge.base import Knowledge
from ivr.progress import Counter


@dataclass(frozen=True)
class Wanted:
    """What is asked of ``ivr figures``; yesterday when no day is given."""

    first: str = ""
    """``2026-11-02``."""
    last: str = ""
    """As ``first``; the same day when empty."""
    by: By | None = None
    form: str = "text"
    """``text``, ``json`` or ``csv``."""
    rebuild: bool = False
    """Count the kept days anew first."""


async def figures(url: str, knowledge: Knowledge, wanted: Wanted) -> None:
    """Print the figures of a period of the call log at ``url``. Raises IvrError."""
    now = datetime.now(UTC)
    chosen = _period(wanted, now, knowledge)
    database = Database(url)
    try:
        if wanted.rebuild:
            await _rebuild(database, days.Town.of(knowledge), now)
        both = await database.run(lambda session: compare(session, knowledge, chosen, now))
    finally:
        await database.close()
    shown = table(both.this, wanted.by, knowledge) if wanted.by else None
    match wanted.form:
        case "json":
            print(json.dumps(as_data(both, shown), ensure_ascii=False, indent=2))
        case "csv":
            sys.stdout.write(as_csv(shown or _main(both)))
        case _:
            print(_text(both, shown))


async def _rebuild(database: Database, town: days.Town, now: datetime) -> None:
    _, stay = await days.forget_kept(database, town)
    with Counter("jours comptés", sys.stderr) as progress:
        await days.keep(database, town, now, progress)
    if stay:
        print(
            f"{stay} jours gardent leurs chiffres : "
            "leurs appels ou leurs rappels ne sont plus tous dans le journal",
            file=sys.stderr,
        )


def _period(wanted: Wanted, now: datetime, knowledge: Knowledge) -> Period:
    if not (wanted.first or wanted.last):
        return period.yesterday(now, knowledge.hours.zone)
    first, last = wanted.first or wanted.last, wanted.last or wanted.first
    try:
        return Period(_date("--from", first), _date("--to", last))
    except BadPeriod as error:
        raise IvrError(str(error)) from error


def _date(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise IvrError(
            f"{option} : « {text} » n'est pas une date ; écrivez-la ainsi : 2026-11-02"
        ) from error


def as_data(both: Comparison, shown: Table | None) -> dict[str, Any]:
    """The figures for programs. Shares are 0.0 to 1.0, times in s, response gaps in ms."""
    data: dict[str, Any] = {"this": _report(both.this), "before": _report(both.before)}
    return data | ({"table": asdict(shown)} if shown else {})


def _report(report: Report) -> dict[str, Any]:
    figures, callbacks = report.figures, report.callbacks
    return {
        "from": report.period.first.isoformat(),
        "to": report.period.last.isoformat(),
        "offered": figures.offered,
        "settled": figures.settled,
        "fates": dict(figures.fates),
        "lost": figures.lost,
        "lost_share": figures.lost_share,
        "quick": figures.quick,
        "transfers": dict(figures.transfers),
        "abandoned_share": figures.abandoned_share,
        "wait_s": _spread(figures.wait),
        "abandoned_after_s": _spread(figures.patience),
        "response_gap_ms": _spread(figures.gap),
        "requests": figures.requests,
        "unanswered_share": figures.unanswered_share,
        "questions": dict(figures.questions),
        "languages": dict(figures.languages),
        "satisfaction": figures.satisfaction.mean,
        "callbacks": {
            "taken": callbacks.count,
            "made": callbacks.made,
            "open": callbacks.open,
            "late": callbacks.late,
            "on_time_share": callbacks.on_time_share,
            "outcomes": dict(callbacks.outcomes),
            "delay_s": _spread(callbacks.delay),
        },
    }


def _spread(spread: Any) -> dict[str, float | None]:
    return {name: getattr(spread, name) for name in ("count", "mean", "median", "p90")}


def _main(both: Comparison) -> Table:
    rows = [(one.label, one.now, one.before) for one in lines(both)]
    return Table("Chiffres", ("Chiffre", "Période", "Période précédente"), rows)


def _text(both: Comparison, shown: Table | None) -> str:
    told = [
        f"Chiffres {period_name(both.this.period)}, comparés à ceux "
        f"{_of(period_name(both.before.period))}",
        "",
        headline(both),
        "",
    ]
    told += [f"  {one.label:<42} {one.now:>16}   {one.before:>16}" for one in lines(both)]
    if shown:
        rows = [[_cell(cell) for cell in row] for row in (shown.header, *shown.rows)]
        widths = [max(len(row[n]) for row in rows) for n in range(len(shown.header))]
        told += ["", shown.title, ""]
        told += [
            "  ".join(
                cell.rjust(width) if n else cell.ljust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
    return "\n".join(told)


def _of(name: str) -> str:
    if name.startswith("le "):
        return "du " + name.removeprefix("le ")
    return f"de la période {name}"


def _cell(cell: object) -> str:
    if cell is None:
        return "–"
    return decimal(cell, 3) if isinstance(cell, float) else str(cell)
