"""What was understood over the telephone, beside what is understood of the lines in writing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2

from ivr.errors import IvrError
from ivr.evaluation.audio import Heard
from ivr.nlu.evaluate import Figures, Report, best, figures, report, right
from ivr.nlu.match import Match
from ivr.nlu.matcher import Matcher

TEMPLATE = Path(__file__).with_name("report.html")
FIGURES = {
    "top1": "Bien comprises",
    "top2": "La bonne parmi les deux premières",
    "answered": "Répondues sans confirmation",
    "precision": "De celles-ci, justes",
    "false_accepts": "Hors sujet répondues par erreur",
    "false_yes": "Prises pour un oui par erreur",
}
"""The figures that people are shown, in words."""


@dataclass(frozen=True)
class Outcome:
    """One line: what was heard of it, and what was understood."""

    heard: Heard
    written: Match
    """Of the line as it is written."""
    spoken: Match
    """Of what was heard."""

    @property
    def right(self) -> bool:
        """Whether it was understood over the telephone."""
        return right(self.heard.line, self.spoken)

    @property
    def right_in_writing(self) -> bool:
        """Whether it is understood as it is written."""
        return right(self.heard.line, self.written)

    @property
    def found(self) -> str:
        """What it was taken for; empty for nothing."""
        return best(self.spoken)


@dataclass(frozen=True)
class AudioReport:
    """All figures of one evaluation over the telephone."""

    outcomes: tuple[Outcome, ...]
    spoken: Report
    written: Report
    voices: dict[str, Figures]
    wrong_words: float
    """Words left out, put in or changed, as a share of those said."""
    cut: float
    """Share of lines that went on after a pause had ended the first utterance."""

    def as_json(self) -> dict[str, Any]:
        """As ``Report.as_json``, with what is of the telephone besides."""
        return {
            **self.spoken.as_json(),
            "written": asdict(self.written.overall),
            "voices": {name: asdict(one) for name, one in self.voices.items()},
            "wrong_words": self.wrong_words,
            "cut": self.cut,
            "failures": [
                {
                    "said": one.heard.line.text,
                    "heard": one.heard.text,
                    "voice": one.heard.voice,
                    "expect": one.heard.line.expect,
                    "found": one.found,
                    "score": round(one.spoken.score, 4),
                    "decision": one.spoken.decision,
                    "right_in_writing": one.right_in_writing,
                }
                for one in self.failures
            ],
        }

    def as_text(self) -> str:
        """The report on what was heard, then what the telephone costs."""
        rows = [
            f"{name:<16}{getattr(self.written.overall, name):>10.1%}"
            f"{getattr(self.spoken.overall, name):>10.1%}"
            for name in FIGURES
        ]
        return "\n".join(
            [
                self.spoken.as_text(),
                f"\n{'':<16}{'écrit':>10}{'parlé':>10}",
                *rows,
                f"\nmots mal reconnus : {self.wrong_words:.1%}",
                f"phrases coupées par une pause : {self.cut:.1%}",
            ]
        )

    def as_html(self) -> str:
        """One page that needs nothing else, in French."""
        environment = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["percent"] = percent
        worst = sorted(
            (one for one in self.spoken.entries.items() if one[1].top1 < 1),
            key=lambda item: (item[1].top1, -item[1].lines),
        )
        return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
            report=self, worst=worst, names=FIGURES
        )

    @property
    def failures(self) -> list[Outcome]:
        """What was not understood; first what is understood in writing."""
        failed = [one for one in self.outcomes if not one.right]
        return sorted(failed, key=lambda one: not one.right_in_writing)


def compare(matcher: Matcher, heard: Sequence[Heard]) -> AudioReport:
    """Match what was heard, and what was said."""
    outcomes = tuple(
        Outcome(
            one,
            matcher.match(one.line.text, one.line.context()),
            matcher.match(one.text, one.line.context(one.others)),
        )
        for one in heard
    )
    spoken = [(one.heard.line, one.spoken) for one in outcomes]
    voices = defaultdict(list)
    for one, result in zip(outcomes, spoken, strict=True):
        voices[one.heard.voice].append(result)
    return AudioReport(
        outcomes,
        report(spoken),
        report([(one.heard.line, one.written) for one in outcomes]),
        {name: figures(some) for name, some in voices.items()},
        round(sum(one.wrong_words for one in heard) / (sum(one.words for one in heard) or 1), 4),
        round(sum(bool(one.rest) for one in heard) / len(heard), 4),
    )


def write(page: str, path: Path) -> None:
    """Write the page. Raises IvrError where it cannot be."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise IvrError(f"{path}: cannot be written: {error.strerror}") from error


def percent(share: float) -> str:
    """As French writes it: ``94,3 %``."""
    return f"{share * 100:.1f}\u202f%".replace(".", ",")
