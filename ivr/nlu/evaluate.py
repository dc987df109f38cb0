"""Measures the matcher on utterances whose meaning is known."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from rapidfuzz import process

from ivr.errors import Fault, KnowledgeError
from ivr.events import Expecting
from ivr.nlu.match import DIALOGUE_IDS, OFF_TOPIC, Context, Decision, Match
from ivr.nlu.matcher import Matcher
from ivr.yamlfile import read


@dataclass(frozen=True)
class Line:
    """One utterance and what it means."""

    text: str
    expect: str
    """The id of an entry, or one of DIALOGUE_IDS."""
    style: str = ""
    """How it is said, to be reported apart: ``polite``, ``story``…"""
    expecting: Expecting = "request"
    """What had been asked."""

    def context(self, others: Sequence[str] = ()) -> Context:
        """That in which it is said; ``others`` as in ``Context``."""
        return Context(expecting=self.expecting, others=others)


@dataclass(frozen=True)
class Figures:
    """How well some lines were matched; each figure is a share, 0.0 to 1.0."""

    lines: int
    top1: float
    """The best candidate is right; for ``hors-sujet``, also when nothing was found likely."""
    top2: float
    """The right one is among the first two candidates."""
    answered: float
    """FAQ entries answered without confirming, among the lines that expect an entry."""
    precision: float
    """Of all FAQ entries answered without confirming, those that are right; 1.0 when none was."""
    false_accepts: float
    """Lines that expect ``hors-sujet`` answered from the FAQ without confirming."""
    false_yes: float
    """Lines that are no yes taken for one."""


@dataclass(frozen=True)
class Confusion:
    """One meaning taken for another."""

    expect: str
    found: str
    """An id, or ``""`` when nothing was found likely."""
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All figures of one evaluation."""

    overall: Figures
    entries: dict[str, Figures]
    styles: dict[str, Figures]
    confusions: tuple[Confusion, ...]
    """The most frequent first."""

    def as_json(self) -> dict[str, Any]:
        """The contract of ``ivr evaluate --json``: overall figures at the top level."""
        return {
            **asdict(self.overall),
            "entries": {name: asdict(one) for name, one in self.entries.items()},
            "styles": {name: asdict(one) for name, one in self.styles.items()},
            "confusions": [asdict(one) for one in self.confusions],
        }

    def as_text(self) -> str:
        """A table for people, the worst entries first, then the confusions."""
        worst = sorted(self.entries.items(), key=lambda item: item[1].top1)
        rows = [("", Figures), *worst, *self.styles.items(), ("total", self.overall)]
        head = f"{'':<24}" + "".join(f"{name:>15}" for name in Figures.__dataclass_fields__)
        lines = [head, *(_row(name, one) for name, one in rows if isinstance(one, Figures))]
        for one in self.confusions:
            lines.append(f"\n{one.expect} → {one.found or '(rien)'}")
            lines += [f"    {text}" for text in one.texts]
        return "\n".join(lines)


def read_lines(path: Path, ids: Collection[str] | None = None) -> list[Line]:
    """The lines of a file. Raises KnowledgeError with every fault on its line.

    ids: those of the knowledge's entries; a line that expects another id is a fault.
    """
    document = read(path)
    if not isinstance(document.data, list) or not document.data:
        raise KnowledgeError(
            [Fault(path, 1, "", "une liste de {text, expect} était attendue, une par phrase")]
        )
    faults, lines = [], []
    for number, one in enumerate(document.data):
        values = one if isinstance(one, dict) else {}
        missing = [key for key in ("text", "expect") if not isinstance(values.get(key), str)]
        if missing:
            faults.append(document.fault((number,), f"il manque {' et '.join(missing)}"))
            continue
        if ids is not None and values["expect"] not in {*ids, *DIALOGUE_IDS}:
            faults.append(document.fault((number, "expect"), _unknown(values["expect"], ids)))
            continue
        expecting = values.get("expecting", "request")
        if expecting not in get_args(Expecting):
            known = ", ".join(get_args(Expecting))
            faults.append(document.fault((number, "expecting"), f"ce doit être l'un de : {known}"))
            continue
        style = str(values.get("style") or "")
        lines.append(Line(values["text"], values["expect"], style, expecting))
    if faults:
        raise KnowledgeError(faults)
    return lines


def sample(lines: Sequence[Line], limit: int | None) -> list[Line]:
    """At most ``limit`` lines, taken evenly: files go entry by entry, style by style."""
    if limit is None or len(lines) <= limit:
        return list(lines)
    return [lines[n * len(lines) // limit] for n in range(limit)]


def _unknown(name: str, ids: Collection[str]) -> str:
    alike = process.extractOne(name, [*ids, *DIALOGUE_IDS], score_cutoff=60)
    hint = f" ; vouliez-vous dire « {alike[0]} » ?" if alike else ""
    return f"aucune question ne s'appelle « {name} »{hint}"


def evaluate(matcher: Matcher, lines: Sequence[Line]) -> Report:
    """Match every line, without a conversation before it, and count."""
    return report([(line, matcher.match(line.text, line.context())) for line in lines])


def report(results: Sequence[tuple[Line, Match]]) -> Report:
    """Count how well lines were matched."""
    entries, styles = defaultdict(list), defaultdict(list)
    confused: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line, match in results:
        entries[line.expect].append((line, match))
        if line.style:
            styles[line.style].append((line, match))
        if not right(line, match):
            confused[line.expect, best(match)].append(line.text)
    order = Counter({pair: len(texts) for pair, texts in confused.items()}).most_common()
    return Report(
        figures(results),
        {name: figures(some) for name, some in sorted(entries.items())},
        {name: figures(some) for name, some in styles.items()},
        tuple(Confusion(*pair, tuple(confused[pair])) for pair, _ in order),
    )


def figures(results: Sequence[tuple[Line, Match]]) -> Figures:
    """How well some lines were matched."""
    requests = [(line, match) for line, match in results if line.expect not in DIALOGUE_IDS]
    strays = [match for line, match in results if line.expect == OFF_TOPIC]
    sure = [(line, match) for line, match in results if answered(match)]
    return Figures(
        lines=len(results),
        top1=_share([right(line, match) for line, match in results]),
        top2=_share([right(line, match) or _second(line, match) for line, match in results]),
        answered=_share([answered(match) for _, match in requests]),
        precision=_share([right(line, match) for line, match in sure], empty=1.0),
        false_accepts=_share([answered(match) for match in strays]),
        false_yes=_share([match.entry == "oui" for line, match in results if line.expect != "oui"]),
    )


def best(match: Match) -> str:
    """What was found likeliest, whatever was decided; empty for nothing."""
    return match.candidates[0].entry if match.candidates else ""


def right(line: Line, match: Match) -> bool:
    """Whether a line was understood: that nothing is likely is right for ``hors-sujet``."""
    if line.expect == OFF_TOPIC and match.decision is Decision.REJECT:
        return True
    return best(match) == line.expect


def _second(line: Line, match: Match) -> bool:
    return match.runner_up is not None and match.runner_up.entry == line.expect


def answered(match: Match) -> bool:
    """Whether it is answered from the FAQ without asking."""
    return match.decision is Decision.ANSWER and best(match) not in DIALOGUE_IDS


def _share(values: Sequence[bool], empty: float = 0.0) -> float:
    return round(sum(values) / len(values), 4) if values else empty


def _row(name: str, figures: Figures) -> str:
    values = asdict(figures).values()
    cells = (f"{value:>15}" if isinstance(value, int) else f"{value:>15.1%}" for value in values)
    return f"{name:<24}" + "".join(cells)
