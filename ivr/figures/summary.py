"""The daily summary in words: the figures of one day as an e-mail, in plain text and in HTML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from pathlib import Path
from typing import Any

import jinja2
from sqlalchemy.orm import Session

from ivr.figures.period import Period
from ivr.figures.report import Comparison, Figures, report
from ivr.figures.tables import department_name
from ivr.figures.wording import DAYS, NONE, WEEK, headline, lines, number
from ivr.knowledge.base import Knowledge
from ivr.settings import Mail

TEMPLATE = Path(__file__).with_name("summary.html")
WORST = 3
"""Departments that are named for having lost most calls."""


def of_day(session: Session, knowledge: Knowledge, day: date, now: datetime) -> Comparison:
    """A day against the same day of the week before: a Monday is no Sunday."""
    period, before = Period(day, day), Period(day - WEEK, day - WEEK)
    return Comparison(
        report(session, knowledge, period, now), report(session, knowledge, before, now)
    )


def message(mail: Mail, both: Comparison, knowledge: Knowledge, now: datetime) -> EmailMessage:
    """The e-mail that tells of a day. The same day makes the same ``Message-ID``."""
    day = both.this.period.first
    made = EmailMessage()
    made["Subject"] = f"Standard, {_day(day)} : {_short(both.this.figures)}"
    made["From"] = formataddr(("Allô Mairie", mail.sender))
    made["To"] = ", ".join(mail.to)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<chiffres-{day}@{mail.sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    told: dict[str, Any] = {
        "day": _day(day),
        "before": _day(both.before.period.first),
        "headline": headline(both),
        "lines": [one for one in lines(both) if (one.now, one.before) != (NONE, NONE)],
        "worst": _worst(both, knowledge),
    }
    made.set_content(_text(told))
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(told)
    made.add_alternative(page, subtype="html")
    return made


def _text(told: Mapping[str, Any]) -> str:
    rows = [f"- {one.label} : {one.now} ({one.before})" for one in told["lines"]]
    worst = told["worst"]
    return "\n".join(
        [
            "Bonjour,",
            "",
            f"Voici les chiffres du standard pour le {told['day']}.",
            "",
            told["headline"],
            *([f"Où des appels ont été perdus : {worst}."] if worst else []),
            "",
            f"Entre parenthèses, les chiffres du {told['before']} :",
            "",
            *rows,
            "",
            "Le détail est dans la console, page « Chiffres ».",
            "Ce message est envoyé une fois par jour par le standard. Pour ne plus le recevoir,",
            "adressez-vous à la personne qui administre le standard.",
            "",
        ]
    )


def _short(figures: Figures) -> str:
    """Short, and in ASCII: what mail programs show of a longer one has odd spaces."""
    if figures.lost_share is None:
        return "aucun appel"
    plural = "s" if figures.lost > 1 else ""
    return f"{figures.lost} appel{plural} perdu{plural} sur {figures.settled}"


def _worst(both: Comparison, knowledge: Knowledge) -> str:
    """The departments whose callers were lost most, and how many."""
    lost = {name: one.lost for name, one in both.this.departments.items() if one.lost}
    most = sorted(lost.items(), key=lambda one: (-one[1], one[0]))[:WORST]
    return ", ".join(f"{department_name(knowledge, name)} ({number(n)})" for name, n in most)


def _day(day: date) -> str:
    return f"{DAYS[day.weekday()]} {day:%d/%m/%Y}"
