"""The figures as tables: for pages, the command line and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ivr.calllog.words import LANGUAGES
from ivr.figures.by import By
from ivr.figures.callbacks import CallbackFigures
from ivr.figures.fate import Fate
from ivr.figures.report import Report
from ivr.figures.wording import DAYS, FATES, OUTCOMES
from ivr.knowledge.base import Knowledge

Cell = str | int | float | None
BOM = "\ufeff"
"""Tells French spreadsheets that the file is UTF-8."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet would take for the beginning of a formula."""


@dataclass(frozen=True)
class Table:
    """A table with a header. Shares are 0.0 to 1.0, times in seconds, gaps in ms."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def table(report: Report, by: By, knowledge: Knowledge) -> Table:
    """One of the tables of a period."""
    match by:
        case By.DAY:
            lines = {f"{d:%d/%m/%Y} {DAYS[d.weekday()]}": f for d, f in report.days.items()}
            return _of_fates("Par jour", "Jour", lines)
        case By.HOUR:
            return _of_fates(
                "Par heure", "Heure", {f"{h} h - {h + 1} h": f for h, f in report.hours.items()}
            )
        case By.DEPARTMENT:
            return _departments(report, knowledge)
        case By.QUESTION:
            return _questions(report, knowledge)
        case By.CALLBACK:
            return _callbacks(report, knowledge)
        case By.LANGUAGE:
            rows = [(LANGUAGES.get(one, one), n) for one, n in report.figures.languages]
            return Table("Par langue", ("Langue", "Appels"), rows)


def as_csv(shown: Table) -> str:
    """A table for a French spreadsheet: semicolons, decimal commas, and no formula of anybody's."""
    to = io.StringIO()
    writer = csv.writer(to, delimiter=";", lineterminator="\r\n")
    writer.writerows([_written(cell) for cell in row] for row in (shown.header, *shown.rows))
    return BOM + to.getvalue()


def department_name(knowledge: Knowledge, department: str) -> str:
    """A department's name, also of one that no longer exists."""
    if not department:
        return "Non précisé"
    if department not in knowledge.departments:
        return department
    return knowledge.department_name(department)


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]


def _of_fates(title: str, what: str, lines: dict[str, Counter[str]]) -> Table:
    rows = [
        (name, fates.total(), *(fates[one] for one in FATES), _lost_share(fates))
        for name, fates in lines.items()
    ]
    return Table(title, (what, "Reçus", *FATES.values(), "Part perdue"), rows)


def _lost_share(fates: Counter[str]) -> float | None:
    known = fates.total() - fates[Fate.UNKNOWN] - fates[Fate.OPEN]
    return fates[Fate.LOST] / known if known else None


def _departments(report: Report, knowledge: Knowledge) -> Table:
    callbacks = report.callbacks.by_department
    none = CallbackFigures({}, {}, report.callbacks.now)
    rows = []
    for who in sorted({*report.departments, *callbacks}):
        figures, called = report.departments.get(who), callbacks.get(who, none)
        if figures is None:
            cells: list[Cell] = [0, 0, None, None, None, None, None, None, None]
        else:
            cells = [
                *(figures.offered, figures.lost, figures.lost_share),
                figures.share(Fate.MACHINE),
                *(figures.transfers.total(), figures.abandoned_share),
                *(figures.wait.median, figures.wait.p90, figures.satisfaction.mean),
            ]
        row = (_begin(department_name(knowledge, who)), *cells, called.count, called.on_time_share)
        rows.append(row)
    header = (
        *("Service", "Reçus", "Perdus", "Part perdue", "Part de la machine seule"),
        *("Passés aux agents", "Part abandonnée", "Attente médiane (s)", "Attente 9 sur 10 (s)"),
        *("Satisfaction", "Rappels pris", "Part des rappels à temps"),
    )
    return Table("Par service", header, rows)


def _questions(report: Report, knowledge: Knowledge) -> Table:
    figures = report.figures
    answered = dict(figures.questions)
    rows = []
    for entry in sorted(
        {*answered, *figures.all_corrected}, key=lambda one: (-answered.get(one, 0), one)
    ):
        known = knowledge.entries.get(entry)
        rows.append(
            (
                known.title if known else entry,
                entry,
                _begin(department_name(knowledge, known.department)) if known else "",
                answered.get(entry, 0),
                figures.corrected(entry),
            )
        )
    header = ("Question", "Identifiant", "Service", "Réponses données", "Réponses refusées")
    return Table("Par question", header, rows)


def _callbacks(report: Report, knowledge: Knowledge) -> Table:
    outcomes = [*OUTCOMES]
    rows = []
    for who, figures in report.callbacks.by_department.items():
        rows.append(
            (
                _begin(department_name(knowledge, who)),
                *(figures.count, figures.made, figures.open, figures.late),
                *(figures.on_time_share, figures.delay.median),
                *(figures.outcomes[one] for one in outcomes),
            )
        )
    header = (
        *("Service", "Pris", "Faits", "À faire", "En retard", "Part à temps"),
        *("Délai médian (s)", *(OUTCOMES[one] for one in outcomes)),
    )
    return Table("Rappels", header, rows)


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4f}".rstrip("0").rstrip(".").replace(".", ",")
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA) else text
