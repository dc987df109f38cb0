"""The figures in French words: a headline, and lines that compare a period with the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ivr.figures.fate import Fate
from ivr.figures.period import Period
from ivr.figures.report import SOON, Comparison, Figures

NONE = "–"
"""Where there is nothing to tell."""
FATES = {
    Fate.MACHINE: "Répondus par la machine seule",
    Fate.PERSON: "Répondus par un agent",
    Fate.CALLBACK: "Rappel demandé",
    Fate.MESSAGE: "Message laissé",
    Fate.EMERGENCY: "Urgences",
    Fate.LOST: "Perdus",
    Fate.UNKNOWN: "Sort inconnu",
    Fate.OPEN: "En cours",
}
"""What became of calls, in the order in which it is shown."""
OUTCOMES = {
    "reached": "Joint",
    "busy": "Occupé",
    "no-answer": "Sans réponse",
    "voicemail": "Répondeur",
    "refused": "Refusé",
    "wrong-number": "Mauvais numéro",
    "failed": "Échec technique",
    "cancelled": "Annulé",
    "": "Fait sans appel du standard",
}
"""How callbacks ended."""
WEEK = timedelta(days=7)
DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


@dataclass(frozen=True)
class Line:
    """One figure, now and before."""

    label: str
    now: str
    before: str
    better: bool | None = None
    """Whether it changed for the better; None: neither, or nothing to compare."""
    meaning: str = ""
    """What it is, for who does not know the trade."""


def headline(comparison: Comparison) -> str:
    """The share of calls lost, in a sentence."""
    this, before = comparison.this.figures, comparison.before.figures
    if this.lost_share is None:
        return "Aucun appel terminé sur cette période."
    plural = "s" if this.lost > 1 else ""
    told = (
        f"{number(this.lost)} appel{plural} perdu{plural} sur {number(this.settled)}, "
        f"soit {percent(this.lost_share)}"
    )
    if before.lost_share is None:
        return f"{told}."
    return f"{told}, contre {percent(before.lost_share)} {_before(comparison)}."


def period_name(period: Period) -> str:
    """A period as people say it."""
    if period.length == 1:
        day = f"le {DAYS[period.first.weekday()]} {period.first:%d/%m/%Y}"
        return f"{day} jusqu'à {period.until:%H:%M}" if period.until else day
    return f"du {period.first:%d/%m/%Y} au {period.last:%d/%m/%Y}"


def lines(comparison: Comparison) -> list[Line]:
    """The main figures, in the order in which an admin reads them."""
    return [*_calls(comparison), *_queue(comparison), *_machine(comparison), *_after(comparison)]


def _calls(both: Comparison) -> list[Line]:
    line = _Liner(both)
    return [
        line("Appels reçus", lambda f: number(f.offered)),
        line(
            "Appels perdus",
            lambda f: percent(f.lost_share),
            lambda f: f.lost_share,
            less=True,
            meaning="L'appelant est parti sans réponse, sans agent, sans rappel et sans message.",
        ),
        line(
            "dont raccrochés aussitôt",
            lambda f: number(f.quick),
            meaning="En moins de dix secondes, sans rien demander.",
        ),
        line(
            "Répondus par la machine seule",
            lambda f: percent(f.share(Fate.MACHINE)),
            lambda f: f.share(Fate.MACHINE),
        ),
        line("Répondus par un agent", lambda f: percent(f.share(Fate.PERSON))),
        line("Rappels demandés", lambda f: percent(f.share(Fate.CALLBACK))),
        line("Messages laissés", lambda f: percent(f.share(Fate.MESSAGE))),
        line("Urgences", lambda f: number(f.fates[Fate.EMERGENCY])),
    ]


def _queue(both: Comparison) -> list[Line]:
    line = _Liner(both)
    return [
        line("Passés aux agents", lambda f: number(f.transfers.total())),
        line(
            "dont abandonnés",
            lambda f: percent(f.abandoned_share),
            lambda f: f.abandoned_share,
            less=True,
            meaning="L'appelant a raccroché pendant l'attente.",
        ),
        line(
            "Attente d'un agent (médiane)",
            lambda f: duration(f.wait.median),
            lambda f: f.wait.median,
            less=True,
            meaning="La moitié des appelants a attendu moins.",
        ),
        line(
            "Attente d'un agent (neuf sur dix)",
            lambda f: duration(f.wait.p90),
            lambda f: f.wait.p90,
            less=True,
            meaning="Neuf appelants sur dix ont attendu moins.",
        ),
        line(
            f"Servis en {SOON} secondes",
            lambda f: percent(f.wait.within(SOON)),
            lambda f: f.wait.within(SOON),
        ),
        line("Abandon après (médiane)", lambda f: duration(f.patience.median)),
    ]


def _machine(both: Comparison) -> list[Line]:
    line = _Liner(both)
    return [
        line(
            "Délai de réponse de la machine (médiane)",
            lambda f: milliseconds(f.gap.median),
            lambda f: f.gap.median,
            less=True,
            meaning="De la fin de la phrase de l'appelant au premier son de la réponse.",
        ),
        line(
            "Délai de réponse (neuf sur dix)",
            lambda f: milliseconds(f.gap.p90),
            lambda f: f.gap.p90,
            less=True,
        ),
        line(
            "Demandes sans réponse",
            lambda f: percent(f.unanswered_share),
            lambda f: f.unanswered_share,
            less=True,
            meaning="Demandes que la machine n'a pas comprises, ou qu'elle a mal comprises.",
        ),
        line(
            "Satisfaction",
            lambda f: (
                f"{decimal(f.satisfaction.mean)} sur 5 ({_notes(f.satisfaction.count)})"
                if f.satisfaction.count
                else NONE
            ),
            lambda f: f.satisfaction.mean,
        ),
    ]


def _after(both: Comparison) -> list[Line]:
    this, before = both.this.callbacks, both.before.callbacks
    on_time = this.on_time_share, before.on_time_share
    return [
        Line("Rappels pris", number(this.count), number(before.count)),
        Line(
            "Rappels faits à temps",
            percent(on_time[0]),
            percent(on_time[1]),
            _better(on_time[0], on_time[1], less=False),
            "Au moment souhaité, ou au plus tard le jour d'ouverture suivant.",
        ),
        Line("Rappels encore à faire", number(this.open), number(before.open)),
        Line("Le plus ancien attend depuis", age(this.oldest), age(before.oldest)),
    ]


@dataclass(frozen=True)
class _Liner:
    both: Comparison

    def __call__(
        self,
        label: str,
        shown: Callable[[Figures], str],
        value: Callable[[Figures], float | None] = lambda figures: None,
        *,
        less: bool = False,
        meaning: str = "",
    ) -> Line:
        this, before = self.both.this.figures, self.both.before.figures
        better = _better(value(this), value(before), less=less)
        return Line(label, shown(this), shown(before), better, meaning)


def _notes(count: int) -> str:
    return f"{number(count)} note{'s' if count > 1 else ''}"


def _better(this: float | None, before: float | None, *, less: bool) -> bool | None:
    if this is None or before is None or this == before:
        return None
    return (this < before) is less


def _before(comparison: Comparison) -> str:
    period, this = comparison.before.period, comparison.this.period
    if period.length > 1:
        return "la période précédente"
    if this.first - period.first == WEEK:
        return f"le {DAYS[period.first.weekday()]} précédent"
    return "la veille" if period.until is None else "la veille à la même heure"


# --- numbers, as French people write them --------------------------------------------------------


def number(value: int) -> str:
    """An integer, its thousands apart: ``146 000``."""
    return f"{value:,}".replace(",", "\u202f")


def decimal(value: float | None, digits: int = 1) -> str:
    """A number with a comma."""
    return NONE if value is None else f"{value:.{digits}f}".replace(".", ",")


def percent(share: float | None) -> str:
    """A share as percents: ``3,0 %``."""
    return NONE if share is None else f"{decimal(share * 100)}\u202f%"


def duration(seconds: float | None) -> str:
    """A time in words: ``45 s``, ``2 min 05``, ``1 h 12``."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02}"
    return f"{whole // 3600} h {whole % 3600 // 60:02}"


def milliseconds(value: float | None) -> str:
    """A response gap: ``0,65 s``."""
    return NONE if value is None else f"{decimal(value / 1000, 2)} s"


def age(value: timedelta | None) -> str:
    """How long ago: ``3 jours``, ``2 h 10``."""
    if value is None:
        return NONE
    if value.days >= 2:
        return f"{number(value.days)} jours"
    return duration(value.total_seconds())
